"""python -m latentcast: the same as the command."""

from latentcast.cli import main

if __name__ == "__main__":
    main()
