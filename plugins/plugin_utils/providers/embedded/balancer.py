"""The lab's load balancer, which works as ``minikube tunnel`` does.

While it runs, each service of type LoadBalancer has its ClusterIP as its external address, and the
lab's host has a route to that address through the first node. When it ends, it removes both. Run as
``python3 -m ...balancer CONTRACT [NAMESPACE]``; it prints a line when it is ready and for each
service, and ends on SIGINT or SIGTERM.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import FileLock, Timeout

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api, RefusedError
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Reach,
    Reachable,
    Stopped,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.watching import (
    Changed,
    Event,
    Listed,
    Watch,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common import profiles
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import HOST
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.tunnel import (
    READY,
    EmbeddedTunnel,
)

_LOOK_EVERY = 0.2

Service = dict[str, Any]


def serve(tunnel: EmbeddedTunnel, stopping: threading.Event) -> None:
    """Keep the tunnel open until ``stopping`` is set.

    Args:
        tunnel: which one.
        stopping: set it to end.

    Raises:
        LabError: there is no such lab, it is stopped, or it already has this tunnel.
    """
    path = tunnel.profile.contract
    lab = contract.read(path)
    for place in (HOST, lab.nodes[0].name):
        lab.enter(place)  # An error if that is stopped.
    with _only_one(tunnel):
        balancer = _Balancer(path, lab, tunnel.namespace)
        watch = Watch(balancer.api, {"services": balancer.path})
        print(READY, flush=True)
        try:
            # If the lab was taken down meanwhile, its contract is gone.
            while not stopping.is_set() and path.exists():
                for _name, event in watch.arrived(_LOOK_EVERY):
                    balancer.see(event)
                balancer.give()
        finally:
            watch.stop()
            if path.exists():
                balancer.take()


class _Balancer:
    """Gives services of type LoadBalancer their addresses and the lab's host the routes to them.

    Args:
        contract_file: the lab's contract.
        lab: its content.
        namespace: the namespace whose services are meant; empty for all.
    """

    def __init__(self, contract_file: Path, lab: Contract, namespace: str) -> None:
        self._contract_file = contract_file
        self._host: Reach = lab.host
        self._gateway = lab.nodes[0].address
        self.api = Api(Path(lab.kubeconfig))
        self.path = f"/api/v1/namespaces/{namespace}/services" if namespace else "/api/v1/services"
        self._services: dict[str, Service] = {}
        self._routed: set[str] = set()

    def see(self, event: Event) -> None:
        """Take in an event of the services."""
        match event:
            case Listed(items=items):
                self._services = {_uid(service): service for service in items}
            case Changed(item=service, gone=True):
                self._services.pop(_uid(service), None)
            case Changed(item=service):
                self._services[_uid(service)] = service

    def give(self) -> None:
        """Give the services what they need, and remove the routes to those that are gone.

        While the lab is stopped this does nothing; a host that was started again has no routes.
        """
        host = self._host_now()
        if host != self._host:
            self._host = host
            self._routed.clear()
        if not isinstance(host, Reachable):
            return
        balanced = [service for service in self._services.values() if _is_balanced(service)]
        for address in self._routed - {_cluster_ip(service) for service in balanced}:
            self._route("delete", address)
        for service in balanced:
            address = _cluster_ip(service)
            if address not in self._routed:
                self._route("replace", address)
            if _external(service) is None and self._set_external(service, address):
                print(f"{service['metadata']['name']}: {address}", flush=True)

    def take(self) -> None:
        """Remove the external address that a tunnel gave each service, and its route."""
        try:
            services = self.api.get(self.path)["items"]
        except LabError:  # A stopped cluster: its host is gone too.
            return
        for service in services:
            if _external(service) is not None and _external(service) == _cluster_ip(service):
                self._set_external(service, None)
                self._routed.add(_cluster_ip(service))
        self._host = self._host_now()
        for address in list(self._routed):
            self._route("delete", address)

    def _host_now(self) -> Reach:
        try:
            return contract.read(self._contract_file).host
        except LabError:  # The lab was taken down meanwhile.
            return Stopped()

    def _route(self, action: str, address: str) -> None:
        """Change a route of the lab's host; if that is stopped, there is nothing to change."""
        if not isinstance(self._host, Reachable):
            return
        route = ["ip", "route", action, address, "via", self._gateway]
        run([*self._host.enter, *route], check=action == "replace")
        if action == "replace":
            self._routed.add(address)
        else:
            self._routed.discard(address)

    def _set_external(self, service: Service, address: str | None) -> bool:
        """Set or remove a service's external address; returns whether that worked."""
        known = service["metadata"]
        path = f"/api/v1/namespaces/{known['namespace']}/services/{known['name']}/status"
        ingress = None if address is None else [{"ip": address}]
        balancer = {"loadBalancer": {"ingress": ingress}}
        try:
            self.api.patch(path, {"status": balancer})
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:  # It was deleted meanwhile.
                raise
            self._services.pop(_uid(service), None)
            return False
        except LabError:  # The API doesn't answer any more; it will be asked again.
            return False
        service["status"] = balancer
        return True


def _uid(service: Service) -> str:
    return str(service["metadata"]["uid"])


def _is_balanced(service: Service) -> bool:
    return bool(service["spec"].get("type") == "LoadBalancer")


def _cluster_ip(service: Service) -> str:
    return str(service["spec"].get("clusterIP", ""))


def _external(service: Service) -> str | None:
    """The external address a service has, or None while it is pending."""
    balancer = service.get("status", {}).get("loadBalancer") or {}
    ingress = balancer.get("ingress") or [{}]
    address = ingress[0].get("ip")
    return str(address) if address else None


@contextmanager
def _only_one(tunnel: EmbeddedTunnel) -> Iterator[None]:
    lock = FileLock(tunnel.profile.folder / f"{tunnel.name}.lock")
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout as error:
        raise LabError(
            f"The lab {tunnel.profile.name} already has an open tunnel.",
            "Use that one, or close it first.",
            Kind.INPUT,
        ) from error


def main(path: Path, namespace: str = "") -> int:
    """Run the tunnel in the foreground; returns the exit code."""
    stopping = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    try:
        serve(EmbeddedTunnel(profiles.of_contract(path), namespace), stopping)
    except LabError as error:
        print(error, flush=True)
        return 2 if error.kind is Kind.INPUT else 4
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:3]))
