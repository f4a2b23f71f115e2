"""``heal``: take faults out of a lab again."""

from __future__ import annotations

import argparse

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import lab
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import exercises, faults
from latihan.base import locks
from latihan.base.exits import Exit
from latihan.commands.command import Context

RAW = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``heal``."""
    parser.add_argument("name", nargs="?", default="", help="a fault; without it, all")
    parser.add_argument(
        "--forget", action="store_true", help="undo nothing, since you mended it by hand"
    )


def execute(context: Context, options: argparse.Namespace) -> int:
    """Take out a fault that is in place, or all of them; or forget them."""
    namespace = context.contract().namespace or "default"
    names = [each.name for each in faults.placed(context.lab.folder)]
    if options.name and options.name not in names:
        raise LabError(
            f"The fault {options.name!r} is not in place.",
            f"In place are: {', '.join(names) or 'none'}.",
            Kind.INPUT,
        )
    owner = context.lab.owner.name
    with locks.lock_profile(context.project.locks, owner, f"runner.py heal --profile {owner}"):
        if options.forget:
            out, done = faults.forget(context.lab.folder, options.name), "Forgotten"
        else:
            there = lab(str(context.lab.contract), namespace)
            out, done = exercises.take_out(there, context.lab.folder, options.name), "Mended"
        for each in out:
            context.console.print(f"{done}: {each.title}.")
    if not names:
        context.console.print("No fault is in place.")
    return Exit.HOLDS
