"""``status``: the state of a profile's lab."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
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
from latihan.commands import answers
from latihan.commands.answers import (
    LabInShort,
    LabsAnswer,
    LastRun,
    NodeAnswer,
    StatusAnswer,
)
from latihan.commands.command import Context
from latihan.commands.listed import listed
from latihan.output.summary import MEANING
from latihan.reports import report

RAW = False

_MIB = 1024 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``status``."""
    parser.add_argument("--all", action="store_true", help="a line for every lab of this machine")
    answers.add_output(parser)


def execute(context: Context, options: argparse.Namespace) -> int:
    """Print the state of the lab, or of all; exit code 0 if all of it runs, else 1."""
    need_root(context.provider)
    as_json = options.output == answers.JSON
    if options.all:
        labs = everywhere(context.project.state)
        answers.print_json(context.console, labs) if as_json else print_labs(context, labs)
        return verdict(all(lab.well for lab in labs.labs))
    found = of_lab(context)
    answers.print_json(context.console, found) if as_json else print_lab(context, found)
    return verdict(found.well)


def of_lab(context: Context) -> StatusAnswer:
    """The state of the profile's lab."""
    provider, lab = context.provider, context.lab
    made = context.contract() if lab.contract.exists() else None
    ready = readiness(made) if made else None
    states = states_of(made, ready) if made else {}
    used = processes.usage(provider.processes(lab) if made else [])
    half_made = made is None and provider.is_half_made(lab)
    return StatusAnswer(
        profile=context.profile,
        provider=made.provider if made else provider.name,
        state="made" if made else "half_made" if half_made else "absent",
        well=is_well(ready, states),
        api=ready is not None,
        processes=used.processes,
        memory_bytes=used.memory,
        troubles=provider.troubles(lab) if made else [],
        nodes=[
            NodeAnswer(name=node.name, address=node.address, state=states[node.name])
            for node in (made.nodes if made else ())
        ],
        last_run=last_run(context),
    )


def print_lab(context: Context, found: StatusAnswer) -> None:
    """Print the state of a lab."""
    if found.state != "made":
        print_absent(context, half_made=found.state == "half_made")
        return
    lines = Table.grid(padding=(0, 2))
    lines.add_row("Profile", found.profile)
    lines.add_row("Provider", found.provider)
    lines.add_row("API", "answers" if found.api else "does not answer")
    memory = f"{found.memory_bytes / _MIB:.0f} MiB together"
    lines.add_row("Processes", f"{found.processes}, {memory}")
    lines.add_row("Last run", in_words(found.last_run))
    for trouble in found.troubles:
        lines.add_row("Trouble", Text(trouble, style="red"))
    context.console.print(lines)
    nodes = table("node", "address", "state")
    for node in found.nodes:
        nodes.add_row(node.name, node.address, node.state)
    context.console.print(nodes)


def everywhere(state: Path) -> LabsAnswer:
    """The state of each lab of this machine.

    Args:
        state: a folder of labs; those of other folders count if they run.
    """
    labs = []
    for lab, provider in providers.labs(state).items():
        nodes, runs = in_short(lab)
        used = processes.usage(provider.processes(lab))
        labs.append(
            LabInShort(
                profile=lab.name,
                provider=provider.name,
                folder=str(lab.folder),
                well=runs,
                nodes=nodes,
                memory_bytes=used.memory,
            )
        )
    return LabsAnswer(labs=labs)


def print_labs(context: Context, found: LabsAnswer) -> None:
    """Print a line for each lab of this machine."""
    if not found.labs:
        context.console.print("There is no lab on this machine.")
        return
    labs = table("profile", "provider", "nodes", "memory", "folder")
    for lab in found.labs:
        memory = f"{lab.memory_bytes / _MIB:.0f} MiB"
        labs.add_row(lab.profile, lab.provider, lab.nodes, memory, lab.folder)
    context.console.print(labs)


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


def print_absent(context: Context, *, half_made: bool) -> None:
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


def last_run(context: Context) -> LastRun | None:
    """How the last run of the profile ended; None if there is none."""
    try:
        folder = report.find(context.project.artifacts(context.profile), "latest")
    except LabError:
        return None
    try:
        loaded = report.load(folder)
    except LabError as error:
        return LastRun(run=folder.name, error=error.message)
    return LastRun(
        run=folder.name,
        playbook=loaded.playbook,
        exit_code=loaded.exit_code,
        verdicts=loaded.verdicts,
    )


def in_words(run: LastRun | None) -> str:
    """How a run ended, in one line."""
    if run is None:
        return "none"
    if run.exit_code is None or run.verdicts is None:
        return run.error
    counted = ", ".join(
        f"{number} {verdict}" for verdict, number in run.verdicts.plain().items() if number
    )
    return f"{run.playbook}: {MEANING[run.exit_code]}" + (f" ({counted})" if counted else "")
