"""`python -m benchmarks.child SPEC`: one measurement in a fresh process, its figures as a line of JSON."""

from __future__ import annotations

import json
import sys


def main() -> int:
    spec = json.loads(sys.argv[1])
    from benchmarks.measures import MEASURES

    figures = MEASURES[spec.pop("measure")](**spec)
    sys.stdout.write("\n" + json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
