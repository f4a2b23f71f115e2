"""The layout of an embedded cluster: names, addresses and blocks, and what doesn't fit."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import layout, network
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.layout import Settings

SETTINGS = Settings(
    profile="latihan",
    state="/state",
    nodes=3,
    network="192.168.49.0/24",
    pod_network="10.244.0.0/16",
    service_network="10.96.0.0/12",
    binaries="/bin",
    daemons="/daemons",
    registry="/registry",
)


def test_nodes_have_names_addresses_and_blocks_of_their_own() -> None:
    plan = layout.plan(SETTINGS)
    assert [(n.name, n.address, n.pod_block, n.control_plane) for n in plan.nodes] == [
        ("latihan", "192.168.49.2", "10.244.0.0/24", True),
        ("latihan-m02", "192.168.49.3", "10.244.1.0/24", False),
        ("latihan-m03", "192.168.49.4", "10.244.2.0/24", False),
    ]
    assert plan.host_address == "192.168.49.1"
    assert (plan.api_service, plan.dns_service) == ("10.96.0.1", "10.96.0.10")


@pytest.mark.parametrize(
    ("change", "room"),
    [
        ({"nodes": 6, "network": "192.168.49.0/29"}, 5),
        ({"nodes": 3, "pod_network": "10.244.0.0/23"}, 2),
        ({"nodes": 1, "pod_network": "10.244.0.0/25"}, 0),
        ({"nodes": 0}, 253),
    ],
)
def test_nodes_that_dont_fit_are_refused(change: dict[str, int | str], room: int) -> None:
    with pytest.raises(LabError, match=f"room for {room}") as refused:
        layout.plan(replace(SETTINGS, **change))  # type: ignore[arg-type]
    assert refused.value.kind is Kind.INPUT


def test_settings_are_kept_with_the_cluster(tmp_path: Path) -> None:
    made = layout.plan(replace(SETTINGS, state=str(tmp_path)))
    layout.save(made)
    assert layout.load(tmp_path, "latihan") == made
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700


def test_unknown_profile_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="The profile 'other' has no cluster") as refused:
        layout.load(tmp_path, "other")
    assert refused.value.kind is Kind.INPUT


def test_unknown_node_names_those_that_are_there() -> None:
    with pytest.raises(LabError) as refused:
        layout.plan(SETTINGS).node("latihan-m09")
    assert "latihan, latihan-m02, latihan-m03" in str(refused.value)


def test_each_node_has_a_route_to_the_pods_of_each_other() -> None:
    plan = layout.plan(SETTINGS)
    lines = network.node_lines(plan, plan.nodes[1])
    assert "route add 10.244.0.0/24 via 192.168.49.2" in lines
    assert "route add 10.244.2.0/24 via 192.168.49.4" in lines
    assert not any("10.244.1.0/24" in line for line in lines)


def test_the_name_server_s_answers_find_back_to_pods() -> None:
    plan = layout.plan(SETTINGS)
    chosen = "-s 10.244.1.0/24 -d 192.168.49.1 --dport 53 -j LATIHAN-NAMES"
    assert network.name_server_rules(plan, plan.nodes[1]) == [
        "*nat",
        ":LATIHAN-NAMES - [0:0]",
        f"-A POSTROUTING -p udp {chosen}",
        f"-A POSTROUTING -p tcp {chosen}",
        "-A LATIHAN-NAMES -j MASQUERADE",
        "COMMIT",
    ]


def test_the_second_family_s_ranges_follow_from_the_first_one_s() -> None:
    plan = layout.plan(replace(SETTINGS, ip_family="dual"))
    first, second = plan.nodes[:2]
    assert first.addresses == ("192.168.49.2", "fd00:c0a8:3100::2")
    assert second.pod_blocks == ("10.244.1.0/24", "fd00:af4:100::/64")
    assert plan.host_addresses == ("192.168.49.1", "fd00:c0a8:3100::1")
    assert plan.pod_networks == ("10.244.0.0/16", "fd00:af4::/32")
    assert plan.service_networks == ("10.96.0.0/12", "fd00:a60::/112")
    lines = network.node_lines(plan, first)
    assert "addr add fd00:c0a8:3100::2/64 dev eth0 nodad" in lines
    assert "route add fd00:af4:100::/64 via fd00:c0a8:3100::3" in lines


def test_host_has_no_way_out() -> None:
    assert not any("route" in line for line in network.host_lines(layout.plan(SETTINGS)))
