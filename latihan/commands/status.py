"""``status``: the state of a profile's lab."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Reach,
    Stopped,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
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
    """The options of ``status``."""
    parser.add_argument("--all", action="store_true", help="a line for every lab of this machine")


def execute(context: Context, options: argparse.Namespace) -> int:
    """Print the state of the lab, or of all; exit code 0 if all of it runs, else 1."""
    need_root(context.provider)
    if options.all:
        return everywhere(context)
    if not context.lab.contract.exists():
        return absent(context, half_made=context.provider.is_half_made(context.lab))
    made = context.contract()
    ready = readiness(made)
    lines = Table.grid(padding=(0, 2))
    lines.add_row("Profile", made.profile)
    lines.add_row("Provider", made.provider)
    lines.add_row("API", "answers" if ready is not None else "does not answer")
    used = processes.usage(context.provider.processes(context.lab))
    lines.add_row("Processes", f"{used.processes}, {used.memory / _MIB:.0f} MiB together")
    lines.add_row("Last run", last_run(context))
    for trouble in context.provider.troubles(context.lab):
        lines.add_row("Trouble", Text(trouble, style="red"))
    context.console.print(lines)
    nodes = table("node", "address", "state")
    states = states_of(made, ready)
    for node in made.nodes:
        nodes.add_row(node.name, node.address, states[node.name])
    context.console.print(nodes)
    return verdict(is_well(ready, states))


def everywhere(context: Context) -> int:
    """Print a line for each lab of this machine; exit code 0 if all of them run, else 1."""
    found = providers.labs(context.project.state)
    if not found:
        context.console.print("There is no lab on this machine.")
        return Exit.HOLDS
    labs, well = table("profile", "provider", "nodes", "memory", "folder"), True
    for lab, provider in found.items():
        nodes, runs = in_short(lab)
        well &= runs
        used = processes.usage(provider.processes(lab))
        memory = f"{used.memory / _MIB:.0f} MiB"
        labs.add_row(lab.name, provider.name, nodes, memory, str(lab.folder))
    context.console.print(labs)
    return verdict(well)


def in_short(lab: Profile) -> tuple[str, bool]:
    """The states of a lab's nodes in a few words, and whether all of it runs."""
    if not lab.contract.exists():
        return "half made", False
    try:
        read = contract.read(lab.contract)
    except LabError:
        return "unreadable contract", False
    ready = readiness(read)
    states = states_of(read, ready)
    counted = Counter(states.values())
    return ", ".join(f"{count} {word}" for word, count in counted.items()), is_well(ready, states)


def table(*columns: str) -> Table:
    """An empty table without lines."""
    return Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))


def verdict(well: bool) -> Exit:  # noqa: FBT001 - it is the question itself
    """The exit code of ``status``."""
    return Exit.HOLDS if well else Exit.OUTCOME_FAILED


def states_of(contract: Contract, ready: Mapping[str, str] | None) -> dict[str, str]:
    """Each node's state in one word or two, by its name."""
    return {node.name: state(node.reach, (ready or {}).get(node.name)) for node in contract.nodes}


def is_well(ready: Mapping[str, str] | None, states: Mapping[str, str]) -> bool:
    """Whether the API answers, and all nodes are Ready."""
    return ready is not None and set(states.values()) == {"Ready"}


def absent(context: Context, *, half_made: bool) -> int:
    """Say that there is no cluster, or only a half-made one."""
    name = repr(context.profile)
    if half_made:
        text, hint = (
            f"The cluster {name} is only half made.",
            "`python3 runner.py teardown` removes it.",
        )
    else:
        text, hint = f"There is no cluster {name}.", "`python3 runner.py full-lab` makes one."
    context.console.print(Text(text))
    context.console.print(Text(f"  → {hint}", style="yellow"))
    return Exit.OUTCOME_FAILED


def readiness(contract: Contract) -> Mapping[str, str] | None:
    """Each node's Ready condition, from the API; None if the API doesn't answer."""
    try:
        return listed(contract, conditions, "nodes")
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
    """How the last run of the profile ended."""
    try:
        folder = report.find(context.project.artifacts(context.profile), "latest")
    except LabError:
        return "none"
    try:
        loaded = report.load(folder)
    except LabError as error:
        return error.message
    counted = ", ".join(
        f"{number} {verdict}" for verdict, number in loaded.verdicts.plain().items() if number
    )
    return f"{loaded.playbook}: {MEANING[loaded.exit_code]}" + (f" ({counted})" if counted else "")
