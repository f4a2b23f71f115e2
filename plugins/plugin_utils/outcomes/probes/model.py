"""The data of the probe engine: where a probe starts, what it asks, what came back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Yield


@dataclass(frozen=True)
class Place:
    """Where a probe starts: ``host``, ``node/NAME``, ``pod/NAME`` or ``pod/NAME/CONTAINER``.

    ``kind`` is host, node or pod; ``container`` is empty for a pod's first one.
    """

    kind: str
    name: str = ""
    container: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.name, self.container) if part)


def place(text: str) -> Place:
    """Read a place; LabError if the text isn't one."""
    kind, _, rest = text.partition("/")
    name, _, container = rest.partition("/")
    if (kind == "host" and not rest) or (kind == "node" and name and not container):
        return Place(kind, name)
    if kind == "pod" and name and "/" not in container:
        return Place(kind, name, container)
    raise LabError(
        f"{text!r} is not a place to probe from.",
        "Use host, node/NAME, pod/NAME or pod/NAME/CONTAINER.",
        Kind.INPUT,
    )


@dataclass(frozen=True)
class Probe:
    """One question to the network.

    Args:
        name: the probe's name in its outcome.
        kind: http, tcp, udp, dns, icmp, path, mtu, exec, log or kubectl.
        place: where it starts; ``log`` and ``kubectl`` have none.
        target: what it asks: an address, a URL, or the words of a command.
        options: more options of its kind, as in {"server": "10.96.0.10"}.
        timeout: seconds for the connection or the answer, on a machine that is fast enough.
        delay: how many seconds after the batch it starts, on such a machine.
        item: what it was made for, if one entry makes many probes.
    """

    name: str
    kind: str
    place: Place | None
    target: str | tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()
    timeout: float = 2.0
    delay: float = 0.0
    item: Any = None

    @property
    def limit(self) -> float:
        """The timeout on this machine, in seconds: longer if it is slow, never shorter."""
        return max(self.timeout, seconds(self.timeout))

    @property
    def pause(self) -> float:
        """The delay on this machine, in seconds: longer if it is slow, never shorter."""
        return max(self.delay, seconds(self.delay))

    def option(self, name: str, default: str = "") -> str:
        """An option's value."""
        return dict(self.options).get(name, default)

    @property
    def text(self) -> str:
        """The target as text."""
        return self.target if isinstance(self.target, str) else " ".join(self.target)


@dataclass(frozen=True)
class Raw:
    """What a probe's command printed and how it ended.

    ``exit_code`` is None if it never ran or was cut off; ``error`` then says why. ``missing`` means
    that this provider has no way to run anything there. ``way`` is what a person types before the
    command, if the probe's place alone doesn't say that. ``lag`` is how many seconds a process that
    does nothing took there at the same time.
    """

    stdout: str = ""
    stderr: str = ""
    exit_code: int | None = None
    seconds: float = 0.0
    error: str = ""
    missing: bool = False
    way: str = ""
    lag: float = 0.0


@dataclass(frozen=True)
class Reading:
    """What a probe's output says.

    Args:
        reason: ok, refused, timeout, no_route, unreachable, no_such_name, unresolved, http_404,
            exit_1, ...
        output: what a person needs to see of it.
        yields: what its kind yields besides; None if it never ran, or yields nothing else.
    """

    reason: str
    output: str
    yields: Yield | None = None
