"""What minikube prints, as data (minikube 1.38: cmd/minikube/cmd, pkg/minikube/out/register)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common import json_text
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.programs import in_one_line

_TYPE = "io.k8s.sigs.minikube."
_RUNNING = "Running"
_VERSION = re.compile(r"v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})\b")
_NUMBER = re.compile(r"\d{1,3}")
_TROUBLE = re.compile(r"^\s*(minikube|router|loadbalancer emulator): (.*)$", re.MULTILINE)
_OPEN = "Tunnel successfully started"
_STATUS = "Status:"
_NO_ERRORS = "no errors"
# pkg/minikube/reason/exitcodes.go: bad options, then resources and host, driver and its provider.
_USAGE = 14
_OF_THE_MACHINE = (*range(20, 40), *range(50, 70))


@dataclass(frozen=True)
class StartStep:
    """A step of ``minikube start``; numbers are left out as minikube does, and some are skipped."""

    number: int
    total: int
    message: str


@dataclass(frozen=True)
class MinikubeFailure:
    """Why minikube gave up: its reason, its advice, and the exit code that it says it ends with."""

    message: str
    advice: str = ""
    exit_code: int = 0

    def error(self, what: str) -> LabError:
        """The error for it.

        Args:
            what: what minikube was to do, as in "make the profile 'latihan'".
        """
        kind = Kind.STEP
        if self.exit_code == _USAGE:
            kind = Kind.INPUT
        elif self.exit_code in _OF_THE_MACHINE:
            kind = Kind.MACHINE
        return LabError(f"minikube can't {what}: {self.message}.", self.advice, kind)


def version(text: str) -> tuple[int, ...]:
    """The version in the answer of ``minikube version -o json``; LabError if it has none."""
    answer = _json(text, "version")
    found = _VERSION.match(str(answer.get("minikubeVersion"))) if isinstance(answer, dict) else None
    if found is None:
        raise _unreadable("version", text)
    return tuple(map(int, found.groups()))


def profiles(text: str) -> set[str]:
    """The names of all profiles, also of broken ones, in ``minikube profile list -o json``.

    Raises:
        LabError: it isn't that list, or minikube can't make it.
    """
    answer = _json(text, "profile list")
    if not isinstance(answer, dict) or "error" in answer:
        raise _unreadable("profile list", text)
    valid, invalid = (answer.get(each) or [] for each in ("valid", "invalid"))
    if not (_are_named(valid) and _are_named(invalid)):
        raise _unreadable("profile list", text)
    return {each["Name"] for each in [*valid, *invalid]}


def states(text: str) -> dict[str, bool]:
    """By each node's name, whether it runs, in the answer of ``minikube status -o json``.

    One node is an object, several are a list, and ``null`` says that a machine is gone.

    Raises:
        LabError: it is something else.
    """
    answer = _json(text, "status")
    nodes = [answer] if isinstance(answer, dict) else answer
    if nodes is None:
        return {}
    if not _are_named(nodes):
        raise _unreadable("status", text)
    return {node["Name"]: node.get("Host") == _RUNNING for node in nodes}


def step(line: str) -> StartStep | None:
    """The step that a line of output begins; None if it says something else."""
    data = _event(line).get("step")
    if data is None:
        return None
    return StartStep(
        _number(data.get("currentstep")),
        _number(data.get("totalsteps")),
        in_one_line(str(data.get("message", ""))),
    )


def failure(lines: Iterable[str]) -> MinikubeFailure | None:
    """The last error that minikube reported in its output; None if it reported none."""
    errors = list(_errors(lines))
    if not errors:
        return None
    data = errors[-1]
    return MinikubeFailure(
        in_one_line(str(data.get("message") or data.get("name") or "it doesn't say why")),
        str(data.get("advice") or data.get("url") or "").strip(),
        _number(data.get("exitcode")),
    )


def tunnel_trouble(text: str) -> str | None:
    """What is wrong with a tunnel, in what ``minikube tunnel`` printed; None if it is not yet open.

    It is empty if all is well.
    """
    if _OPEN in text:
        return ""
    before, status, last = text.rpartition(_STATUS)
    found = dict(_TROUBLE.findall(last if status else before))
    if not status or "router" not in found:
        return None
    wrong = [f"{name}: {said}" for name, said in found.items() if name != "minikube"]
    return in_one_line("; ".join(each for each in wrong if not each.endswith(_NO_ERRORS)))


def _errors(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        data = _event(line).get("error")
        if data is not None:
            yield data


def _event(line: str) -> dict[str, dict[str, Any]]:
    """The data of the event in a line, by its type; empty if there is none."""
    try:
        event = json_text.read(line)
    except ValueError:
        return {}
    if not isinstance(event, dict) or not isinstance(event.get("data"), dict):
        return {}
    return {str(event.get("type")).removeprefix(_TYPE): event["data"]}


def _are_named(listed: object) -> bool:
    """Whether it is a list of objects that have a name."""
    return isinstance(listed, list) and all(
        isinstance(each, dict) and isinstance(each.get("Name"), str) for each in listed
    )


def _number(value: object) -> int:
    return int(str(value)) if _NUMBER.fullmatch(str(value)) else 0


def _json(text: str, of: str) -> Any:
    try:
        return json_text.read(text)
    except ValueError as error:
        raise _unreadable(of, text) from error


def _unreadable(of: str, text: str) -> LabError:
    return LabError(
        f"The answer of `minikube {of}` can't be read: {in_one_line(text)[:200] or 'it is empty'}.",
        f"See what `minikube {of}` prints.",
    )
