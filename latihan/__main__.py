"""``python -m latihan``: what ``runner.py`` hands over to."""

import sys

from latihan.cli import main

sys.exit(main(sys.argv[1:]))
