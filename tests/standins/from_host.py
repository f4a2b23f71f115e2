"""Runs a command on the host of the lent lab, wherever that is now: ``from_host COMMAND ...``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.standins import ways

if __name__ == "__main__":
    ways.become(Path(os.environ[ways.LENT]), "host", sys.argv[1:])
