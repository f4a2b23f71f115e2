"""Probes: the commands that are run, and what their output says."""

from __future__ import annotations

import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Missing,
    Reach,
    Reachable,
    Stopped,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import AddressOwner
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import choose
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes import readers
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.batch import batch, split
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.engine import (
    command,
    probe_all,
    result,
    way_in,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.kinds import KINDS
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import (
    Place,
    Probe,
    Raw,
    Reading,
    place,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    PathYield,
    UdpYield,
)
from tests.unit.plugin_utils.conftest import DATA

READINGS = yaml.safe_load((DATA / "readings.yml").read_text(encoding="utf-8"))


def like(wanted: Any, found: Any) -> Any:
    """What was found, with no more in its parts than is wanted of them."""
    if isinstance(wanted, list):
        return [like(one, other) for one, other in zip(wanted, found, strict=True)]
    return {name: found[name] for name in wanted} if isinstance(wanted, dict) else found


@pytest.mark.parametrize("entry", READINGS, ids=lambda entry: f"{entry['kind']}: {entry['name']}")
def test_reading(entry: dict[str, Any]) -> None:
    raw = Raw(
        entry.get("stdout", ""),
        entry.get("stderr", ""),
        entry.get("exit_code"),
        error=entry.get("error", ""),
    )
    reading = readers.broken(raw) or KINDS[entry["kind"]].read(raw)
    assert reading.reason == entry["reason"]
    fields = entry.get("fields", {})
    yields = reading.yields.model_dump() if reading.yields else {}
    assert {name: like(value, yields[name]) for name, value in fields.items()} == fields
    assert readers.is_reason(reading.reason)
    told = result(Probe("x", entry["kind"], None, ()), raw, "default", {}).document()
    assert told.keys() == KINDS[entry["kind"]].fields


@pytest.mark.parametrize("kind", ["dns", "http", "icmp", "mtu", "path", "udp"])
def test_an_answer_that_is_empty_is_never_ok(kind: str) -> None:
    assert KINDS[kind].read(Raw("", "", 0)).reason != "ok"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_answer_that_never_came_is_never_ok(kind: str) -> None:
    probe = Probe("x", kind, None, ("get", "pods"))
    told = result(probe, Raw(error="the API does not answer"), "default", {})
    assert (told.reason, told.ok) == ("not_run", False)
    assert told.output == "the API does not answer"


def test_a_datagram_and_its_answer() -> None:
    """A real one, over the loopback: the answer is shorter than a datagram may be."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        port = server.getsockname()[1]

        def answer() -> None:
            asked, client = server.recvfrom(100)
            server.sendto(b"u1 " + asked, client)

        with ThreadPoolExecutor() as pool:
            answered = pool.submit(answer)
            told = asked(f"127.0.0.1:{port}", send="hey")
            answered.result()
    assert (told.reason, told.yields) == ("ok", UdpYield(answer="u1 hey"))
    assert asked(f"127.0.0.1:{port}").reason == "refused"


def asked(target: str, **options: str) -> Reading:
    """What a UDP probe says that runs here."""
    probe = Probe("x", "udp", place("host"), target, options=tuple(options.items()))
    done = subprocess.run(
        ["sh", "-c", KINDS["udp"].script_of(probe)], capture_output=True, text=True, check=False
    )
    return KINDS["udp"].read(Raw(done.stdout, done.stderr, done.returncode))


def test_hops_are_labelled_with_what_owns_them() -> None:
    out = "traceroute to 10.0.0.9 (10.0.0.9)\n 1  10.0.0.1  1 ms\n 2  10.0.0.9  1 ms\n"
    owners = {"10.0.0.1": AddressOwner(owner="node/a", interface="veth1")}
    told = result(Probe("x", "path", place("pod/p"), "10.0.0.9"), Raw(out, "", 0), "n", owners)
    assert isinstance(told.yields, PathYield)
    hops = told.yields.hops or []
    assert [hop.owner for hop in hops] == ["node/a", None]
    assert hops[0].interface == "veth1"


@pytest.mark.parametrize(
    ("probe", "namespace", "typed"),
    [
        (
            Probe("x", "http", place("pod/p2/p2-c2"), "http://s1/"),
            "default",
            "kubectl exec p2 -c p2-c2 -- curl -sS --connect-timeout 2 --max-time 5 http://s1/",
        ),
        (
            Probe("x", "icmp", place("node/a"), "host.minikube.internal"),
            "default",
            "a$ ping -n -c 1 -W 2 host.minikube.internal",
        ),
        (
            Probe("x", "exec", place("host"), ("ip", "route", "get", "10.0.0.1")),
            "default",
            "host$ ip route get 10.0.0.1",
        ),
        (
            Probe("x", "log", None, "twins/twins-c2"),
            "own",
            "kubectl -n own logs twins -c twins-c2",
        ),
        (Probe("x", "kubectl", None, ("get", "pods")), "own", "kubectl -n own get pods"),
        (
            Probe("x", "dns", place("pod/p1"), "s1", (("server", "10.96.0.10"),)),
            "default",
            "kubectl exec p1 -- dig @10.96.0.10 s1 A +time=2 +retry=0 +noauthority +noadditional",
        ),
    ],
)
def test_what_a_person_would_type(probe: Probe, namespace: str, typed: str) -> None:
    assert command(probe, namespace) == typed


@pytest.mark.parametrize(
    ("kind", "tool"), [("dns", "getent"), ("icmp", "ping"), ("path", "traceroute"), ("mtu", "ping")]
)
def test_a_probe_that_hangs_ends_by_itself(kind: str, tool: str, tmp_path: Path) -> None:
    """Else it would take the answers of its batch along."""
    hanging = tmp_path / tool
    hanging.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
    hanging.chmod(0o755)
    seconds = KINDS[kind].seconds
    asked = Probe("a", kind, place("host"), "x", (("interface", "lo"),), timeout=0.2 - seconds)
    made = batch([asked, Probe("b", "exec", place("host"), ("echo", "fine"))])
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", made.script],
        capture_output=True, text=True, check=True, env={"PATH": path}, timeout=60,
    )  # fmt: skip
    hung, other = split(made, done.stdout)
    assert other.stdout == "fine\n"
    assert KINDS[kind].read(hung).reason == "timeout"


def test_a_batch_runs_its_probes_side_by_side_and_keeps_them_apart() -> None:
    home = place("host")
    probes = [
        Probe("a", "exec", home, ("printf", "%s", "one\ntwo")),
        Probe("b", "exec", home, ("sh", "-c", "echo bad >&2; exit 3")),
        Probe("c", "exec", home, ("cat",)),
        Probe("d", "exec", home, ("sh", "-c", "sleep 0.4; echo late"), delay=0.2),
        Probe("e", "exec", home, ("sleep", "0.4")),
    ]
    made = batch(probes)
    done = subprocess.run(["sh", "-c", made.script], capture_output=True, text=True, check=True)
    first, second, third, fourth, fifth = split(made, done.stdout)
    assert (first.stdout, first.exit_code) == ("one\ntwo", 0)
    assert (second.stderr, second.exit_code) == ("bad\n", 3)
    assert (third.stdout, third.exit_code) == ("", 0)
    assert fourth.stdout == "late\n"
    assert 0.35 < fourth.seconds < 2
    assert fifth.exit_code == 0


@pytest.mark.parametrize(
    ("code", "said", "ended", "lag", "reason"),
    [
        (28, "Connection timed out", "3.1", "5.0 5.01", "timeout"),
        (28, "Connection timed out", "3.1", "", "timeout"),
        (28, "Connection timed out", "3.1", "5.0 5.9", "too_slow"),
        # It has 2 s for the connection and 3 s more for the answer, and a fifth of that to spare.
        (28, "Operation timed out", "6.9", "5.0 5.01", "timeout"),
        (28, "Operation timed out", "7.1", "5.0 5.01", "too_slow"),
        # Only a name server that was silent may have been late.
        (6, "Could not resolve host: s1", "3.1", "5.0 5.9", "too_slow"),
        (6, "Could not resolve host: s1", "1.1", "5.0 5.9", "unresolved"),
    ],
)
def test_silence_where_everything_is_late_is_none(
    code: int, said: str, ended: str, lag: str, reason: str
) -> None:
    asked = Probe("a", "http", place("host"), "http://s1/", timeout=2)
    told = f"\n@m\ncurl: ({code}) {said}\n@m\n{code} 1.0 {ended}\n@m\n{lag}"
    (raw,) = split(batch([asked], "@m"), told)
    assert result(asked, raw, "default", {}).reason == reason


def test_a_probe_waits_longer_on_a_slow_machine_and_never_shorter() -> None:
    asked = Probe("a", "dns", place("host"), "s1", (("server", "10.96.0.10"),), delay=0.4)
    for factor, words, pause in (("5", "+time=10", "sleep 2;"), ("0.1", "+time=2", "sleep 0.4;")):
        choose(factor)
        assert words in command(asked, "default")
        assert pause in batch([asked]).script


def test_a_batch_says_how_late_its_place_is() -> None:
    made = batch([Probe("a", "exec", place("host"), ("true",))])
    done = subprocess.run(["sh", "-c", made.script], capture_output=True, text=True, check=True)
    (raw,) = split(made, done.stdout)
    assert 0 < raw.lag < 10


def test_a_batch_that_is_cut_off() -> None:
    made = batch([Probe("a", "exec", place("host"), ("true",)) for _ in range(3)], "@m")
    output = "out\n@m\n\n@m\n0 1.0 1.5\n@m\nhalf"
    first, second, third = split(made, output, "the container is gone")
    assert (first.stdout, first.exit_code, first.seconds) == ("out", 0, 0.5)
    for cut in (second, third):
        assert cut.exit_code is None
        assert cut.error == "the container is gone"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host", Place("host")),
        ("node/a", Place("node", "a")),
        ("pod/p1", Place("pod", "p1")),
        ("pod/p1/c", Place("pod", "p1", "c")),
    ],
)
def test_a_place(text: str, expected: Place) -> None:
    assert place(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize("text", ["", "host/x", "node", "node/", "node/a/b", "pod/", "pod/a/b/c"])
def test_a_place_that_is_none(text: str) -> None:
    with pytest.raises(LabError, match="not a place"):
        place(text)


def test_ways_into_places(contract: Contract) -> None:
    assert way_in(contract, place("host")) == ("nsenter", "--target=1", "--")
    assert way_in(contract, place("node/uji")) == ("nsenter", "--target=2", "--")
    assert way_in(contract, place("node/far")) == Missing("Nobody enters far.")
    assert way_in(replace(contract, host=Reachable(())), place("host")) == ()
    with pytest.raises(LabError, match="'uji-m02' is stopped"):
        way_in(contract, place("node/uji-m02"))
    with pytest.raises(LabError, match="Unknown node 'other'"):
        way_in(contract, place("node/other"))


@pytest.mark.parametrize(
    ("host", "reason", "output"),
    [
        (Stopped(), "not_run", "The host of the lab 'uji' is stopped."),
        (Missing("Nobody has a host here."), "unavailable", "Nobody has a host here."),
    ],
)
def test_a_stopped_place_is_not_a_missing_one(
    contract: Contract, host: Reach, reason: str, output: str
) -> None:
    lab = Lab(None, replace(contract, host=host), "default")  # type: ignore[arg-type]
    (told,) = probe_all(lab, [Probe("i", "icmp", place("host"), "192.0.2.1")], {})
    assert (told.reason, told.output) == (reason, output)
