"""Removes a lab without Ansible: ``python3 -m ...remove PROVIDER STATE PROFILE``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile


def main() -> int:
    """Remove the lab; returns the exit code."""
    parser = argparse.ArgumentParser(description="Remove a lab, even a half-made one.")
    parser.add_argument("provider", help="what made it")
    parser.add_argument("state", type=Path, help="the folder of all profiles")
    parser.add_argument("profile", help="the lab's name")
    options = parser.parse_args()
    try:
        profile = Profile(options.profile, options.state)
        providers.named(options.provider).remove(profile, check=False)
    except LabError as error:
        print(error, file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
