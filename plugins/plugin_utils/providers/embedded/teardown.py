"""Takes a lab away without Ansible: ``python3 -m ...teardown --state FOLDER --profile NAME``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import engine


def main() -> int:
    """Take it away; returns the exit code."""
    parser = argparse.ArgumentParser(description="Take a lab away, a half-made one too.")
    parser.add_argument("--state", type=Path, required=True, help="the folder of all profiles")
    parser.add_argument("--profile", required=True, help="the lab's name")
    options = parser.parse_args()
    try:
        engine.teardown(options.profile, options.state)
    except LabError as error:
        print(error, file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
