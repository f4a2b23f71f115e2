"""Virtual servers of IPVS, as the kernel prints them, and what differs from the endpoints.

The texts are written after the kernel's source (net/netfilter/ipvs/ip_vs_ctl.c): no kernel with
IPVS was at hand.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import ipvs, parse
from tests.unit.plugin_utils.outcomes.path import sample
from tests.unit.plugin_utils.outcomes.path.sample import FIRST

# s1 is 10.111.139.255 and leads to p1 (10.244.0.4) and p3 (10.244.1.2), the DNS to 10.244.0.2.
TABLE = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A6F8BFF:0050 rr 
  -> 0AF40004:0050      Masq    1      0          0         
  -> 0AF40102:0050      Masq    1      3          12        
  -> 0AF40109:0050      Masq    0      0          4         
UDP  0A60000A:0035 rr 
  -> 0AF40002:0035      Masq    1      0          0         
TCP  C0A83102:79F6 rr persistent 10800 FFFFFFFF
  -> 0AF40004:0050      Masq    1      0          0         
TCP  [fd00:0a60:0000:0000:0000:0000:0000:0001]:01BB rr 
  -> [fd00:0af4:0000:0000:0000:0000:0000:0002]:192B      Masq    1      0          0         
FWM  00000001 rr 
  -> 0AF40004:0050      Masq    1      0          0         
"""  # noqa: W291 - as the kernel prints it


def test_a_table_is_read() -> None:
    assert ipvs.parse(TABLE) == {
        ("tcp", "10.111.139.255", 80): {"10.244.0.4:80", "10.244.1.2:80"},
        ("udp", "10.96.0.10", 53): {"10.244.0.2:53"},
        ("tcp", "192.168.49.2", 31222): {"10.244.0.4:80"},
    }
    assert ipvs.parse("") == {}


@pytest.mark.parametrize(
    ("old", "new", "leads"),
    [
        ("", "", None),
        ("0AF40102:0050", "0AF40103:0050", "10.244.0.4:80 or 10.244.1.3:80"),
        ("  -> 0AF40102:0050      Masq    1", "  -> 0AF40102:0050      Masq    0", "10.244.0.4:80"),
        ("TCP  0A6F8BFF:0050", "TCP  0A6F8BFE:0050", "nobody"),
    ],
)
def test_what_it_leads_to_is_held_against_the_endpoints(
    old: str, new: str, leads: str | None
) -> None:
    seen = sample.world()
    seen = replace(seen, balanced={FIRST: ipvs.parse(TABLE.replace(old, new))})
    told = [each.actual for each in sample.walk(seen, "pod/p2", "http://s1/").departures]
    assert told == ([f"IPVS leads 10.111.139.255:80 (s1) to {leads}"] if leads else [])


def test_a_node_with_ipvs_is_not_followed_through() -> None:
    parts = {"links": '[{"ifname":"kube-ipvs0"}]', "routes": "[]", "rules": "[]", "ipvs": TABLE}
    seen = parse.network(FIRST, parts)
    assert seen.unread == ("rules of IPVS",)
    assert ("udp", "10.96.0.10", 53) in seen.balanced
