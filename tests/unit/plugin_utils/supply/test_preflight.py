"""How the preflight checks judge a machine and the user's values."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import preflight
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.checks import Check
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.preflight import (
    GIB,
    Disk,
    LabSpec,
    Machine,
    Network,
    UsedRange,
)

NETWORKS = {
    "lab_network": "192.168.49.0/24",
    "lab_pod_network": "10.244.0.0/16",
    "lab_service_network": "10.96.0.0/12",
}
SPEC = LabSpec(Path("/var/cache/latihan"), Path("/var/lib/latihan"), networks=NETWORKS)
MACHINE = Machine(
    user=0,
    release={"ID": "debian", "VERSION_ID": "12", "PRETTY_NAME": "Debian 12"},
    controllers=frozenset({"cpu", "cpuset", "memory", "pids"}),
    memory=4 * GIB,
    available=3 * GIB,
    cache=Disk(1, 20 * GIB),
    state=Disk(1, 20 * GIB),
    used=(UsedRange(Network("10.0.2.0/24"), "this machine's route to 10.0.2.0/24 on eth0"),),
)


def failed(spec: LabSpec = SPEC, machine: Machine = MACHINE) -> list[Check]:
    return [each for each in preflight.judge(spec, machine) if not each.ok]


def test_a_good_machine_passes() -> None:
    assert failed() == []


@pytest.mark.parametrize("name", ["", "Latihan", "a" * 21, "host", "latihan-c4"])
def test_bad_profile_names_are_bad_input(name: str) -> None:
    [check] = failed(replace(SPEC, profile=name))
    assert check.kind is Kind.INPUT
    assert repr(name) in check.message


@pytest.mark.parametrize("name", ["latihan", "a", "lab-2", "a" * 20])
def test_good_profile_names(name: str) -> None:
    assert failed(replace(SPEC, profile=name)) == []


@pytest.mark.parametrize("nodes", [0, -1, 51])
def test_number_of_nodes(nodes: int) -> None:
    assert failed(replace(SPEC, nodes=nodes))[0].name == "nodes"


def test_a_range_that_the_api_server_refuses() -> None:
    networks = {**NETWORKS, "lab_service_network": "11.0.0.0/8"}
    [check] = failed(replace(SPEC, networks=networks))
    assert (check.name, check.kind) == ("lab_service_network", Kind.INPUT)
    assert "at most a /12" in check.message
    assert "-e lab_service_network=10.50.0.0/16" in check.hint


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "10.244.0.0/33", "fd00::/64", "pods"])
def test_what_is_not_a_range(text: str) -> None:
    [check] = failed(replace(SPEC, networks={**NETWORKS, "lab_network": text}))
    assert check.kind is Kind.INPUT
    assert check.message.startswith("lab_network is")
    assert "192.168.49.0/24" in check.hint


def test_ranges_that_overlap_each_other() -> None:
    checks = failed(replace(SPEC, networks={**NETWORKS, "lab_pod_network": "10.100.0.0/16"}))
    assert {check.name for check in checks} == {"lab_pod_network", "lab_service_network"}
    assert "overlap" in checks[0].message


def test_a_range_that_the_machine_uses() -> None:
    used = (UsedRange(Network("10.240.0.0/12"), "this machine's route to 10.240.0.0/12 on tun0"),)
    [check] = failed(machine=replace(MACHINE, used=used))
    assert check.message == (
        "lab_pod_network (10.244.0.0/16) overlaps this machine's route to 10.240.0.0/12 on tun0."
    )
    assert "-e lab_pod_network=10.50.0.0/16" in check.hint


def test_what_the_machine_uses_later_does_not_harm_a_lab() -> None:
    used = (UsedRange(Network("192.168.49.7/32"), "this machine's address 192.168.49.7"),)
    later = replace(MACHINE, used=used, made=True)
    assert failed(machine=later) == []
    [warned] = [each for each in preflight.judge(SPEC, later) if each.warning]
    assert "overlaps this machine's address 192.168.49.7" in warned.message
    assert failed(replace(SPEC, networks={"lab_network": "127.0.0.0/24"}), later)
    [check] = failed(machine=replace(later, made=False))
    assert check.name == "lab_network"


def test_the_suggestion_is_free() -> None:
    used = [Network("10.0.0.0/10"), Network("10.64.0.0/16")]
    assert preflight.suggest(16, used) == "10.65.0.0/16"
    assert preflight.suggest(24, used) == "10.65.0.0/24"
    assert preflight.suggest(16, [Network("10.0.0.0/8")]) == ""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lab_network", "192.168.49.0/30"),
        ("lab_pod_network", "10.244.0.0/24"),
        ("lab_pod_network", "10.244.0.0/26"),
    ],
)
def test_a_range_that_is_too_small(name: str, text: str) -> None:
    [check] = failed(replace(SPEC, networks={**NETWORKS, name: text}))
    assert check.name == name
    assert check.kind is Kind.INPUT
    assert f"-e {name}=10.50.0.0/16" in check.hint


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("127.0.0.0/24", "127.0.0.0/8, which is for loopback"),
        ("224.0.0.0/24", "224.0.0.0/4, which is for multicast"),
        ("169.254.10.0/24", "169.254.0.0/16, which is for link-local addresses"),
        ("255.255.255.0/24", "240.0.0.0/4, which is reserved"),
        ("0.0.0.0/0", "overlap"),
    ],
)
def test_a_range_that_no_machine_can_have(text: str, reason: str) -> None:
    check = failed(replace(SPEC, networks={**NETWORKS, "lab_network": text}))[0]
    assert (check.name, check.kind) == ("lab_network", Kind.INPUT)
    assert reason in check.message


def test_not_root() -> None:
    [check] = failed(machine=replace(MACHINE, user=1000))
    assert (check.name, check.kind) == ("root", Kind.MACHINE)
    assert "sudo" in check.hint


@pytest.mark.parametrize(
    ("release", "good", "warned"),
    [
        ({"ID": "debian", "VERSION_ID": "13"}, True, False),
        ({"ID": "debian"}, True, False),
        ({"ID": "debian", "VERSION_ID": "11"}, False, False),
        ({"ID": "ubuntu", "VERSION_ID": "22.04"}, True, False),
        ({"ID": "ubuntu", "VERSION_ID": "20.04"}, False, False),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian", "VERSION_ID": "21"}, True, True),
        ({"ID": "fedora", "VERSION_ID": "40"}, False, False),
        ({}, False, False),
    ],
)
def test_systems(release: dict[str, str], good: bool, warned: bool) -> None:
    checks = preflight.judge(SPEC, replace(MACHINE, release=release))
    [check] = [each for each in checks if each.name == "system"]
    assert (check.ok, check.warning) == (good, warned)


def test_missing_control_groups_are_named() -> None:
    [check] = failed(machine=replace(MACHINE, controllers=frozenset({"cpu", "memory"})))
    assert "cpuset, pids" in check.message


def test_too_few_open_files() -> None:
    [check] = failed(machine=replace(MACHINE, open_files=256))
    assert check.message == "Only 256 open files are allowed; the lab needs 1024."
    assert (check.kind, "ulimit -n 1024" in check.hint) == (Kind.MACHINE, True)


def test_a_machine_that_does_not_reach_itself() -> None:
    [check] = failed(machine=replace(MACHINE, loopback="timed out"))
    assert check.message == "This machine can't connect to its own 127.0.0.1: timed out."
    assert (check.kind, "iptables" in check.hint) == (Kind.MACHINE, True)


def test_the_survey_connects_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert preflight.survey(SPEC).loopback == ""

    def refuse(*_arguments: object) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr("socket.create_connection", refuse)
    assert preflight.survey(SPEC).loopback == "timed out"


def test_too_little_memory() -> None:
    [check] = failed(machine=replace(MACHINE, memory=GIB, available=GIB))
    assert check.message == "The machine has 1.0 GiB of memory; the lab needs 1.5 GiB."


def test_more_nodes_need_more_memory() -> None:
    small = replace(MACHINE, memory=2 * GIB, available=2 * GIB)
    assert failed(machine=small) == []
    [check] = failed(replace(SPEC, nodes=50), replace(small, inotify=1024))
    assert check.message == "The machine has 2.0 GiB of memory; the lab needs 4.5 GiB."
    assert "lab_nodes" in check.hint


@pytest.mark.parametrize("made", [False, True])
def test_busy_memory_is_a_warning_unless_the_lab_itself_is_up(*, made: bool) -> None:
    checks = preflight.judge(SPEC, replace(MACHINE, available=GIB, made=made))
    assert [check.name for check in checks if check.warning] == ([] if made else ["memory"])
    assert all(check.ok for check in checks)


def test_a_lab_that_is_there_needs_little_more_disk() -> None:
    disk = Disk(1, GIB // 2)
    machine = replace(MACHINE, cache=disk, state=disk)
    built = replace(machine, built=True)
    assert [check.name for check in failed(machine=built)] == ["disk for cache"]
    assert failed(machine=replace(built, cached=True, made=True)) == []


def test_one_disk_has_to_hold_cache_and_lab() -> None:
    disk = Disk(1, preflight.NEED_BUILD + preflight.NEED_STATE - 1)
    [check] = failed(machine=replace(MACHINE, cache=disk, state=disk))
    assert "LATIHAN_CACHE" in check.hint
    assert failed(machine=replace(MACHINE, built=True, cache=disk, state=disk)) == []


def test_a_cache_with_kubernetes_needs_no_build(tmp_path: Path) -> None:
    spec = LabSpec(tmp_path / "cache", tmp_path / "state")
    assert not preflight.survey(spec).built
    kubelet = spec.cache / "kubernetes" / "key" / "bin" / "kubelet"
    kubelet.parent.mkdir(parents=True)
    kubelet.touch()
    assert preflight.survey(spec).built


@pytest.mark.parametrize("name", ["cache", "state"])
def test_folders_that_others_may_fill_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(preflight, "try_out", lambda _state: ())
    spec = LabSpec(tmp_path / "cache", tmp_path / "state")
    assert found(preflight.check(spec), "owners").ok
    (tmp_path / name).mkdir()
    (tmp_path / name).chmod(0o777)
    refused = found(preflight.check(spec), "owners")
    assert (refused.ok, refused.kind) == (False, Kind.MACHINE)
    assert str(tmp_path / name) in refused.message


def found(checks: Sequence[Check], name: str) -> Check:
    return next(each for each in checks if each.name == name)


def test_two_disks_are_judged_each() -> None:
    machine = replace(MACHINE, cache=Disk(1, 5 * GIB), state=Disk(2, GIB // 2))
    [check] = failed(machine=machine)
    assert "LATIHAN_STATE" in check.hint


def test_the_first_failure_is_raised_with_all_of_them_as_detail() -> None:
    machine = replace(MACHINE, user=1000, memory=0)
    with pytest.raises(LabError) as raised:
        preflight.require(preflight.judge(replace(SPEC, profile="X"), machine))
    assert raised.value.kind is Kind.INPUT
    assert raised.value.detail.count("\n") == 2


def test_routes_of_the_kernels_table() -> None:
    table = (
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    )
    [route] = preflight.parse_routes(table)
    assert route == UsedRange(Network("10.0.2.0/24"), "this machine's route to 10.0.2.0/24 on eth0")


def test_addresses_of_the_kernels_table() -> None:
    table = (
        "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n"
        "     |-- 10.0.2.15\n        /32 host LOCAL\n"
        "     |-- 10.0.2.255\n        /32 link BROADCAST\n"
        "        |-- 127.0.0.1\n           /32 host LOCAL\n"
        "Local:\n     |-- 10.0.2.15\n        /32 host LOCAL\n"
    )
    assert preflight.parse_addresses(table) == [
        UsedRange(Network("10.0.2.15/32"), "this machine's address 10.0.2.15")
    ]


def test_inotify_instances_that_are_used_up() -> None:
    [check] = failed(machine=replace(MACHINE, inotify=12))
    assert check.message == "Only 12 inotify instances are free; the lab needs 13."
    assert check.kind is Kind.MACHINE
    assert "fs.inotify.max_user_instances" in check.hint
    assert failed(machine=replace(MACHINE, inotify=13)) == []
    # A lab that is up has its own.
    assert failed(machine=replace(MACHINE, inotify=0, made=True)) == []


def test_counting_inotify_instances_keeps_none() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert preflight._free_inotify(3) == 3
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_kernel_that_remembers_too_few_neighbours() -> None:
    many = replace(SPEC, nodes=31)
    machine = replace(MACHINE, memory=8 * GIB, available=8 * GIB, neighbours=1024)
    assert failed(replace(many, nodes=30), machine) == []
    [check] = failed(many, machine)
    assert check.message == "The kernel remembers at most 1024 neighbours; 31 nodes need 1089."
    assert "net.ipv4.neigh.default.gc_thresh3=4096" in check.hint
    assert check.kind is Kind.MACHINE
    assert failed(many, replace(machine, made=True)) == []


def test_the_survey_reads_what_the_kernel_remembers() -> None:
    # Without IPv6 there is only one.
    files = Path("/proc/sys/net").glob("ipv[46]/neigh/default/gc_thresh3")
    limits = [int(path.read_text(encoding="utf-8")) for path in files]
    assert preflight.survey(SPEC).neighbours == min(2704, *limits)
