"""Whether the API server reaches the kubelets that run commands in pods for it.

Where it can't, it says so only when its dialling has failed for half a minute (Go: net/http,
DefaultTransport; observed with Kubernetes 1.20).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Execution
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError

PORT = 10250
# How long a command usually takes to begin, in seconds, even on a busy machine.
_SOON = 2.0
# What the API server says if its dialling failed (apimachinery: util/proxy/upgradeaware.go).
UNDIALLED = "error dialing backend"


class Kubelets:
    """Asks each node's kubelet once, when something there takes long.

    Args:
        lab: the lab.
        connects: asks a place for a connection, as HOST:PORT; returns why there is none, or nothing
            if there is one or it can't be said.
    """

    def __init__(self, lab: Lab, connects: Callable[[str, str], str]) -> None:
        self._lab = lab
        self._connects = connects
        self._lock = threading.Lock()
        self._silent: dict[str, str] = {}

    def run(self, pod: str, execute: Callable[[], Execution]) -> Execution:
        """Run a command in a pod; give up on a kubelet that can't be reached.

        Args:
            pod: the pod.
            execute: asks the API for it; what is given up ends by itself later.
        """
        answer: Future[Execution] = Future()
        threading.Thread(target=_settle, args=(answer, execute), daemon=True).start()
        try:
            return answer.result(_SOON)
        except NotYet:
            said = self.silence(pod)
        return Execution("", "", None, said) if said else answer.result()

    def silence(self, pod: str) -> str:
        """Why the kubelet of a pod can't be reached; empty if it can, or if nobody can say."""
        try:
            item = self._lab.api.get(f"/api/v1/namespaces/{self._lab.namespace}/pods/{pod}")
        except LabError:
            return ""
        node, address = item["spec"].get("nodeName", ""), item["status"].get("hostIP", "")
        server = self._lab.contract.nodes[0].name if self._lab.contract.nodes else node
        if not address or node == server:
            return ""
        with self._lock:
            if node not in self._silent:
                why = self._connects(server, f"{address}:{PORT}")
                said = f"{UNDIALLED}: no connection from {server} to {address}:{PORT}, the kubelet"
                self._silent[node] = f"{said} of {node}: {why}" if why else ""
            return self._silent[node]

    def known_silence(self, pod: str) -> str:
        """The same, without asking: empty as well if nothing there took long."""
        return self.silence(pod) if any(self._silent.values()) else ""


def _settle(answer: Future[Execution], execute: Callable[[], Execution]) -> None:
    try:
        answer.set_result(execute())
    except BaseException as error:  # noqa: BLE001 - whoever waits raises it
        answer.set_exception(error)
