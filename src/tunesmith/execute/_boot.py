"""The program of a worker process: `python -P _boot.py <where tunesmith lies> <socket> <parent> <tie>`.

A script, not `python -m`: the parent may have found `tunesmith` where only its own `sys.path` looks.
"""

import sys

if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    from tunesmith.execute._worker import main

    sys.exit(main(*map(int, sys.argv[2:5])))
