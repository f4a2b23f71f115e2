"""The ingress controller's configuration of nginx, and the wildcard names that lead to it."""

from __future__ import annotations

from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.in_cluster import (
    ingress,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import names

SERVICES = [
    {
        "metadata": {"name": "s1", "namespace": "default"},
        "spec": {"clusterIP": "10.96.0.7", "ports": [{"name": "web", "port": 80}]},
    }
]


def rule(host: str, service: str, port: dict[str, Any], **path: str) -> dict[str, Any]:
    backend = {"service": {"name": service, "port": port}}
    return {"host": host, "http": {"paths": [{"path": "/", "backend": backend, **path}]}}


def ingresses(*rules: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"metadata": {"name": "x", "namespace": "default"}, "spec": {"rules": list(rules)}}]


def test_each_host_has_a_server_that_leads_to_its_service() -> None:
    text = ingress.configuration(ingresses(rule("a.svc.lab", "s1", {"number": 80})), SERVICES)
    assert "server_name a.svc.lab;" in text
    assert "location / { proxy_pass http://10.96.0.7:80; }" in text


def test_ports_may_be_named_and_paths_exact() -> None:
    named = rule("a.svc.lab", "s1", {"name": "web"}, path="/x", pathType="Exact")
    text = ingress.configuration(ingresses(named), SERVICES)
    assert "location = /x { proxy_pass http://10.96.0.7:80; }" in text


def test_unknown_services_and_ports_lead_nowhere() -> None:
    rules = (rule("a.svc.lab", "s9", {"number": 80}), rule("b.svc.lab", "s1", {"number": 81}))
    assert "proxy_pass" not in ingress.configuration(ingresses(*rules), SERVICES)


def test_hosts_that_nobody_named_get_404() -> None:
    text = ingress.configuration([], [])
    assert "listen 80 default_server;" in text
    assert "return 404" in text


def test_a_wildcard_matches_below_its_zone_and_the_zone_is_answered_here() -> None:
    assert names.lines({"*.svc.lab": "10.96.0.9"}) == (
        "address=/*.svc.lab/10.96.0.9\nlocal=/svc.lab/\n"
    )
    assert names.lines({}) == ""
