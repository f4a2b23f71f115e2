"""Watches objects of the API from a pod, and keeps a copy of them up to date."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_RETRY_AFTER, _RETRY_AFTER_AT_MOST = 0.2, 1.0
_CONNECT_TIMEOUT, _HANDSHAKE_TIMEOUT, _WATCH_TIMEOUT = 0.3, 10, 330

Object = dict[str, Any]


class Watched(ABC):
    """All objects of some kinds, as last seen by the watches.

    Args:
        paths: the API path of each kind, as in {"services": "/api/v1/services"}.
    """

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._paths = dict(paths)
        self._items: dict[str, dict[tuple[str, str], Object]] = {}
        self._lock = threading.Lock()

    @abstractmethod
    def changed(self, items: Mapping[str, list[Object]]) -> None:
        """Called after each change, with all objects by kind."""

    @property
    def ready(self) -> bool:
        """Whether every kind has been read at least once."""
        return self._paths.keys() <= self._items.keys()

    def start(self) -> None:
        """Watch every kind in the background, forever."""
        for kind in self._paths:
            threading.Thread(target=self._follow, args=(kind,), daemon=True).start()

    def replace(self, kind: str, items: list[Object]) -> None:
        """Replace all objects of a kind."""
        self._change(lambda: self._items.__setitem__(kind, {key(item): item for item in items}))

    def apply(self, kind: str, event: Object) -> None:
        """Apply one event of a watch."""
        item = event["object"]
        if event["type"] == "DELETED":
            self._change(lambda: self._items[kind].pop(key(item), None))
        elif event["type"] in ("ADDED", "MODIFIED"):
            self._change(lambda: self._items[kind].__setitem__(key(item), item))

    def _change(self, change: Callable[[], object]) -> None:
        with self._lock:
            change()
            self.changed({kind: list(self._items.get(kind, {}).values()) for kind in self._paths})

    def _follow(self, kind: str) -> None:
        """List a kind and watch it; after an error, list it again."""
        pause = _RETRY_AFTER
        while True:
            try:
                version, items = _list(self._paths[kind])
                self.replace(kind, items)
                pause = _RETRY_AFTER
                for event in _watch(self._paths[kind], version):
                    if event["type"] == "ERROR":  # The resourceVersion is too old: list again.
                        break
                    self.apply(kind, event)
            except (OSError, ValueError, http.client.HTTPException) as error:
                print(f"{kind}: {error}; trying again", flush=True)
            time.sleep(pause)
            pause = min(2 * pause, _RETRY_AFTER_AT_MOST)


def key(item: Object) -> tuple[str, str]:
    """The namespace (empty for a namespace itself) and name of an object."""
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _list(path: str) -> tuple[str, list[Object]]:
    with _get(path) as response:
        document = json.load(response)
    return document["metadata"]["resourceVersion"], document["items"]


def _watch(path: str, version: str) -> Iterator[Object]:
    query = f"watch=1&resourceVersion={version}&timeoutSeconds=300"
    with _get(f"{path}?{query}") as response:
        for line in response:
            yield json.loads(line)


def _get(path: str) -> http.client.HTTPResponse:
    """Send a GET request to the API, as the pod's service account."""
    trust = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
    host = os.environ["KUBERNETES_SERVICE_HOST"]
    address = host, int(os.environ["KUBERNETES_SERVICE_PORT"])
    token = (_ACCOUNT / "token").read_text(encoding="utf-8")
    # A connection that starts before kube-proxy has its rules never succeeds: give it up soon. The
    # kernel answers for the API, however busy that is.
    plain = socket.create_connection(address, _CONNECT_TIMEOUT)
    plain.settimeout(_HANDSHAKE_TIMEOUT)
    connection = http.client.HTTPConnection(*address)  # Over TLS, which is the next line.
    connection.sock = trust.wrap_socket(plain, server_hostname=host)
    connection.sock.settimeout(_WATCH_TIMEOUT)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    if response.status != HTTPStatus.OK:
        raise ValueError(f"the API answered {response.status} {response.reason}")
    return response
