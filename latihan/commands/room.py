"""``room``: write the page of a room of lab machines, from what was fetched from them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from latihan.base import durations
from latihan.base.exits import Exit
from latihan.commands.command import Context
from latihan.reports import page, report, room
from latihan.reports.room import Room

RAW = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``room``."""
    parser.add_argument("folder", type=Path, help="the folder artifacts/ROOM")


def execute(context: Context, options: argparse.Namespace) -> int:
    """Write the page, print a line for each machine; the exit code is the worst of them."""
    if not options.folder.is_dir():
        raise LabError(f"{options.folder} is not a folder.", "Name artifacts/ROOM.", Kind.INPUT)
    return show(context.console, options.folder, write(options.folder))


def read_of(folder: Path, names: Iterable[str]) -> Room:
    """The room, with these machines alone."""
    chosen = set(names)
    machines = [each for each in room.read(folder).machines if each.name in chosen]
    return room.build(folder.name, machines)


def bare(found: Room) -> Room:
    """The room after a reset: what was fetched before is about labs that are gone."""
    gone: dict[str, object] = {"verdicts": {}, "exercises": []}
    return found.model_copy(
        update={"machines": [each.model_copy(update=gone) for each in found.machines]}
    )


def write(folder: Path) -> Room:
    """Write room.json, room.html and junit.xml into the room's folder."""
    found = room.read(folder)
    report.write(folder / room.DATA, room.to_json(found))
    report.write(folder / room.PAGE, page.render_room(found))
    report.write(folder / room.SUITES, room.suites(found, room.reports(folder, found)))
    return found


def show(console: Console, folder: Path, found: Room) -> Exit:
    """Print a line for each machine, who needs help last, where one looks first."""
    for each in reversed(found.machines):
        good = each.exit_code == Exit.HOLDS
        held = f"{each.held} of {len(each.verdicts)} outcomes hold" if each.verdicts else ""
        said = held if good else f"{each.message} {each.hint}".strip()
        said = "; ".join(filter(None, (said, each.exercise)))
        line = f"{'✔' if good else '✘'} {each.name:<16} {said}  ({durations.text(each.seconds)})"
        console.print(Text(line, style="" if good else "red"))
    alone = [each.name for each in found.machines if each.verdicts and not each.unit]
    if alone:
        console.print(
            Text(f"No systemd on {', '.join(alone)}: after a reboot, run `latihan start` there.")
        )
    if (folder / room.PAGE).exists():
        console.print(Text(f"Page: {folder / room.PAGE}"))
    return found.exit_code
