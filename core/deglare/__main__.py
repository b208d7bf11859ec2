"""``python -m deglare``: the same as the command ``deglare``."""

import sys

from deglare.cli import main

if __name__ == "__main__":
    sys.exit(main())
