"""The conditions of nftables' rules as options of iptables. Pure functions.

libnftables-json(5), EXPRESSIONS. A name of a protocol, a port or a state may be its number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

UNKNOWN = "--of-nftables"
"""An option that nothing knows."""

_KUBE_PROXY = "kube-proxy"

Json = Any
Words = tuple[str, ...]
Elements = Sequence[Json]
Sets = Mapping[str, Elements | None]
Named = tuple[Words, str, str]

_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 132: "sctp"}
# Bits of a connection's state (kernel: include/net/netfilter/nf_conntrack_zones.h and
# nf_conntrack_common.h, NF_CT_STATE_BIT).
_STATES = {1: "INVALID", 2: "ESTABLISHED", 4: "RELATED", 8: "NEW", 64: "UNTRACKED"}
_TRANSLATED = (32, "dnat")
# The kinds of addresses (kernel: include/uapi/linux/rtnetlink.h, RTN_*).
_KINDS = {1: "UNICAST", 2: "LOCAL", 3: "BROADCAST", 5: "MULTICAST"}
_ADDRESSES = {"saddr": "-s", "daddr": "-d"}
_LINKS = {"iifname": "-i", "iif": "-i", "oifname": "-o", "oif": "-o"}
_WITH_PORTS = ("tcp", "udp", "sctp", "th")


def members(item: Mapping[str, Json]) -> Elements | None:
    """The elements of a set or map; None if they come and go with packets."""
    dynamic = {"timeout", "dynamic"} & set(item.get("flags") or ())
    return None if dynamic else item.get("elem") or []


def match(value: Mapping[str, Json], sets: Sets, owner: str) -> list[Words]:
    """The options for a condition, in each way in which it can be met; none if it never is.

    Args:
        value: the condition: ``op``, ``left`` and ``right``.
        sets: the members of the table's sets and maps, by their names with ``@``.
        owner: the table, as FAMILY NAME.
    """
    left, right, operator = value.get("left"), value.get("right"), value.get("op")
    if _of_kube_proxy(owner, left, right):
        return [()]
    if isinstance(right, str) and right.startswith("@"):
        right = {"set": sets.get(right, ())}
    wanted = _values(right)
    joined = isinstance(left, dict) and "concat" in left
    negated = operator == "!="
    if operator not in ("==", "!=", "in") or wanted is None or (joined and negated):
        return [(UNKNOWN,)]
    if joined:
        return [words for words, _ in elements(left, {"set": wanted}, sets)]
    if not wanted:
        return [()] if negated else []
    return [_option(left, wanted, negated=negated)]


def _of_kube_proxy(owner: str, left: Json, right: Json) -> bool:
    """Whether it asks if a packet was translated, of which kube-proxy's next condition is proof.

    It compares source and target, which are the same only after a translation.
    """
    status = isinstance(left, dict) and left.get("ct", {}).get("key") == "status"
    return status and owner.endswith(f" {_KUBE_PROXY}") and right in _TRANSLATED


def elements(key: Json, data: Json, sets: Sets) -> Iterator[tuple[Words, Json]]:
    """The options for each element of a map, and what the map has for it.

    Args:
        key: what is looked up.
        data: the map: its name with ``@``, or its elements.
        sets: the elements of the table's sets and maps.
    """
    if isinstance(data, str):
        pairs = list(sets.get(data) or ())
    else:
        pairs = list((data or {}).get("set") or []) if isinstance(data, dict) else []
    if isinstance(key, dict) and "numgen" in key:
        for number, (_index, value) in enumerate(pairs):
            share = 1 / (len(pairs) - number)
            yield (() if share == 1 else ("--probability", repr(share))), value
        return
    parts = key["concat"] if isinstance(key, dict) and "concat" in key else [key]
    for pair in pairs:
        element, value = pair if isinstance(pair, list) else (pair, None)
        wanted = _plain(element)
        values = wanted["concat"] if isinstance(wanted, dict) and "concat" in wanted else [wanted]
        if len(values) != len(parts):
            yield (UNKNOWN,), value
            continue
        words: Words = ()
        for part, one in zip(parts, values, strict=True):
            words += _option(part, [one], negated=False)
        yield words, value


def _values(right: Json) -> list[Json] | None:
    """What is compared with; None if nobody can say."""
    found = right["set"] if isinstance(right, dict) and "set" in right else right
    if isinstance(right, dict) and found is None:
        return None
    return [_plain(each) for each in (found if isinstance(found, list | tuple) else [found])]


def _plain(element: Json) -> Json:
    """An element of a set, without its timeout and counters."""
    if isinstance(element, dict) and "elem" in element:
        return element["elem"].get("val")
    return element


def _option(left: Json, values: Sequence[Json], *, negated: bool) -> Words:
    found = _named(left, values)
    if found is None:
        return (UNKNOWN,)
    before, option, text = found
    return (*before, *(("!",) if negated else ()), option, text)


def _named(left: Json, values: Sequence[Json]) -> Named | None:
    """The options that are needed besides, the option, and its value; None if there is none."""
    match left:
        case {"payload": {"protocol": str(protocol), "field": str(name)}}:
            return _payload(protocol, name, values)
        case {"meta": {"key": str(key)}}:
            return _meta(key, values)
        case {"&": [{"meta": {"key": "mark"}}, int(mask)]} if _one_number(values):
            return (), "--mark", f"{values[0]}/{mask}"
        case {"ct": {"key": "state"}}:
            states = [name for each in values for name in _states(each)]
            return ((), "--ctstate", ",".join(states)) if states else None
        case {
            "fib": {"result": "type", "flags": ("daddr" | "saddr" | ["daddr"] | ["saddr"]) as of}
        }:
            kind = _KINDS.get(values[0], values[0]) if len(values) == 1 else None
            side = "--dst-type" if "daddr" in of else "--src-type"
            return ((), side, kind.upper()) if isinstance(kind, str) else None
    return None


def _payload(protocol: str, name: str, values: Sequence[Json]) -> Named | None:
    if protocol == "ip" and name in _ADDRESSES:
        blocks = [_block(each) for each in values]
        return ((), _ADDRESSES[name], ",".join(map(str, blocks))) if None not in blocks else None
    if protocol == "ip" and name == "protocol":
        return _protocol(values)
    if protocol in _WITH_PORTS and name in ("sport", "dport"):
        ports = [_ports(each) for each in values]
        of = () if protocol == "th" else ("-p", protocol)
        option = f"--{name}s" if len(ports) > 1 else f"--{name}"
        return (of, option, ",".join(map(str, ports))) if None not in ports else None
    if (protocol, name) == ("icmp", "type"):
        return ("-p", "icmp"), "--icmp-type", str(values[0])
    return None


def _meta(key: str, values: Sequence[Json]) -> Named | None:
    if key == "l4proto":
        return _protocol(values)
    if key == "mark" and _one_number(values):
        return (), "--mark", str(values[0])
    if key in _LINKS and len(values) == 1 and isinstance(values[0], str):
        name = values[0]
        return (), _LINKS[key], f"{name[:-1]}+" if name.endswith("*") else name
    return None


def _protocol(values: Sequence[Json]) -> Named | None:
    name = _PROTOCOLS.get(values[0], values[0]) if len(values) == 1 else None
    return ((), "-p", name) if isinstance(name, str) else None


def _one_number(values: Sequence[Json]) -> bool:
    return len(values) == 1 and isinstance(values[0], int)


def _block(value: Json) -> str | None:
    match value:
        case str():
            return value
        case {"prefix": {"addr": address, "len": length}}:
            return f"{address}/{length}"
    return None


def _ports(value: Json) -> str | None:
    match value:
        case int():
            return str(value)
        case {"range": [int(low), int(high)]}:
            return f"{low}:{high}"
    return None


def _states(value: Json) -> list[str]:
    if isinstance(value, str):
        return [value.upper()]
    return [name for bit, name in _STATES.items() if isinstance(value, int) and value & bit]
