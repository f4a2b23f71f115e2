"""``bundle``: all that a lab needs as one archive, for a machine without any network."""

from __future__ import annotations

import argparse
import io
import json
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils.common import refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.machines.archives import project_files
from latihan.base import locks
from latihan.base.exits import Exit
from latihan.base.project import need_root
from latihan.base.visible import all_visible
from latihan.commands.command import Context
from latihan.inputs import playbooks
from latihan.inputs.request import Request
from latihan.output.display import LineDisplay
from latihan.run import ansible, events
from latihan.run.model import RunModel

RAW = False

_LAB = "bundle"
_TOP = "latihan"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``bundle``."""
    add = parser.add_argument
    add("file", type=Path, help="the archive to write, such as latihan.tar")
    about = "of the machine that it is for (default: this one's)"
    add("--system", metavar="NAME", help=f"the system {about}, as in debian-13-x86_64")
    add("--codename", help="that system's codename, as in trixie")
    add("--python", metavar="VERSION", help=f"the Python {about}, as in 3.13")


def execute(context: Context, options: argparse.Namespace) -> int:
    """Make what a lab needs, and write the archive."""
    need_root(context.provider)
    request = Request(
        playbook=playbooks.find(context.project, _LAB),
        profile=_LAB,
        provider=context.provider.name,
        command_line="",
        variables={"lab_machine_source": str(context.project.root), **_system(options)},
    )
    with locks.lock_profile(context.project.locks, _LAB, "runner.py bundle"):
        made = _make(context, request)
        if made is None:
            return Exit.STEP_FAILED
        with refusals.translated(options.file.parent):
            write(options.file, context.project.root, made)
    size = options.file.stat().st_size / (1 << 20)
    context.console.print(Text(f"{options.file} has all that a lab needs ({size:.0f} MiB)."))
    context.console.print(
        Text(f"There, as root: tar -xf {options.file.name}; python3 {_TOP}/runner.py full-lab")
    )
    return Exit.HOLDS


def _system(options: argparse.Namespace) -> dict[str, Any]:
    """The variable that says which system it is for; none for this machine's."""
    given = [options.system, options.codename, options.python]
    if not any(given):
        return {}
    parts = (options.system or "").split("-")
    if not all(given) or len(parts) != len(("id", "version", "processor")):
        raise LabError(
            "A system needs --system, --codename and --python.",
            "For instance: --system debian-13-x86_64 --codename trixie --python 3.13.",
            Kind.INPUT,
        )
    seen = {"id": parts[0], "version": parts[1], "processor": parts[2],
            "codename": options.codename, "python": options.python}  # fmt: skip
    return {"lab_machine_seen": seen}


def _make(context: Context, request: Request) -> Mapping[str, Any] | None:
    """What latihan.lab.machine_archives returned; None, and a line that says why, if it failed."""
    model, display = RunModel(), LineDisplay(context.console, verbose=False)
    made: list[Mapping[str, Any]] = []

    def on_event(raw: Mapping[str, Any]) -> None:
        result = (raw.get("event_data") or {}).get("res") or {}
        if raw.get("event") == "runner_on_ok" and "project" in result and "archives" in result:
            made.append(result)
        event = events.parse(all_visible(raw))
        if event is not None:
            display.show(model.apply(event, time.monotonic()))

    display.start(f"bundle (provider {request.provider})")
    ended = ansible.run(
        context.project, request, on_event, on_tick=lambda: display.tick(model), say=display.note
    )
    display.show(model.finish())
    return made[-1] if made and ended.returned == 0 else None


def write(file: Path, root: Path, made: Mapping[str, Any]) -> None:
    """Write the archive: a folder with the project, and in its folder ``bundle`` all else.

    Args:
        file: the archive; it is complete or missing.
        root: the project's folder.
        made: what latihan.lab.machine_archives returns.
    """
    new = file.with_name(f".{file.name}.new")
    held = {
        "archives": [
            {"folder": each["folder"], "file": Path(each["path"]).name, "sha256": each["sha256"]}
            for each in made["archives"]
        ],
        **{name: made[name] for name in ("wheels", "repository", "packages")},
    }
    try:
        with tarfile.open(new, "w") as tar:
            for name in project_files(root):
                tar.add(root / name, f"{_TOP}/{name}", recursive=False)
            for each in made["archives"]:
                tar.add(each["path"], f"{_TOP}/bundle/{Path(each['path']).name}")
            content = json.dumps(held, indent=2).encode()
            member = tarfile.TarInfo(f"{_TOP}/bundle/bundle.json")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)
