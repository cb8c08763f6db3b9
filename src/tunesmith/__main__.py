"""`python -m tunesmith`: the command, where it is not on the PATH."""

from tunesmith.cli.main import main

if __name__ == "__main__":
    main()
