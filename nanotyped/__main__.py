"""``python -m nanotyped``: the same as the command ``nanotyped``."""

import sys

from nanotyped.cli import main

if __name__ == "__main__":
    sys.exit(main())
