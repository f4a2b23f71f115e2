"""What is to be put away after an interrupted run.

Ansible is killed when a run is interrupted, so none of its own clean-up has happened.
"""

from __future__ import annotations

import subprocess
import sys

from ansible_collections.latihan.lab.plugins.plugin_utils.common import profiles
from latihan.base.project import DEFAULT_PROVIDER, Project

_TEARDOWN = "ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.teardown"


def passing(project: Project, profile: str, provider: str) -> list[str]:
    """The clusters that an interrupted run leaves and that must not stay.

    A cluster is half-made as long as it has no contract; a second lab never stays.
    """
    if provider != DEFAULT_PROVIDER:
        return []
    half_made = [] if project.contract(profile).exists() else [profile]
    found = [*half_made, profiles.second_of(profile)]
    return [each for each in found if project.profile_state(each).exists()]


def remove(project: Project, profile: str) -> str:
    """Remove a cluster, a half-made one too.

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
