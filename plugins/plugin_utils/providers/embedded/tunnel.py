"""The lab's load balancer, which works as ``minikube tunnel`` does.

While it runs, each service of type LoadBalancer has its ClusterIP as its external address, and the
lab's host has a route to that address by way of the first node. When it ends, both go. Run as
``python3 -m ...tunnel CONTRACT [NAMESPACE]``; it prints a line when it is ready and for each
service, and ends on SIGINT or SIGTERM.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout
from kubernetes import client, watch
from urllib3.exceptions import HTTPError

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.kubeconfig import Access
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import spaces

READY = "The tunnel is open."
_COLLECTIONS = Path(__file__).parents[7]
_RETRY_AFTER = 0.5


def serve(path: Path, namespace: str, stopping: threading.Event) -> None:
    """Keep the tunnel open until ``stopping`` is set.

    Args:
        path: the cluster's contract.
        namespace: the namespace whose services get addresses; empty for all.
        stopping: set it to end.

    Raises:
        LabError: there is no such lab, it is stopped, or it has such a tunnel already.
    """
    lab = contract.read(path)
    with _only_one(path, namespace):
        balancer = _Balancer(lab, namespace)
        print(READY, flush=True)
        try:
            # A lab that was taken down meanwhile has no contract any more.
            while not stopping.is_set() and path.exists():
                balancer.give(stopping)
        finally:
            if path.exists():
                balancer.take()


def is_running(path: Path, namespace: str) -> bool:
    """Whether such a tunnel of this lab is open."""
    return bool(_pids(path, namespace))


def start(path: Path, namespace: str) -> None:
    """Open the tunnel in the background, and wait until it is open.

    Args:
        path: the cluster's contract.
        namespace: the namespace whose services get addresses; empty for all.

    Raises:
        LabError: it ended at once; why is in it.
    """
    state, profile = path.parent.parent, path.parent.name
    environment = {
        **os.environ,
        "PYTHONPATH": str(_COLLECTIONS),
        spaces.PROFILE_VARIABLE: profile,
        spaces.SPACE_VARIABLE: _name(namespace),
        spaces.STATE_VARIABLE: str(state),
    }
    log = path.with_name(f"{_name(namespace)}.log")
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(path), namespace],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
    while READY not in (said := log.read_text(encoding="utf-8")):
        if process.poll() is not None:
            lines = said.strip().splitlines() or ["it said nothing"]
            raise LabError(f"The tunnel can't be opened: {lines[-1]}", detail=said)
        time.sleep(_RETRY_AFTER / 10)


def stop(path: Path, namespace: str) -> None:
    """Close the tunnel; it takes its routes and its addresses back before it ends."""
    pids = _pids(path, namespace)
    spaces.terminate(pids)
    spaces.wait_gone(pids)


class _Balancer:
    """Gives services of type LoadBalancer their addresses and the lab's host the routes to them.

    Args:
        lab: the lab.
        namespace: the namespace whose services are meant; empty for all.

    Raises:
        LabError: the lab is stopped.
    """

    def __init__(self, lab: Contract, namespace: str) -> None:
        if not lab.host_enter or not lab.nodes[0].enter:
            raise LabError(
                f"The cluster {lab.profile} is stopped.",
                "Start it with `python3 runner.py start`.",
                Kind.INPUT,
            )
        self._lab = lab
        self._access = Access(Path(lab.kubeconfig))
        self._api = client.CoreV1Api(self._access.client())
        self._list = (
            partial(self._api.list_namespaced_service, namespace)
            if namespace
            else self._api.list_service_for_all_namespaces
        )
        self._routed: set[str] = set()

    def give(self, stopping: threading.Event) -> None:
        """See which services there are, and watch them for a second."""
        watching = watch.Watch()
        try:
            known = self._list()
            balanced = [service for service in known.items if _is_balanced(service)]
            for address in self._routed - {service.spec.cluster_ip for service in balanced}:
                self._route("delete", address)
            for service in balanced:
                self._give(service)
            # A short watch, so that the word to stop is heard.
            version = known.metadata.resource_version
            for event in watching.stream(self._list, resource_version=version, timeout_seconds=1):
                if event["type"] != "DELETED" and _is_balanced(event["object"]):
                    self._give(event["object"])
                if stopping.is_set():
                    return
        except (client.ApiException, HTTPError):  # The cluster is stopped: it may come back.
            stopping.wait(_RETRY_AFTER)

    def take(self) -> None:
        """Take from every service the external address that a tunnel gave it, and its route."""
        try:
            services = self._list().items
        except (client.ApiException, HTTPError):  # A stopped cluster: its host is gone too.
            return
        for service in services:
            if _address(service) is not None and _address(service) == service.spec.cluster_ip:
                _patch(self._api, service, None)
                self._routed.add(service.spec.cluster_ip)
        for address in list(self._routed):
            self._route("delete", address)

    def _give(self, service: client.V1Service) -> None:
        address = service.spec.cluster_ip
        if address not in self._routed:
            self._route("replace", address)
        if _address(service) is None:
            _patch(self._api, service, address)
            print(f"{service.metadata.name}: {address}", flush=True)

    def _route(self, action: str, address: str) -> None:
        """Change the lab's host, which may be another one by now, or none, with its routes gone."""
        enter = self._lab.host_enter or ()
        route = [address, "via", self._lab.nodes[0].address]
        run([*enter, "ip", "route", action, *route], check=action == "replace")
        if action == "replace":
            self._routed.add(address)
        else:
            self._routed.discard(address)


def _is_balanced(service: client.V1Service) -> bool:
    return bool(service.spec.type == "LoadBalancer")


def _patch(api: client.CoreV1Api, service: client.V1Service, address: str | None) -> None:
    ingress = None if address is None else [{"ip": address}]
    body = {"status": {"loadBalancer": {"ingress": ingress}}}
    try:
        api.patch_namespaced_service_status(service.metadata.name, service.metadata.namespace, body)
    except client.ApiException as error:
        if error.status != HTTPStatus.NOT_FOUND:  # It was deleted meanwhile.
            raise


def _address(service: client.V1Service) -> str | None:
    """The external address a service has, or None while it is pending."""
    balancer = service.status.load_balancer
    ingress = (balancer.ingress if balancer else None) or []
    return ingress[0].ip if ingress else None


@contextmanager
def _only_one(path: Path, namespace: str) -> Iterator[None]:
    lock = FileLock(path.with_name(f"{_name(namespace)}.lock"))
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout as error:
        raise LabError(
            f"The lab {path.parent.name} has an open tunnel already.",
            "Close that one first, or use it.",
            Kind.INPUT,
        ) from error


def _name(namespace: str) -> str:
    """What a tunnel is called: in its process's environment, and its files."""
    return f"tunnel-{namespace}" if namespace else "tunnel"


def _pids(path: Path, namespace: str) -> list[int]:
    return spaces.processes(path.parent.name, path.parent.parent, space=_name(namespace))


def main(path: Path, namespace: str = "") -> int:
    """The tunnel in the foreground; returns the exit code."""
    stopping = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    try:
        serve(path, namespace, stopping)
    except LabError as error:
        print(error, flush=True)
        return 2 if error.kind is Kind.INPUT else 4
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:3]))
