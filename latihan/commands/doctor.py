"""``doctor``: what is missing on the machine for a lab, before anything is made."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils.common import patience
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.checks import Check
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.preflight import (
    LabSpec,
    check,
)
from latihan.base.exits import Exit, exit_of
from latihan.base.project import Project
from latihan.commands import answers
from latihan.commands.answers import CheckAnswer, DoctorAnswer
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
        help="a variable that you will also set for the run",
    )
    answers.add_output(parser)


def execute(context: Context, options: argparse.Namespace) -> int:
    """Check the machine; the exit code is that of the first check that failed."""
    chosen = variables.chosen(context.project, options.extra_vars)
    patience.choose(chosen.get(patience.VARIABLE, patience.AUTO))
    checks = check(lab_spec(context.project, context.profile, chosen))
    if options.output == answers.JSON:
        answers.print_json(context.console, answer(checks))
        return verdict(checks)
    for each in checks:
        context.console.print(line(each))
        if each.hint:
            context.console.print(Text(f"    → {each.hint}", style="yellow"))
    return verdict(checks)


def lab_spec(project: Project, profile: str, chosen: dict[str, Any]) -> LabSpec:
    """What a lab needs of the machine, with these variables and the defaults of the others."""
    specs = variable_specs.variables_of(project)
    values = {**{name: spec.default for name, spec in specs.items()}, **chosen}
    return LabSpec(
        cache=project.cache,
        state=project.state,
        profile=profile,
        nodes=int(values["lab_nodes"]),
        networks={name: str(values[name]) for name in _NETWORKS},
    )


def answer(checks: Sequence[Check]) -> DoctorAnswer:
    """The checks as a document."""
    return DoctorAnswer(
        exit_code=verdict(checks),
        checks=[
            CheckAnswer(
                name=each.name,
                ok=each.ok,
                warning=each.warning,
                message=each.message,
                hint=each.hint,
            )
            for each in checks
        ],
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
    """0 if no check failed, else the exit code of the first that did."""
    failed = [each for each in checks if not each.ok]
    return exit_of(failed[0].kind.value) if failed else Exit.HOLDS
