"""Read what a node's IPVS leads to. A pure function.

Packets aren't followed through it: kube-proxy's mode ipvs also matches address sets, which aren't
read.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import VirtualServers

# Linux: net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_info_seq_show. Numbers are hexadecimal, but for the
# weight; addresses of IPv6 are in brackets, and FWM stands before a mark.
_VIRTUAL = re.compile(r"(?P<protocol>TCP|UDP)\s+(?P<address>[0-9A-F]{8}):(?P<port>[0-9A-F]{4})\s")
_REAL = re.compile(
    r"\s+->\s+(?P<address>[0-9A-F]{8}):(?P<port>[0-9A-F]{4})\s+\w+\s+(?P<weight>\d+)"
)


def parse(text: str) -> VirtualServers:
    """The virtual servers of IPv4 in /proc/net/ip_vs, with the real ones whose weight isn't 0."""
    found: dict[tuple[str, str, int], frozenset[str]] = {}
    current: tuple[str, str, int] | None = None
    for line in text.splitlines():
        if virtual := _VIRTUAL.match(line):
            current = (virtual["protocol"].lower(), _address(virtual), int(virtual["port"], 16))
            found[current] = frozenset()
        elif not line.startswith(" "):
            current = None
        elif current and (real := _REAL.match(line)) and int(real["weight"]):
            found[current] |= {f"{_address(real)}:{int(real['port'], 16)}"}
    return found


def _address(found: re.Match[str]) -> str:
    return str(IPv4Address(int(found["address"], 16)))
