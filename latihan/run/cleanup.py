"""Cleaning up after an interrupted run.

Ansible is killed when a run is interrupted, so none of its own clean-up has happened.
"""

from __future__ import annotations

import os
import subprocess
import sys

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.common import profiles
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from latihan.base.project import Project
from latihan.run import stragglers

_REMOVE = f"{providers.__name__}.remove"


def leftovers(project: Project, profile: str, provider: str) -> list[Profile]:
    """The clusters to remove after an interrupted run: a half-made one, and any second lab."""
    lab, second = project.profile(profile), project.profile(profiles.second_of(profile))
    half_made = providers.of(lab, provider).is_half_made(lab)
    return [*([lab] if half_made else []), *([second] if second.folder.exists() else [])]


def remove(lab: Profile, provider: str) -> str:
    """Remove a lab, even if it is only half made.

    Args:
        lab: the lab.
        provider: what was making it, if there is no contract that says so.

    Returns:
        The last line of what went wrong; empty if all went well.
    """
    made_by = contract.provider_of(lab.contract) or provider
    done = subprocess.run(
        [sys.executable, "-P", "-m", _REMOVE, made_by, str(lab.state), lab.name],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        # If this process is killed, the next run ends what it finds by this mark.
        env={**os.environ, stragglers.RUN_VARIABLE: stragglers.mark(lab.owner.folder)},
        # Ctrl-C goes to a terminal's whole group, and this must not be interrupted.
        start_new_session=True,
    )
    if done.returncode == 0:
        return ""
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return said[-1] if said else f"it ended with {done.returncode}"
