"""Read what a place printed about itself. Pure functions; what can't be read is left out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common import json_text
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import ipvs, nftables
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import (
    FROZEN,
    Behind,
    Link,
    Listener,
    Neighbour,
    Netfilter,
    Network,
    PolicyRule,
    Route,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why import iptables

EVERYWHERE = "0.0.0.0/0"
# The interface that kube-proxy makes in its mode ipvs (kubernetes: pkg/proxy/ipvs/proxier.go).
_IPVS = '"kube-ipvs0"'
_POLICY = re.compile(r":(\S+) (ACCEPT|DROP)\b")
_STAT = re.compile(r"(\d+) \((.*)\) (\S)")
_HELD = re.compile(r"/proc/(\d+)/fd/\d+ socket:\[(\d+)\]")
# proc_net_tcp(5): sockets that listen; a UDP socket without a peer is in state 7.
_LISTENS = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
_FOUND = "200"
_UNDERSTOOD = {
    "priority",
    "src",
    "srclen",
    "dst",
    "dstlen",
    "table",
    "fwmark",
    "fwmask",
    "protocol",
    "action",
    "iif",
}
# Statements of nftables after which a packet is not what it was, or is not at all (nft(8)).


def network(
    place: str, parts: Mapping[str, str], holders: Mapping[str, str] | None = None
) -> Network:
    """A place, from what it printed.

    Args:
        place: its name.
        parts: what it printed, by part.
        holders: the parts of the place whose processes hold the sockets; None for its own.
    """
    frozen = frozenset((holders or parts).get("frozen", "").split())
    running = programs((holders or parts).get("processes", ""), frozen)
    held = _holders((holders or parts).get("sockets", ""), running)
    filters = [netfilter(parts.get(name, "")) for name in ("iptables", "legacy")]
    ruleset = nftables.parse(parts.get("nftables", ""))
    unjudged = nftables.unread(ruleset)
    # Tables that iptables can't read, since nft wrote into them, are read as nft's.
    known = {table for table, _chain in filters[0].chains}
    filters += nftables.backends(ruleset, known, parts.get("nft", ""))
    queues = _items(parts.get("queues")) or []
    filtered = {each.get("dev") for each in queues if each.get("kind") == "ingress"}
    unread = [name for name in ("links", "routes", "rules") if _items(parts.get(name)) is None]
    if place.startswith("node/"):
        unread += _services_unread(parts, filters, running)
    return Network(
        place=place,
        links={
            link.name: replace(link, queue="ingress") if link.name in filtered else link
            for link in links(parts.get("links", ""))
        },
        routes=tuple(routes(parts.get("routes", ""))),
        policies=tuple(policies(parts.get("rules", ""))),
        neighbours={
            (each.address, each.link): each for each in neighbours(parts.get("neighbours", ""))
        },
        netfilter=tuple(each for each in filters if each.chains or each.policies),
        tables=tuple(each.owner for each in unjudged),
        refusing=tuple(each.owner for each in unjudged if each.changes),
        behind=tuple(behind(parts.get("bridges", ""))),
        settings=settings(parts.get("settings", "")),
        listeners=tuple(listeners(parts.get("listening", ""), held)),
        resolver=parts.get("resolver"),
        hosts=parts.get("hosts"),
        page=page(parts.get("page", "")),
        programs=tuple(running.values()) if holders is None else (),
        balanced=ipvs.parse(parts.get("ipvs", "")),
        unread=tuple(unread),
    )


def _items(text: str | None) -> list[dict[str, Any]] | None:
    """The objects in a JSON list; None if it is something else."""
    try:
        found = json_text.read(text or "")
    except ValueError:
        return None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else None


def links(text: str) -> Iterator[Link]:
    """The links in what ``ip -json -details address`` printed."""
    for each in _items(text) or []:
        flags = each.get("flags") or []
        yield Link(
            name=str(each.get("ifname", "")),
            index=int(each.get("ifindex") or 0),
            peer=int(each.get("link_index") or 0),
            kind=str((each.get("linkinfo") or {}).get("info_kind", "")),
            up="UP" in flags,
            carrier="NO-CARRIER" not in flags,
            mtu=int(each.get("mtu") or 0),
            mac=str(each.get("address", "")),
            master=str(each.get("master", "")),
            queue=str(each.get("qdisc", "")),
            hindered=_hindered(each),
            addresses=tuple(
                f"{address['local']}/{address.get('prefixlen', 32)}"
                for address in each.get("addr_info") or []
                if address.get("family") == "inet" and "local" in address
            ),
        )


def _hindered(link: dict[str, Any]) -> str:
    """What keeps packets from passing a link that is up (ip-link(8), bridge(8))."""
    info = link.get("linkinfo") or {}
    port = info.get("info_slave_data") or {}
    found = []
    if info.get("info_kind") in ("veth", "bridge") and "NOARP" in (link.get("flags") or []):
        found.append("it does not ask for hardware addresses (arp off)")
    if port.get("isolated"):
        found.append("it is isolated from the other ports of its bridge")
    # A port that is down is disabled as well.
    if port.get("state") in ("disabled", "blocking", "listening") and "UP" in link["flags"]:
        found.append(f"its state in its bridge is {port['state']}")
    if port.get("locked"):
        found.append("its state in its bridge is locked")
    return " and ".join(found)


def routes(text: str) -> Iterator[Route]:
    """The IPv4 routes in what ``ip -json -4 route show table all`` printed."""
    for each in _items(text) or []:
        first = (each.get("nexthops") or [each])[0]
        yield Route(
            to=_block(str(each.get("dst", ""))),
            kind=str(each.get("type", "unicast")),
            via=str(first.get("gateway", "")),
            link=str(first.get("dev", "")),
            table=str(each.get("table", "main")),
            metric=int(each.get("metric") or 0),
            author=str(each.get("protocol", "")),
            source=str(each.get("prefsrc", "")),
            mtu=int(next((one["mtu"] for one in each.get("metrics") or [] if "mtu" in one), 0)),
        )


def _block(target: str) -> str:
    if target in ("default", ""):
        return EVERYWHERE
    return target if "/" in target else f"{target}/32"


def policies(text: str) -> Iterator[PolicyRule]:
    """The rules in what ``ip -json -4 rule`` printed."""
    for each in _items(text) or []:
        source, target = (
            f"{each[end]}/{each.get(f'{end}len', 32)}" if each.get(end) not in (None, "all") else ""
            for end in ("src", "dst")
        )
        mark, _, mask = str(each.get("fwmark", "")).partition("/")
        yield PolicyRule(
            priority=int(each.get("priority") or 0),
            table=str(each.get("table", "")),
            source=source,
            target=target,
            mark=int(mark, 0) if mark else None,
            mask=int(str(each.get("fwmask", mask or "0xffffffff")), 0),
            action=str(each.get("action", "")),
            incoming=str(each.get("iif", "")),
            unread=tuple(sorted(each.keys() - _UNDERSTOOD)),
        )


def neighbours(text: str) -> Iterator[Neighbour]:
    """The entries in what ``ip -json -4 neighbour`` printed."""
    for each in _items(text) or []:
        yield Neighbour(
            str(each.get("dst", "")),
            str(each.get("dev", "")),
            str(each.get("lladdr", "")),
            " ".join(each.get("state") or []),
        )


def _services_unread(
    parts: Mapping[str, str],
    there: Sequence[Netfilter],
    running: Mapping[int, tuple[int, str, str]],
) -> list[str]:
    """What leads a node's packets for services, if it can't be read here."""
    if _IPVS in parts.get("links", ""):
        return ["rules of IPVS"]
    if any(each.owner.endswith(" kube-proxy") for each in there):
        return []
    own = [each for each in there if not each.owner]
    if not any(each.chains for each in own):
        return ["iptables"]
    chained = any(("nat", "KUBE-SERVICES") in each.chains for each in own)
    proxied = any(name == "kube-proxy" for _, name, _ in running.values())
    return [] if chained or proxied else ["rules for services: no kube-proxy is there"]


def netfilter(text: str) -> Netfilter:
    """The rules and policies in what ``iptables-save -c`` printed."""
    found: dict[tuple[str, str], str] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif named := _POLICY.match(line):
            found[table, named[1]] = named[2]
    return Netfilter(iptables.parse(text), found)


def page(text: str) -> str | None:
    """The body of an answer that ends with a line of its own for the status; None if not 200."""
    body, _, status = text.strip().rpartition("\n")
    return body.strip() if status == _FOUND else None


def behind(text: str) -> Iterator[Behind]:
    """What ``bridge -json fdb show`` printed of entries that no bridge made by itself."""
    for each in _items(text) or []:
        if each.get("state") == "static" and each.get("master"):
            yield Behind(str(each.get("mac", "")), str(each.get("ifname", "")))


def settings(text: str) -> dict[str, str]:
    """Sysctls from lines PATH:VALUE, where the path is below /proc/sys/net."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, found, value in pairs if found}


