"""The command lines that a person types to see or to mend something in a place."""

from __future__ import annotations

import shlex

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.why.iptables import (
    NativeRule,
    Rule,
)

_RUNNER = "python3 runner.py"


def inside(place: str, command: str) -> str:
    """A command in a place, as it is typed."""
    kind, _, name = place.partition("/")
    if kind == "pod":
        namespace, _, pod = name.partition("/")
        where = "" if namespace == "default" else f"-n {namespace} "
        return f"{_RUNNER} kubectl {where}exec {pod} -- {command}"
    return f"{_RUNNER} shell {name or kind} -- {command}"


def kubectl(arguments: str) -> str:
    """A kubectl command."""
    return f"{_RUNNER} kubectl {arguments}"


def listing(place: str, rule: Rule) -> str:
    """The command that lists the table of a rule."""
    if isinstance(rule, NativeRule):
        return inside(place, f"nft -a list table {rule.owner}")
    return inside(place, f"iptables-save -c -t {rule.table}")


def deleting(place: str, rule: Rule) -> str:
    """The command that deletes a rule, or opens a policy if the rule stands for one."""
    if isinstance(rule, NativeRule):
        where = f"{rule.owner} {shlex.quote(rule.base)}"
        if rule.handle:
            return inside(place, f"nft delete rule {where} handle {rule.handle}")
        return inside(place, f"nft chain {where} '{{ policy accept ; }}'")
    if not rule.number:
        return inside(place, f"iptables -t {rule.table} -P {rule.chain} ACCEPT")
    words = shlex.join(["-D", rule.chain, *rule.words])
    return inside(place, f"iptables -t {rule.table} {words}")


def shown(place: str) -> str:
    """A place as people write it: what is in the namespace default without that."""
    return place.replace("/default/", "/", 1)
