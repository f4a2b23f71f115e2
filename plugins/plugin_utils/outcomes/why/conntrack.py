"""Read what ``conntrack -L -o xml`` prints. Pure functions."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

_PORT = re.compile("[0-9]{1,5}")


@dataclass(frozen=True)
class Ends:
    """One direction of a connection: from where to where."""

    source: str
    source_port: int
    target: str
    target_port: int

    def __str__(self) -> str:
        return f"{self.source}:{self.source_port} -> {self.target}:{self.target_port}"


@dataclass(frozen=True)
class Connection:
    """A connection as the kernel tracks it.

    ``reply`` is what answers look like on their way back: if it isn't ``original`` reversed, an
    address was translated.
    """

    protocol: str
    original: Ends
    reply: Ends
    state: str

    @property
    def backend(self) -> str:
        """Where the connection really went, as ADDRESS:PORT."""
        return f"{self.reply.source}:{self.reply.source_port}"

    @property
    def seen_from(self) -> str:
        """The address that the backend sees as its client."""
        return self.reply.target

    def __str__(self) -> str:
        state = f" {self.state}" if self.state else ""
        return f"{self.protocol}{state} {self.original}, replies {self.reply}"


def parse(text: str) -> list[Connection]:
    """The connections that have ports; an empty table is printed as nothing at all.

    There are none in a table that is cut off.
    """
    try:
        # This comes from the kernel, through a program of this machine: no stranger wrote it.
        table = ET.fromstring(text)  # noqa: S314
    except ET.ParseError:
        return []
    found = []
    for element in table.iter("flow"):
        ends = {meta.get("direction"): _ends(meta) for meta in element.iter("meta")}
        original, reply = ends.get("original"), ends.get("reply")
        if original is None or reply is None:
            continue
        layer4 = element.find("meta/layer4")
        protocol = "" if layer4 is None else layer4.get("protoname", "")
        state = element.findtext("meta/state") or ""
        found.append(Connection(protocol, original, reply, state))
    return found


def find(
    connections: Sequence[Connection], source: str, source_port: int, target: str
) -> Connection | None:
    """The connection that has these ends, which the client knows."""
    for each in connections:
        ends = each.original
        if (ends.source, ends.source_port, ends.target) == (source, source_port, target):
            return each
    return None


def _ends(meta: ET.Element) -> Ends | None:
    source_port, target_port = (
        meta.findtext(f"layer4/{name}") or "" for name in ("sport", "dport")
    )
    if not (_PORT.fullmatch(source_port) and _PORT.fullmatch(target_port)):
        return None
    return Ends(
        meta.findtext("layer3/src") or "",
        int(source_port),
        meta.findtext("layer3/dst") or "",
        int(target_port),
    )
