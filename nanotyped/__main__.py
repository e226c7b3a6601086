"""``python -m nanotyped``: the same as the command ``nanotyped``."""

import sys

import nanotyped_launcher

if __name__ == "__main__":
    sys.exit(nanotyped_launcher.main())
