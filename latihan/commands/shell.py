"""``shell``: a shell or a command on a node, or on the lab's host."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.surroundings import (
    direct,
    search_path,
)
from latihan.commands.command import Context, become

RAW = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``shell``."""
    parser.add_argument("node", metavar="NODE|host", help="the name of a node, or host")
    parser.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND",
        help="run this instead of a shell",
    )


def execute(context: Context, options: argparse.Namespace) -> int:
    """Become a shell, or a command, on a node or on the lab's host."""
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    contract = context.contract()
    # So that supervisorctl and kubectl are found, which are not installed on the machine.
    own = (Path(sys.executable).parent, Path(contract.kubectl).parent)
    entered = [*contract.enter(options.node), "env", f"PATH={search_path(*own)}"]
    return become([*entered, *(command or ["bash"])], direct())
