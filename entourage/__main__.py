"""`python -m entourage`: the command line, also where the `entourage` script is not on the path."""

from entourage.cli import main

if __name__ == "__main__":
    main()
