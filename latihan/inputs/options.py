"""The options of playbooks, on the command line."""

from __future__ import annotations

import argparse
import os

TEARDOWN = "teardown"
# Options of a playbook that each set the variable PLAYBOOK_OPTION.
SETTING = {
    "conformance": {
        "focus": "run the tests whose names match this regular expression",
        "skip": "of these, leave out the tests whose names match this one",
    }
}


def add_options(parser: argparse.ArgumentParser, playbook: str) -> None:
    """Add the options of a playbook: those of every one, and its own."""
    add = parser.add_argument
    add("-e", "--extra-vars", action="append", default=[], metavar="NAME=VALUE|@FILE",
        help="set a variable of the lab or of a role")  # fmt: skip
    add("--tags", type=_not_empty, help="only tasks with one of these tags")
    add("--skip-tags", type=_not_empty, help="skip tasks with one of these tags")
    add("--limit", type=_not_empty, help="only these hosts of the inventory")
    # What not every provider takes.
    add("--kubeconfig", type=_path, help="the kubeconfig of the cluster to work in")
    add("--context", type=_not_empty, help="the context in it; the current one by default")
    add("--helpers", choices=("none", "network", "privileged"),
        help="which pods of the lab enter the cluster's nodes")  # fmt: skip
    add("--check", action="store_true", help="change nothing, only show what would change")
    add(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="show Ansible's own output; -vv shows more",
    )
    if playbook == TEARDOWN:
        about = "remove every lab of this machine; other options have no effect"
        add("--all", action="store_true", help=about)
    for name, about in SETTING.get(playbook, {}).items():
        add(f"--{name}", metavar="REGEX", help=about)


def _not_empty(text: str) -> str:
    """An option's value; an empty one is most likely an unset variable in a script."""
    if not text:
        raise argparse.ArgumentTypeError("the value is empty")
    return text


def _path(text: str) -> str:
    """A path that holds wherever the roles run."""
    return os.path.abspath(os.path.expanduser(_not_empty(text)))  # noqa: PTH100, PTH111 - not a file yet
