"""``shell``: on a node, or where "from the host" is."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from latihan.base.project import need_root
from latihan.commands.command import Context, become

RAW = False
_HOST = "host"


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
    need_root(context.provider)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    contract = context.contract()
    # With supervisorctl and kubectl at hand, which are not installed on the machine.
    own = (Path(sys.executable).parent, Path(contract.kubectl).parent)
    path = ":".join([*map(str, own), os.environ.get("PATH", os.defpath)])
    entered = [*entering(contract, options.node), "env", f"PATH={path}"]
    return become([*entered, *(command or ["bash"])])


def entering(contract: Contract, name: str) -> tuple[str, ...]:
    """The command line that runs what follows it on a node or on the lab's host."""
    if name == _HOST:
        enter = contract.host_enter
        if enter is None and all(node.enter == () for node in contract.nodes):
            raise LabError(
                f"The lab {contract.profile!r} is stopped.",
                "Start it with `python3 runner.py start`.",
                Kind.INPUT,
            )
    else:
        node = contract.node(name)
        enter = node.enter
        if enter == ():
            raise LabError(
                f"The node {name!r} is stopped.",
                "Start it with `python3 runner.py start`.",
                Kind.INPUT,
            )
    if enter is None:
        raise LabError(
            f"The provider {contract.provider!r} has no way into {name!r}.",
            "Use `python3 runner.py kubectl debug` instead.",
            Kind.INPUT,
        )
    return enter
