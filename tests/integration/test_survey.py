"""A survey of the lab's network finds what is broken, and only that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.integration.labs import Lab
from tests.integration.policies import enforced

OUTCOMES = [f"N{number}" for number in range(1, 14)]
SECOND = ("tcp", "udp", "icmp", "mtu", "service")
PORT = "18471"


@contextmanager
def dropped(lab: Lab, node: str, program: str, *rule: str) -> Iterator[None]:
    """Drop packets that a node forwards."""
    assert lab.enter(node, program, "-I", "FORWARD", *rule, "-j", "DROP").returncode == 0
    try:
        yield
    finally:
        lab.enter(node, program, "-D", "FORWARD", *rule, "-j", "DROP")


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


def test_it_finds_the_pairs_that_lose_packets_and_nothing_else(lab: Lab) -> None:
    """Datagrams of IPv4 are lost in one direction, all of IPv6 in the other, and a policy's rule.

    What a node port leads to the pod is left alone: it leads some to another one, by chance.
    """
    first, second = (each["name"] for each in lab.contract["nodes"][:2])
    (first4, first6), (second4, second6) = (
        lab.kubectl("get", "node", name, "-o", "jsonpath={.spec.podCIDRs[*]}").split()
        for name in (first, second)
    )
    new = ("-m", "conntrack", "--ctstate", "NEW")
    udp = ("-s", first4, "-d", second4, "-p", "udp", *new, "--ctorigdstport", PORT)
    with (
        dropped(lab, first, "iptables", *udp),
        dropped(lab, second, "ip6tables", "-s", second6, "-d", first6, *new),
        enforced(lab, forgotten="survey-pod-2"),
    ):
        done = lab.runner("survey")
    assert done.code == 1, done.out
    outcomes = lab.report()["outcomes"]
    assert [each["id"] for each in outcomes] == OUTCOMES
    assert wrong(outcomes) == {
        **{name: [(first, second, "timeout")] for name in ("pod_udp", "mtu", "service_udp")},
        **{f"second_{kind}": [(second, first, "timeout")] for kind in SECOND},
        "policy_denied": [(first, second, "ok")],
    }
    verdicts = {each["id"]: each["verdict"] for each in outcomes}
    failed = {"N2", "N4", "N6", "N12", "N13"}
    assert verdicts == {name: "fail" if name in failed else "pass" for name in OUTCOMES}
    (reason,) = (each["reason"] for each in outcomes if each["id"] == "N6")
    assert f"{first} to {second} (UDP): timeout" in reason
    left = lab.kubectl("get", "pods,services", "-A", "-l", "latihan.lab/survey", "-o", "name")
    assert left == ""
