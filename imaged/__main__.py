"""`python -m imaged` is the command `imaged`."""

from imaged.cli import main

if __name__ == "__main__":
    main()
