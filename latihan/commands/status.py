"""``status``: what there is of a profile's lab."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Reach,
    Stopped,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from latihan.base import processes
from latihan.base.exits import Exit
from latihan.base.project import need_root
from latihan.commands.command import Context
from latihan.commands.listed import listed
from latihan.output.summary import MEANING
from latihan.reports import report

RAW = False

_MIB = 1024 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has no options of its own."""


def execute(context: Context, options: argparse.Namespace) -> int:
    """Print the state of the lab; exit code 0 where all of it runs, else 1."""
    need_root(context.provider)
    if not context.lab.contract.exists():
        return absent(context, half_made=context.provider.is_half_made(context.lab))
    contract = context.contract()
    ready = readiness(contract)
    lines = Table.grid(padding=(0, 2))
    lines.add_row("Profile", contract.profile)
    lines.add_row("Provider", contract.provider)
    lines.add_row("API", "answers" if ready is not None else "does not answer")
    used = processes.usage(context.provider.processes(context.lab))
    lines.add_row("Processes", f"{used.processes}, {used.memory / _MIB:.0f} MiB together")
    lines.add_row("Last run", last_run(context))
    context.console.print(lines)
    nodes = Table("node", "address", "state", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    states = {node.name: state(node.reach, (ready or {}).get(node.name)) for node in contract.nodes}
    for node in contract.nodes:
        nodes.add_row(node.name, node.address, states[node.name])
    context.console.print(nodes)
    well = ready is not None and set(states.values()) == {"Ready"}
    return Exit.HOLDS if well else Exit.OUTCOME_FAILED


def absent(context: Context, *, half_made: bool) -> int:
    """Say that there is no cluster."""
    context.console.print(
        Text(f"There is {'only half a' if half_made else 'no'} cluster {context.profile!r}.")
    )
    word = "teardown" if half_made else "full-lab"
    context.console.print(Text(f"  → `python3 runner.py {word}`", style="yellow"))
    return Exit.OUTCOME_FAILED


def readiness(contract: Contract) -> Mapping[str, str] | None:
    """Each node's Ready condition as the API has it; None if the API doesn't answer."""
    try:
        return conditions(listed(contract, "nodes"))
    except LabError:
        return None


def conditions(nodes: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Each node's Ready condition, True, False or Unknown, from the API's nodes."""
    return {
        str(node["metadata"]["name"]): str(condition["status"])
        for node in nodes
        for condition in node["status"].get("conditions", [])
        if condition["type"] == "Ready"
    }


def state(reach: Reach, ready: str | None) -> str:
    """A node's state in one word or two."""
    if reach == Stopped():
        return "stopped"
    return {"True": "Ready", None: "unknown"}.get(ready, "not ready")


def last_run(context: Context) -> str:
    """What the last run of the profile came to."""
    try:
        folder = report.find(context.project.artifacts(context.profile), "latest")
    except LabError:
        return "none"
    try:
        told = report.load(folder)
    except LabError as error:
        return error.message
    counted = ", ".join(
        f"{number} {verdict}" for verdict, number in told.verdicts.plain().items() if number
    )
    return f"{told.playbook}: {MEANING[told.exit_code]}" + (f" ({counted})" if counted else "")
