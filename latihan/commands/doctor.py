"""``doctor``: what the machine lacks for a lab, before anything is made."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils.supply.preflight import (
    Check,
    LabSpec,
    check,
)
from latihan.base.exits import Exit, exit_of
from latihan.base.project import Project
from latihan.commands.command import Context
from latihan.inputs import variable_specs, variables

RAW = False

_NETWORKS = ("lab_network", "lab_pod_network", "lab_service_network")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``doctor``."""
    parser.add_argument(
        *("-e", "--extra-vars"),
        action="append",
        default=[],
        metavar="NAME=VALUE|@FILE",
        help="a variable that the run will be given too",
    )


def execute(context: Context, options: argparse.Namespace) -> int:
    """Check the machine; the exit code says whose trouble it is where something lacks."""
    chosen = variables.chosen(context.project, options.extra_vars)
    checks = check(wanted(context.project, context.profile, chosen))
    for each in checks:
        context.console.print(line(each))
        if each.hint:
            context.console.print(Text(f"    → {each.hint}", style="yellow"))
    return verdict(checks)


def wanted(project: Project, profile: str, chosen: dict[str, Any]) -> LabSpec:
    """What a lab with the usual values, and those chosen, asks of the machine."""
    usual = {name: variable.default for name, variable in variable_specs.known(project).items()}
    values = {**usual, **chosen}
    return LabSpec(
        cache=project.cache,
        state=project.state,
        profile=profile,
        nodes=int(values["lab_nodes"]),
        networks={name: str(values[name]) for name in _NETWORKS},
    )


def line(each: Check) -> Text:
    """One check in one line."""
    if each.ok and not each.warning:
        return Text.assemble(("✔ ", "green"), (f"{each.name:<20}", "bold"), each.message)
    style = "yellow" if each.ok else "red"
    return Text.assemble(
        ("! " if each.ok else "✘ ", style), (f"{each.name:<20}", "bold"), (each.message, style)
    )


def verdict(checks: Sequence[Check]) -> Exit:
    """0 where nothing lacks, else the exit code of the first check that failed."""
    failed = [each for each in checks if not each.ok]
    return exit_of(failed[0].kind.value) if failed else Exit.HOLDS
