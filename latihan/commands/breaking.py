"""``break``: put a fault into a lab, for somebody to find."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import lab
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.surroundings import settle
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import faults
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.faults import Fault
from latihan.base import locks, suggestions
from latihan.base.exits import Exit
from latihan.commands.command import Context

RAW = False
CATALOGUE = "faults/catalogue.yml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``break``."""
    parser.add_argument("name", nargs="?", help="a fault; without it, all are listed")
    parser.add_argument("--catalogue", metavar="FILE", type=Path, help="faults of your own (YAML)")
    parser.add_argument(
        "-n", "--namespace", default="", help="whose pods and services are meant (the lab's own)"
    )


def execute(context: Context, options: argparse.Namespace) -> int:
    """Put a fault into the lab, or list the faults."""
    known = faults.load(options.catalogue or context.project.root / CATALOGUE)
    if options.name is None:
        for each in known.values():
            context.console.print(f"{each.name:28} {each.layer:12} {each.title}", highlight=False)
        return Exit.HOLDS
    chosen = named(options.name, known)
    namespace = options.namespace or context.contract().namespace or "default"
    settle(fetches=False)
    there = lab(str(context.lab.contract), namespace)
    if any(each.name == chosen.name for each in faults.placed(context.lab.folder)):
        raise LabError(
            f"The fault {chosen.name!r} is in place already.",
            "`python3 runner.py heal` takes it out.",
            Kind.INPUT,
        )
    owner = context.lab.owner.name
    with locks.lock_profile(context.project.locks, owner, f"runner.py break --profile {owner}"):
        faults.put_in(there, context.lab.folder, chosen)
    context.console.print(f"Broken: {chosen.title}.")
    context.console.print("See it with `python3 runner.py verify`; `heal` takes it out again.")
    return Exit.HOLDS


def named(name: str, known: Mapping[str, Fault]) -> Fault:
    """The fault of that name; LabError with the closest names if there is none."""
    if name in known:
        return known[name]
    raise LabError(
        f"There is no fault {name!r}.",
        suggestions.hint(name, known, "`python3 runner.py break` lists them."),
        Kind.INPUT,
    )
