"""The lab's load balancer, which works as ``minikube tunnel`` does.

While it runs, the lab's host has a route to the services' network by way of the first node, and
each service of type LoadBalancer has its ClusterIP as its external address. When it ends, both go.
Run as ``python3 -m ...tunnel CONTRACT``; it prints a line when it is ready and for each service,
and ends on SIGINT or SIGTERM.
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
from http import HTTPStatus
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout
from kubernetes import client, config, watch
from urllib3.exceptions import HTTPError

from ansible_collections.latihan.lab.plugins.plugin_utils import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.embedded import spaces
from ansible_collections.latihan.lab.plugins.plugin_utils.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.process import run

READY = "The tunnel is open."
_SPACE = "tunnel"
_COLLECTIONS = Path(__file__).parents[5]
_RETRY_AFTER = 0.5


def serve(path: Path, stopping: threading.Event) -> None:
    """Keep the tunnel open until ``stopping`` is set.

    Args:
        path: the cluster's contract.
        stopping: set it to end.

    Raises:
        LabError: there is no such lab, it is stopped, or it has a tunnel already.
    """
    lab = contract.read(path)
    with _only_one(path), _route(lab):
        api = _api(lab)
        print(READY, flush=True)
        try:
            # A lab that was taken down meanwhile has no contract any more.
            while not stopping.is_set() and path.exists():
                _give_addresses(api, stopping)
        finally:
            if path.exists():
                take_addresses(api)


def is_running(path: Path) -> bool:
    """Whether a tunnel of this lab is open."""
    return bool(_pids(path))


def start(path: Path) -> None:
    """Open the tunnel in the background, and wait until it is open.

    Raises:
        LabError: it ended at once; why is in it.
    """
    state, profile = path.parent.parent, path.parent.name
    environment = {
        **os.environ,
        "PYTHONPATH": str(_COLLECTIONS),
        spaces.PROFILE_VARIABLE: profile,
        spaces.SPACE_VARIABLE: _SPACE,
        spaces.STATE_VARIABLE: str(state),
    }
    log = path.with_name("tunnel.log")
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(path)],
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


def stop(path: Path) -> None:
    """Close the tunnel; it takes its route and its addresses back before it ends."""
    pids = _pids(path)
    spaces.terminate(pids)
    spaces.wait_gone(pids)


def take_addresses(api: client.CoreV1Api) -> None:
    """Take from every service the external address that a tunnel gave it."""
    for service in api.list_service_for_all_namespaces().items:
        if _address(service) is not None and _address(service) == service.spec.cluster_ip:
            _patch(api, service, None)


def _give_addresses(api: client.CoreV1Api, stopping: threading.Event) -> None:
    """Watch services and give those of type LoadBalancer that have none their address."""
    watching = watch.Watch()
    try:
        # A short watch, so that the word to stop is heard.
        for event in watching.stream(api.list_service_for_all_namespaces, timeout_seconds=1):
            service = event["object"]
            if service.spec.type == "LoadBalancer" and _address(service) is None:
                _patch(api, service, service.spec.cluster_ip)
                print(f"{service.metadata.name}: {service.spec.cluster_ip}", flush=True)
            if stopping.is_set():
                return
    except (client.ApiException, HTTPError):  # The cluster is stopped: it may come back.
        stopping.wait(_RETRY_AFTER)


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
def _route(lab: Contract) -> Iterator[None]:
    """A route from the lab's host to the services, as long as the block runs."""
    if not lab.host_enter or not lab.nodes[0].enter:
        raise LabError(
            f"The cluster {lab.profile} is stopped.",
            "Start it with `python3 runner.py start`.",
            Kind.INPUT,
        )
    route = [lab.service_network, "via", lab.nodes[0].address]
    run([*lab.host_enter, "ip", "route", "replace", *route])
    try:
        yield
    finally:
        # The host may be another one by now, or none: its routes went with it.
        run([*lab.host_enter, "ip", "route", "delete", *route], check=False)


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    lock = FileLock(path.with_name("tunnel.lock"))
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout as error:
        raise LabError(
            f"The lab {path.parent.name} has an open tunnel already.",
            "Close that one first, or use it.",
            Kind.INPUT,
        ) from error


def _api(lab: Contract) -> client.CoreV1Api:
    return client.CoreV1Api(config.new_client_from_config(config_file=lab.kubeconfig))


def _pids(path: Path) -> list[int]:
    return spaces.processes(path.parent.name, path.parent.parent, space=_SPACE)


def main(path: Path) -> int:
    """The tunnel in the foreground; returns the exit code."""
    stopping = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    try:
        serve(path, stopping)
    except LabError as error:
        print(error, flush=True)
        return 2 if error.kind is Kind.INPUT else 4
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
