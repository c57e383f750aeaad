"""`python -m rulecap` is the command `rulecap`."""

import sys

from rulecap.cli import main

if __name__ == "__main__":
    sys.exit(main())
