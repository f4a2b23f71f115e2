"""How a place that the lab didn't make is entered: by a command line."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Missing,
    Reach,
    Reachable,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run

_NODE = "{node}"
_SECONDS = 20
NO_HOST = Missing(
    "Nobody said that this machine reaches the nodes, so nothing is asked from it: see "
    "lab_enter_host."
)


def by_command(words: str, node: str = "") -> Reach:
    """A place that a command of the user's enters, once it has entered it.

    Args:
        words: the command, as a shell splits it, with ``{node}`` for the node's name.
        node: the name.
    """
    enter = tuple(word.replace(_NODE, node) for word in shlex.split(words))
    try:
        done = run([*enter, "true"], check=False, timeout=_SECONDS)
    except LabError as error:
        return Missing(error.message)
    if done.returncode == 0:
        return Reachable(enter)
    said = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
    return Missing(f"`{shlex.join(enter)} true` failed: {said.rstrip('.')}.")


@dataclass(frozen=True)
class HostLink:
    """How a place speaks to a node: from its own ``address``, and without a router (``direct``)."""

    address: str = ""
    direct: bool = False


def link(host: Reach, node: str) -> HostLink:
    """How a place speaks to a node's address; it sends nothing.

    Args:
        host: the place.
        node: the node's address; empty if it isn't known.
    """
    if not isinstance(host, Reachable) or not node:
        return HostLink()
    done = run([*host.enter, "ip", "-json", "route", "get", node], check=False, timeout=_SECONDS)
    try:
        route = json.loads(done.stdout)[0]
        return HostLink(str(route["prefsrc"]), "gateway" not in route)
    except (ValueError, LookupError, TypeError):
        return HostLink()
