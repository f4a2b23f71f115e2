"""What a place prints about itself becomes its network; damaged output is told as unread."""

from __future__ import annotations

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import parse, read
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.state import (
    Behind,
    Link,
    Neighbour,
    PolicyRule,
    Route,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.wanted import PAGE, cluster
from tests.unit.plugin_utils.outcomes.path import sample

# As iproute2 6.1, iptables 1.8.9 and Linux 6.1 print it.
PRINTED = """
@m own/links
[{"ifindex":7,"link_index":3,"ifname":"eth0","flags":["BROADCAST","UP","LOWER_UP"],"mtu":1500,
"qdisc":"noqueue","operstate":"UP","address":"be:3c:aa:18:8e:71","link_netnsid":0,
"linkinfo":{"info_kind":"veth"},"addr_info":[{"family":"inet","local":"10.9.0.1","prefixlen":24},
{"family":"inet6","local":"fe80::1","prefixlen":64}]}]
@m own/routes
[{"dst":"default","gateway":"10.9.0.2","dev":"eth0","flags":[]},
{"type":"blackhole","dst":"10.8.0.0/16","flags":[]},
{"dst":"10.7.0.0/16","dev":"eth0","flags":[],"metrics":[{"mtu":1280}]},
{"dst":"1.2.3.4","dev":"eth0","table":"7","scope":"link","flags":[]},
{"type":"local","dst":"10.9.0.1","dev":"eth0","table":"local","protocol":"kernel","flags":[]}]
@m own/rules
[{"priority":0,"src":"all","table":"local"},
{"priority":32765,"src":"10.0.0.0","srclen":8,"fwmark":"0x1","fwmask":"0xff","table":"7"},
{"priority":32765,"src":"all","dst":"1.2.3.4","iif":"eth0","action":"prohibit"},
{"priority":32766,"src":"all","oif":"eth0","table":"main"}]
@m own/neighbours
[{"dst":"10.9.0.2","dev":"eth0","lladdr":"96:a5:16:94:e7:48","state":["PERMANENT"]}]
@m own/iptables
*filter
:FORWARD DROP [0:0]
:KUBE-FORWARD - [0:0]
[0:0] -A FORWARD -j KUBE-FORWARD
COMMIT
*nat
:KUBE-SERVICES - [0:0]
COMMIT
@m own/legacy
@m own/nftables
{"nftables":[{"metainfo":{"json_schema_version":1}},{"table":{"family":"inet","name":"mine"}},
{"chain":{"family":"inet","table":"mine","name":"f","type":"filter","hook":"forward","prio":0}},
{"chain":{"family":"inet","table":"mine","name":"other"}},
{"chain":{"family":"bridge","table":"theirs","name":"f","hook":"forward","prio":0}},
{"rule":{"family":"bridge","table":"theirs","chain":"f","expr":[{"counter":{}},{"drop":null}]}},
{"chain":{"family":"bridge","table":"counts","name":"f","type":"filter","hook":"input","prio":0}},
{"rule":{"family":"bridge","table":"counts","chain":"f","expr":[{"counter":{}},{"accept":null}]}},
{"chain":{"family":"ip","table":"filter","name":"FORWARD","hook":"forward","prio":0}}]}
@m own/bridges
[{"mac":"02:00:00:00:00:01","ifname":"node1","flags":[],"master":"lab0","state":"static"},
{"mac":"02:00:00:00:00:02","ifname":"node1","flags":[],"master":"lab0","state":"permanent"},
{"mac":"02:00:00:00:00:03","ifname":"node1","flags":[],"master":"lab0","state":""}]
@m own/queues
[{"kind":"noqueue","dev":"lo"},{"kind":"ingress","dev":"eth0"}]
@m own/listening
/proc/net/tcp:   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 71 1
/proc/net/tcp:   1: 0100007F:1F91 0100007F:0035 01 00000000:00000000 00:00000000 00000000 0 0 72 1
/proc/net/udp6: 2: 00000000000000000000000001000000:0035 0:0 07 0:0 00:0 00000000 0 0 73 2
@m own/settings
ipv4/ip_forward:1
@m own/resolver
nameserver 10.255.255.53
@m own/hosts
127.0.0.1 localhost
@m own/processes
15 (python3 (x)) T 1 15 1 0
16 (nginx) S 1 16 1 0
@m own/frozen
16
0
@m own/sockets
/proc/15/fd/3 socket:[71]
/proc/16/fd/4 socket:[71]
@m pod/default/p1/links
no JSON
"""


def test_place_is_read_from_what_it_printed() -> None:
    parts = read.split("@m", PRINTED)
    found = parse.network("node/a", parts["own"])
    assert found.links["eth0"] == Link(
        "eth0", 7, 3, "veth", mac="be:3c:aa:18:8e:71", queue="ingress", addresses=("10.9.0.1/24",)
    )
    assert found.routes == (
        Route("0.0.0.0/0", via="10.9.0.2", link="eth0"),
        Route("10.8.0.0/16", "blackhole"),
        Route("10.7.0.0/16", link="eth0", mtu=1280),
        Route("1.2.3.4/32", link="eth0", table="7"),
        Route("10.9.0.1/32", "local", link="eth0", table="local", author="kernel"),
    )
    assert found.policies == (
        PolicyRule(0, "local"),
        PolicyRule(32765, "7", source="10.0.0.0/8", mark=1, mask=255),
        PolicyRule(32765, "", target="1.2.3.4/32", incoming="eth0", action="prohibit"),
        PolicyRule(32766, "main", unread=("oif",)),
    )
    assert found.neighbours["10.9.0.2", "eth0"] == Neighbour(
        "10.9.0.2", "eth0", "96:a5:16:94:e7:48", "PERMANENT"
    )
    rules, native = found.netfilter
    assert rules.policies == {("filter", "FORWARD"): "DROP"}
    assert native.owner == "inet mine"
    assert found.tables == ("bridge theirs", "bridge counts")
    assert found.refusing == ("bridge theirs",)
    assert found.behind == (Behind("02:00:00:00:00:01", "node1"),)
    tcp, udp = found.listeners
    assert (tcp.address, tcp.port) == ("0.0.0.0", 8080)
    assert tcp.holders == ((15, "python3 (x)", "T"), (16, "nginx", "frozen"))
    assert (udp.protocol, udp.address, udp.port, udp.holders) == ("udp", "::1", 53, ())
    assert found.settings == {"ipv4/ip_forward": "1"}
    assert found.unread == ()


def test_what_can_not_be_read_is_noted() -> None:
    parts = read.split("@m", PRINTED)
    found = parse.network("pod/default/p1", parts["pod/default/p1"], holders=parts["own"])
    assert found.unread == ("links", "routes", "rules")
    assert found.programs == ()


def test_node_that_tells_no_rules_is_not_taken_for_one_without() -> None:
    parts = {**read.split("@m", PRINTED)["own"], "iptables": ""}
    assert parse.network("node/a", parts).unread == ("iptables",)
    assert parse.network("pod/default/p1", parts).unread == ()


def test_node_whose_services_something_else_leads_is_not_judged_by_the_rules_of_kube_proxy() -> (
    None
):
    parts = read.split("@m", PRINTED)["own"]
    others = {**parts, "iptables": parts["iptables"].replace("KUBE-SERVICES", "CILIUM_PRE_nat")}
    said = ("rules for services: no kube-proxy is there",)
    assert parse.network("node/a", others).unread == said
    behind = {**others, "processes": "17 (kube-proxy) S 1"}
    assert parse.network("node/a", behind).unread == ()
    links = parts["links"].replace('"ifname":"eth0"', '"ifname":"kube-ipvs0"')
    assert parse.network("node/a", {**parts, "links": links}).unread == ("rules of IPVS",)


def test_script_asks_for_the_pods_that_run() -> None:
    items = sample.items()
    identifier = "a" * 64
    items["pods"][1]["status"]["containerStatuses"] = [
        {"name": "c1", "containerID": f"containerd://{identifier}", "state": {"running": {}}},
        {"name": "c2", "containerID": "containerd://$(reboot)", "state": {"running": {}}},
    ]
    items["pods"][1]["metadata"]["annotations"] = {PAGE: "Ini adalah p2"}
    pods = cluster(sample.world().cluster.contract, "default", items).pods
    text = read.script("@m", [pods["default/p2"], pods["default/p1"]])
    assert text.count("http://127.0.0.1/") == 1
    assert identifier in text
    assert "reboot" not in text
    assert "pod/default/p2" in text
    assert "pod/default/p1" not in text  # It has no container that runs.


@pytest.mark.parametrize(
    ("printed", "page"),
    [
        ("Ini adalah p1\n\n200\n", "Ini adalah p1"),
        ("\n200", ""),
        ("<h1>Not found</h1>\n404", None),
        ("\n000", None),
        ("", None),
    ],
)
def test_page_is_known_only_from_a_good_answer(printed: str, page: str | None) -> None:
    assert parse.page(printed) == page