def programs(text: str, frozen: Collection[str] = ()) -> dict[int, tuple[int, str, str]]:
    """The processes in the text of /proc/PID/stat files, by their ids.

    Args:
        text: the files.
        frozen: the ids of those that are in a frozen control group.
    """
    found = (_STAT.match(line) for line in text.splitlines())
    return {
        int(each[1]): (int(each[1]), each[2], FROZEN if each[1] in frozen else each[3])
        for each in found
        if each
    }


def _holders(
    text: str, running: Mapping[int, tuple[int, str, str]]
) -> dict[str, list[tuple[int, str, str]]]:
    """The processes that hold each socket, by the socket's inode."""
    found: dict[str, list[tuple[int, str, str]]] = {}
    for each in _HELD.finditer(text):
        process = running.get(int(each[1]))
        if process and process not in found.setdefault(each[2], []):
            found[each[2]].append(process)
    return found


def listeners(text: str, held: Mapping[str, list[tuple[int, str, str]]]) -> Iterator[Listener]:
    """The listening sockets in lines FILE:LINE of /proc/net/tcp and its like."""
    for line in text.splitlines():
        file, _, rest = line.partition(":")
        words = rest.split()
        protocol = file.rpartition("/")[2]
        if len(words) < 10 or words[3] != _LISTENS.get(protocol):  # noqa: PLR2004 - its columns
            continue
        address, _, port = words[1].rpartition(":")
        yield Listener(
            protocol.removesuffix("6"),
            _address(address),
            int(port, 16),
            tuple(held.get(words[9], ())),
        )


def _address(text: str) -> str:
    """An address as /proc/net has it: 32-bit words in the processor's order, here little-endian."""
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    packed = b"".join(words)
    return str(IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed))  # noqa: PLR2004
