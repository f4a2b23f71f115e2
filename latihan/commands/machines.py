"""``lab-machines``, ``lab-machines-verify``, ``lab-machines-reset``: a room over SSH."""

from __future__ import annotations

import argparse
import hashlib
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.progress import PREFIX
from ansible_collections.latihan.lab.plugins.plugin_utils.machines import failures, records
from latihan.base import locks
from latihan.base.exits import Exit
from latihan.base.visible import all_visible, visible
from latihan.commands import room
from latihan.commands.command import Context
from latihan.inputs import playbooks, variables
from latihan.inputs.request import Request
from latihan.output.machines import RoomDisplay
from latihan.run import ansible, stragglers
from latihan.run.machines import RoomProgress

RAW = False

_RESET = "lab-machines-reset"
_PASSWORDS = ("vault_password_file", "become_password_file", "connection_password_file")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of all three."""
    add = parser.add_argument
    add("-i", "--inventory", type=Path, required=True, metavar="FILE",
        help="its group lab_machines; see inventory/machines.example.yml")  # fmt: skip
    add("-e", "--extra-vars", action="append", default=[], metavar="NAME=VALUE|@FILE",
        help="set a variable of the role lab_machine")  # fmt: skip
    add("--limit", help="only these machines")
    add("--forks", type=int, help="how many machines at a time (default: 50)")
    add("--check", action="store_true", help="change nothing, only show what would change")
    for name in _PASSWORDS:
        add(f"--{name.replace('_', '-')}", type=Path, metavar="FILE", help="as in ansible-playbook")
    add("-v", "--verbose", action="count", default=0, help="show Ansible's own output")


def execute(context: Context, options: argparse.Namespace) -> int:
    """Play it, report on the room; the exit code is the worst of the machines."""
    project, inventory = context.project, options.inventory
    if not inventory.exists():
        raise LabError(
            f"There is no inventory {inventory}.",
            "Copy inventory/machines.example.yml, and name your machines in it.",
            Kind.INPUT,
        )
    if options.forks is not None and options.forks < 1:
        raise LabError(f"--forks is {options.forks}.", "Set it to 1 or more.", Kind.INPUT)
    files = {name: getattr(options, name) for name in _PASSWORDS if getattr(options, name)}
    request = Request(
        playbook=playbooks.find(project, options.name),
        profile=_lab(inventory),
        provider=context.provider.name,
        command_line="",
        variables={
            **variables.chosen(project, options.extra_vars),
            "lab_machine_source": str(project.root),
            "lab_machine_artifacts": str(project.artifacts("x").parent),
        },
        limit=options.limit,
        check=options.check,
        verbosity=options.verbose,
        inventory=inventory.resolve(),
        forks=options.forks,
        passwords={name: path.resolve() for name, path in files.items()},
    )
    owner = project.profile(request.profile)
    what = shlex.join(["runner.py", options.name])
    with locks.lock_profile(project.locks, owner.name, what):
        stragglers.end_earlier(owner.folder)
        return _play(context, request, project.artifacts(inventory.stem))


def _lab(inventory: Path) -> str:
    """The lab that a room's runs count as, one at a time: it has none on the controller."""
    return f"room-{hashlib.sha256(bytes(inventory.resolve())).hexdigest()[:8]}"


def _play(context: Context, request: Request, folder: Path) -> Exit:
    progress, printed = RoomProgress(), list[str]()
    display = RoomDisplay(context.console, progress)
    display.start(f"{request.playbook.name} (room {folder.name})")

    def on_event(raw: Mapping[str, Any]) -> None:
        text = visible(str(raw.get("stdout") or ""))
        if text and not text.startswith(PREFIX):
            printed.append(text)
            if request.verbosity:
                context.console.print(text)
        for line in progress.apply(all_visible(raw), time.monotonic()):
            display.line(line)

    try:
        ended = ansible.run(
            context.project, request, on_event, on_tick=display.tick, say=display.line
        )
    finally:
        display.stop()
    if ended.interrupted:
        display.line("Interrupted. The labs on the machines go on; run it again to join them.")
        return Exit.INTERRUPTED
    if not progress.machines:
        raise LabError(
            "No machine was worked on.",
            "The inventory must have a group lab_machines, and --limit must leave one of it.",
            Kind.INPUT,
            "\n".join(printed[-20:]),
        )
    if request.check:
        troubled = any(each.trouble for each in progress.machines.values())
        return Exit.MACHINE_NOT_READY if troubled else Exit(Exit.STEP_FAILED * bool(ended.returned))
    _note_those_left_out(progress, folder)
    found = room.read_of(folder, progress.machines)
    if request.playbook.name == _RESET:
        found = room.bare(found)
    else:
        room.write(folder)
    code = room.show(context.console, folder, found)
    if ended.returned and code is Exit.HOLDS:
        context.console.print(Text("\n".join(printed[-20:]), style="red"))
        return Exit.STEP_FAILED
    return code


def _note_those_left_out(progress: RoomProgress, folder: Path) -> None:
    """Ansible leaves a machine out when it is away or its variables are wrong; so note it here."""
    for machine in progress.machines.values():
        if machine.refused:
            records.begin(folder, machine.name, machine.name, keep=True)
            wrong = {"state": "failed", "message": machine.refused, "kind": Kind.INPUT.value,
                     "hint": "Mend it in the inventory, or with -e."}  # fmt: skip
            records.update(folder, machine.name, wrong)
            continue
        noted = records.read(folder / machine.name)
        if machine.away is None or noted.state != "begun":
            continue
        trouble = failures.trouble_of({**machine.away, "unreachable": True}, noted.address)
        changes: dict[str, object] = {
            "state": "failed",
            "step": machine.step,
            "message": trouble.message,
            "hint": trouble.hint,
            "kind": trouble.kind.value,
        }
        records.update(folder, machine.name, changes)
