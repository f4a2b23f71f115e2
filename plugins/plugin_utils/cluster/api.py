"""The Kubernetes API as the lab uses it: plain documents, watches, and commands in pods.

The typed models of the kubernetes client are left aside: parsing them costs more than the requests
do, and the pure functions of the lab work on the documents as the API sends them.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import urllib3
from kubernetes.client import ApiException
from kubernetes.stream import ws_client

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.kubeconfig import Access
from ansible_collections.latihan.lab.plugins.plugin_utils.common import json_text, refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds

Query = Sequence[tuple[str, str]]
ApiObject = dict[str, Any]  # an object, or a part of one, as the API's JSON has it

_CODE = re.compile("[0-9]{1,3}")
UNFINISHED = "it did not end within"

_CONNECTS_WITHIN, _ANSWERS_WITHIN, _LATE = 3.0, 20.0, 2.0


class RefusedError(LabError):
    """The API answered with a Status other than success.

    ``status`` is the HTTP status, ``reason`` the API's own word for it, such as ``NotFound``.
    """

    def __init__(self, message: str, status: int, reason: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Execution:
    """A command that ran in a container: what it printed and its exit code.

    ``exit_code`` is None if it was cut off; ``error`` then says why.
    """

    stdout: str
    stderr: str
    exit_code: int | None
    error: str = ""


class Api:
    """One cluster's API; may be used by several threads at once.

    Args:
        kubeconfig: the file that says where the cluster is and who asks.
        connections: how many connections to keep open.

    Raises:
        LabError: the file is missing or isn't a kubeconfig.
    """

    def __init__(self, kubeconfig: Path, connections: int = 32) -> None:
        self._access = Access(kubeconfig, connections)
        self._client = self._access.client()

    @property
    def address(self) -> str:
        """Where the API is, as in https://127.0.0.1:6443."""
        return str(self._access.configuration.host)

    def get(self, path: str, query: Query = ()) -> ApiObject:
        """The document at a path; RefusedError or LabError if there is none."""
        return document(self.text(path, query), self.address)

    def text(self, path: str, query: Query = ()) -> str:
        """The text at a path, such as a pod's log; RefusedError or LabError if there is none."""
        response = self._request(path, query, _timeout(seconds(_ANSWERS_WITHIN)))
        try:
            return response.data.decode("utf-8", "replace")
        finally:
            response.release_conn()

    def post(self, path: str, body: Mapping[str, Any], query: Query = ()) -> ApiObject:
        """Make an object in the list at a path; returns it as the API has it."""
        return self._send("POST", path, body, "application/json", query)

    def patch(self, path: str, body: Mapping[str, Any]) -> None:
        """Change the document at a path by a merge patch (RFC 7386), in which None removes."""
        self._send("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path: str, query: Query = ()) -> None:
        """Ask for the end of the object at a path; RefusedError or LabError if that fails."""
        response = self._request(path, query, _timeout(seconds(_ANSWERS_WITHIN)), method="DELETE")
        # What is left unread would be taken for the answer to the connection's next request.
        response.drain_conn()

    def _send(
        self, method: str, path: str, body: Mapping[str, Any], kind: str, query: Query = ()
    ) -> ApiObject:
        headers = {"Content-Type": kind}
        response = self._request(
            path,
            query,
            _timeout(seconds(_ANSWERS_WITHIN)),
            method=method,
            body=json.dumps(body),
            headers=headers,
        )
        try:
            return document(response.data.decode("utf-8", "replace"), self.address)
        finally:
            response.release_conn()

    def watch(self, path: str, version: str, length: float) -> Iterator[ApiObject]:
        """The changes of a list since a resourceVersion, as they come.

        Args:
            path: the list's path.
            version: the resourceVersion that the list had.
            length: after how many seconds to stop.

        Returns:
            Events {type, object}; ends when the API or ``length`` ends it.
        """
        query = [
            ("watch", "true"),
            ("resourceVersion", version),
            ("timeoutSeconds", str(max(1, int(length) + 1))),
        ]
        response = self._request(path, query, _timeout(length + seconds(_LATE)))
        try:
            pending = b""
            for chunk in response.stream(amt=None):
                *lines, pending = (pending + chunk).split(b"\n")
                yield from (document(line.decode(), self.address) for line in lines if line)
        except (urllib3.exceptions.HTTPError, OSError):
            return
        finally:
            response.close()

    def execute(
        self,
        namespace: str,
        pod: str,
        container: str,
        argv: Sequence[str],
        timeout: float,
        *,
        stdin: str = "",
    ) -> Execution:
        """Run a command in a container and wait for its end.

        Args:
            namespace: the pod's namespace.
            pod: its name.
            container: the container's name; empty for the pod's first.
            argv: the command, without a shell.
            timeout: how long to wait for its end, in seconds; longer on a slow machine.
            stdin: what the command reads. It must know where that ends: its input stays open.
        """
        query = [("command", word) for word in argv]
        query += [("stdout", "true"), ("stderr", "true")]
        if stdin:
            query.append(("stdin", "true"))
        if container:
            query.append(("container", container))
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec"
        _, url, headers, _, _ = self._client.param_serialize(
            "GET", path, query_params=query, header_params={}, auth_settings=["BearerToken"]
        )
        lowered = {name.lower(): value for name, value in headers.items()}
        url = url.replace("https://", "wss://", 1).replace("http://", "ws://", 1)
        try:
            socket = ws_client.WSClient(
                self._access.configuration, url, lowered, False, binary=True
            )
        except Exception as error:  # noqa: BLE001 - the websocket library has no common error
            return Execution("", "", None, _first_line(str(error)))
        try:
            if stdin:
                socket.write_stdin(stdin.encode())
            return _finish(socket, seconds(timeout))
        finally:
            socket.close(timeout=1)

    def _request(
        self,
        path: str,
        query: Query,
        timeout: urllib3.Timeout,
        *,
        method: str = "GET",
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        _, url, sent, _, _ = self._client.param_serialize(
            method,
            path,
            query_params=list(query),
            header_params=dict(headers or {}),
            auth_settings=["BearerToken"],
        )
        try:
            response: urllib3.BaseHTTPResponse = self._client.rest_client.pool_manager.request(
                method,
                url,
                body=body,
                headers=sent,
                timeout=timeout,
                preload_content=False,
                retries=False,
            )
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
            raise refusals.explained(
                f"The cluster's API at {self.address} does not answer: {_first_line(str(error))}",
                "Look at `python3 runner.py status`, then at `python3 runner.py doctor`.",
                str(error),
            ) from error
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise _refused(path, response)
        return response


def _timeout(read: float) -> urllib3.Timeout:
    return urllib3.Timeout(connect=seconds(_CONNECTS_WITHIN), read=read)


def _refused(path: str, response: urllib3.BaseHTTPResponse) -> RefusedError:
    """The API's Status as an error."""
    body = response.data.decode("utf-8", "replace")
    response.release_conn()
    return refusal(path, response.status, body)


def refusal(path: str, status: int, body: str) -> RefusedError:
    """The API's answer to a request that it refuses, as an error."""
    said = _object(body)
    message = said.get("message") or body[:200]
    return RefusedError(
        f"The API answers {status} to {path}: {message}", status, str(said.get("reason", ""))
    )


def document(text: str, address: str) -> ApiObject:
    """The JSON object that the API at this address sent; LabError if it is something else."""
    if found := _object(text):
        return found
    raise LabError(
        f"What answers at {address} is not the cluster's API: {text[:60]!r}.",
        "See whether something else, such as a proxy, is there.",
    )


def _object(text: str) -> ApiObject:
    """The JSON object in a text; empty if it is something else."""
    try:
        found = json_text.read(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _finish(socket: Any, timeout: float) -> Execution:
    """Read an exec's channels until it ends or the time is over."""
    ends = time.monotonic() + timeout
    while socket.is_open() and time.monotonic() < ends:
        socket.update(timeout=max(0.0, ends - time.monotonic()))
    stdout, stderr, status = (
        bytes(socket.read_channel(channel) or b"").decode("utf-8", "replace")
        for channel in (ws_client.STDOUT_CHANNEL, ws_client.STDERR_CHANNEL, ws_client.ERROR_CHANNEL)
    )
    code, error = exit_status(status)
    if code is None and not error:
        error = f"{UNFINISHED} {timeout:g} s"
    return Execution(stdout, stderr, code, error)


def exit_status(status: str) -> tuple[int | None, str]:
    """The exit code in an exec's last message, or the message itself if it has none."""
    match _object(status):
        case {"status": "Success"}:
            return 0, ""
        case {"details": {"causes": [*causes]}, **rest}:
            for cause in causes:
                match cause:
                    case {"reason": "ExitCode", "message": str(code)} if _CODE.fullmatch(code):
                        return int(code), ""
            return None, str(rest.get("message", status))
        case said:
            return None, str(said.get("message", status)).strip()


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0][:300]
