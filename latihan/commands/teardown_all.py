"""``teardown --all``: removes every lab of this machine."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from ansible_collections.latihan.lab.plugins.plugin_utils.common import profiles
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from latihan.base import locks
from latihan.base.exits import Exit, exit_of
from latihan.base.project import Project, need_root
from latihan.base.signals import on_signals
from latihan.run import cleanup, stragglers


def teardown_all(project: Project, console: Console) -> Exit:
    """Remove the labs of this machine, whatever state folder they were made under.

    A lab that a run works on stays. What a killed run left working is ended first.

    Args:
        project: the folders of the labs that don't run.
        console: where to print a line for each lab.

    Returns:
        0, or the exit code of the first lab that couldn't be removed.
    """
    found = {lab: provider.name for lab, provider in providers.labs(project.state).items()}
    for folder in stragglers.marked_labs():
        if profiles.may_be_named(folder.name):
            found.setdefault(Profile(folder.name, folder.parent), providers.DEFAULT)
    if not found:
        console.print("There is no lab on this machine.")
        return Exit.HOLDS
    codes = [_remove(project, console, lab, provider) for lab, provider in sorted(found.items())]
    return next(filter(None, codes), Exit.HOLDS)


def _remove(project: Project, console: Console, lab: Profile, provider: str) -> Exit:
    """Remove one lab, and say so."""
    waiting = "Still removing it; this takes a few seconds ..."
    try:
        need_root(providers.named(provider))
        with (
            locks.lock_profile(project.locks, lab.owner.name, "runner.py teardown --all"),
            on_signals(lambda number, frame: console.print(Text(waiting, style="yellow"))),
        ):
            stragglers.end_earlier(lab.owner.folder)
            trouble = cleanup.remove(lab, provider)
    except LabError as error:
        console.print(Text(f"{lab.folder} stays: {error.message}", style="red"))
        return exit_of(error.kind.value)
    if trouble:
        console.print(Text(f"{lab.folder} can't be removed: {trouble}", style="red"))
        return Exit.STEP_FAILED
    console.print(Text(f"{lab.folder} is removed."))
    return Exit.HOLDS
