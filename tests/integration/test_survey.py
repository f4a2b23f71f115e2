"""A survey of the lab's network finds what is broken, and only that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.integration.labs import Lab

OUTCOMES = [f"N{number}" for number in range(1, 14)]
# The lab's pods have one address family, and its network doesn't enforce policies.
SKIPPED = {"N12", "N13"}


@contextmanager
def datagrams_dropped(lab: Lab) -> Iterator[tuple[str, str]]:
    """Drop the survey's datagrams from the first node's pods to the second one's.

    The first node does it: the second one has led some of those for its node port to its pod by
    then, and they would match too.
    """
    first, second = (each["name"] for each in lab.contract["nodes"][:2])
    blocks = [
        lab.kubectl("get", "node", name, "-o", "jsonpath={.spec.podCIDR}")
        for name in (first, second)
    ]
    rule = ["FORWARD", "-p", "udp", "-s", blocks[0], "-d", blocks[1], "--dport", "18471"]
    assert lab.enter(first, "iptables", "-I", *rule, "-j", "DROP").returncode == 0
    try:
        yield first, second
    finally:
        lab.enter(first, "iptables", "-D", *rule, "-j", "DROP")


def wrong(outcomes: list[dict[str, Any]]) -> dict[str, list[tuple[str, str, str]]]:
    """The cells that are wrong, by the names of their matrices."""
    return {
        matrix["name"]: [
            (cell["row"], cell["column"], cell["reason"])
            for cell in matrix["cells"]
            if cell["right"] is False
        ]
        for outcome in outcomes
        for matrix in outcome["matrices"]
        if matrix["wrong"]
    }


def test_it_finds_the_pair_that_loses_datagrams_and_nothing_else(lab: Lab) -> None:
    with datagrams_dropped(lab) as (first, second):
        done = lab.runner("survey")
    assert done.code == 1, done.out
    outcomes = lab.report()["outcomes"]
    assert [each["id"] for each in outcomes] == OUTCOMES
    lost = [(first, second, "timeout")]
    assert wrong(outcomes) == dict.fromkeys(("pod_udp", "mtu", "service_udp"), lost)
    assert {each["id"] for each in outcomes if each["verdict"] == "fail"} == {"N2", "N4", "N6"}
    assert {each["id"] for each in outcomes if each["verdict"] == "skip"} == SKIPPED
    (reason,) = (each["reason"] for each in outcomes if each["id"] == "N6")
    assert f"{first} to {second} (UDP): timeout" in reason
    left = lab.kubectl("get", "pods,services", "-A", "-l", "latihan.lab/survey", "-o", "name")
    assert left == ""
