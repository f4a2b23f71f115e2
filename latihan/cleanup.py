"""What is to be put away after an interrupted run.

Ansible is killed when a run is interrupted, so none of its own clean-up has happened.
"""

from __future__ import annotations

import subprocess
import sys
from enum import Enum, auto

from latihan.project import DEFAULT_PROVIDER, Project

_TEARDOWN = "ansible_collections.latihan.lab.plugins.plugin_utils.embedded.teardown"


class Left(Enum):
    """What an interrupted run left of the cluster."""

    NOTHING = auto()
    CLUSTER = auto()
    HALF_MADE = auto()


def left_by(project: Project, profile: str, provider: str) -> Left:
    """What there is of a profile's cluster: its contract is written when it is complete."""
    if project.contract(profile).exists():
        return Left.CLUSTER
    half_made = provider == DEFAULT_PROVIDER and project.profile_state(profile).exists()
    return Left.HALF_MADE if half_made else Left.NOTHING


def remove(project: Project, profile: str) -> str:
    """Remove a half-made cluster.

    Returns:
        The last line of what went wrong; nothing where all went well.
    """
    done = subprocess.run(
        [
            *(sys.executable, "-m", _TEARDOWN),
            *("--state", str(project.state), "--profile", profile),
        ],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        # Ctrl-C goes to a terminal's whole group, and this must not be interrupted.
        start_new_session=True,
    )
    if done.returncode == 0:
        return ""
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return said[-1] if said else f"it ended with {done.returncode}"
