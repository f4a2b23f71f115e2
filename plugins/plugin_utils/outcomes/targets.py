"""Who a probe's target is, by an address, a name or a node's port. Pure functions."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts

# The name that every node has for the host.
_HOST = "host.minikube.internal"
_DOMAIN = "svc.cluster.local"


@lru_cache(maxsize=4096)
def address_and_port(target: str) -> tuple[str, int | None]:
    """The address or name in a probe's target, and the port if it names one."""
    try:
        parts = urlsplit(target if "://" in target else f"//{target}")
        found = parts.hostname or "", parts.port
    except ValueError:
        found = "", None
    return found


def owner_of(address: str, facts: Facts) -> str | None:
    """Who has an address or a name: ``host``, ``node/NAME``, ``pod/NAME`` or ``service/NAME``."""
    if known := facts.owner(address):
        return known
    if address == _HOST:
        return "host"
    if address in facts.nodes:
        return f"node/{address}"
    if service := service_named(address, facts):
        return f"service/{service}"
    outside = (name for name, each in facts.services.items() if address in each.external_ips)
    return next((f"service/{name}" for name in outside), None)


def service_named(name: str, facts: Facts) -> str:
    """The service that has this name inside pods; empty if it isn't a service's name."""
    service, _, rest = name.removesuffix(".").partition(".")
    domain = f"{facts.lab.namespace}.{_DOMAIN}"
    within = not rest or f"{domain}.".startswith(f"{rest}.")
    return service if within and service in facts.services else ""


def service_at(owner: str, port: int | None, facts: Facts) -> str:
    """The service behind a port of a node; empty if there is none."""
    if port is None or not owner.startswith("node/"):
        return ""
    for name, service in facts.services.items():
        if any(port == each.node_port for each in service.ports):
            return name
    return ""
