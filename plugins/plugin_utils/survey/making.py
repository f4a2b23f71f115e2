"""Make what a survey needs in the lab's namespace, see that it runs, and remove it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import (
    Api,
    ApiObject,
    RefusedError,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds
from ansible_collections.latihan.lab.plugins.plugin_utils.survey import objects
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.objects import Agents, Site
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.questions import Served

SERVING = "serving"
_POLL = 0.5
_STARTS_WITHIN, _GONE_WITHIN = 90.0, 120.0
# How long an image may fail to come before nobody waits for it any more.
_IMAGE_WITHIN = 12.0
_IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_HOPELESS = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
_AT_A_TIME = 8
_POLICIES = "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"
_SELECTED = [("labelSelector", objects.LABEL)]


@dataclass(frozen=True)
class Running:
    """The pods of a survey.

    Args:
        addresses: those of each pod that answers, by its name.
        troubles: why each other one doesn't.
        refused: which of these the cluster refuses to take.
    """

    addresses: Mapping[str, tuple[str, ...]]
    troubles: Mapping[str, str]
    refused: frozenset[str]


def make(
    lab: Lab, sites: Sequence[Site], agents: Agents, tell: Callable[[int], None]
) -> tuple[Running, dict[str, Served]]:
    """Make the services and pods, and wait until the pods answer or can't.

    Args:
        lab: the lab.
        sites: the nodes.
        agents: what the pods run.
        tell: is told how many pods answer.

    Raises:
        LabError: the API doesn't answer, or takes no service.
    """
    own = f"/api/v1/namespaces/{lab.namespace}"
    wanted = [*objects.services(sites, agents)]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        posted = pool.map(lambda each: lab.api.post(f"{own}/services", each), wanted)
        services = {each["metadata"]["name"]: served(each) for each in posted}
        pods = [*objects.pods(sites, agents)]
        refusals = [*pool.map(lambda each: _refusal(lab.api, f"{own}/pods", each), pods)]
    names = [each["metadata"]["name"] for each in pods]
    refused = {name: why for name, why in zip(names, refusals, strict=True) if why}
    addresses, troubles = _wait(lab, [name for name in names if name not in refused], tell)
    return Running(addresses, refused | troubles, frozenset(refused)), services


def served(item: ApiObject) -> Served:
    """A service as the API has it. Pure."""
    spec = item["spec"]
    # Before 1.20 there is only one (Kubernetes API: ServiceSpec).
    addresses = spec.get("clusterIPs") or [spec.get("clusterIP") or ""]
    ports = {each["name"]: each["nodePort"] for each in spec["ports"] if each.get("nodePort")}
    return Served(tuple(addresses), ports)


def _refusal(api: Api, path: str, item: ApiObject) -> str:
    """Make an object; returns why the API refuses it, empty if it doesn't."""
    try:
        api.post(path, item)
    except RefusedError as error:
        return error.message
    return ""


def _wait(
    lab: Lab, names: Sequence[str], tell: Callable[[int], None]
) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Wait for pods; returns the addresses of those that answer, and why the others don't."""
    path = f"/api/v1/namespaces/{lab.namespace}/pods"
    started = time.monotonic()
    addresses: dict[str, tuple[str, ...]] = {}
    troubles: dict[str, str] = {}
    since: dict[str, float] = {}
    while True:
        listed = lab.api.get(path, _SELECTED).get("items") or []
        found = {item["metadata"]["name"]: item for item in listed}
        now = time.monotonic()
        for name in names:
            if name in addresses or name in troubles:
                continue
            item = found.get(name)
            if item is None:
                troubles[name] = "Somebody removed it."
                continue
            if _serves(lab, item):
                addresses[name] = addresses_of(item)
                continue
            why, patient = trouble(item)
            if why and now - since.setdefault(name, now) >= (
                seconds(_IMAGE_WITHIN) if patient else 0
            ):
                troubles[name] = _why(lab, item, why)
        tell(len(addresses))
        if len(addresses) + len(troubles) == len(names):
            return addresses, troubles
        if now - started > seconds(_STARTS_WITHIN):
            late = {
                name: f"It doesn't run after {seconds(_STARTS_WITHIN):g} s: "
                f"{trouble(found[name])[0] or found[name]['status'].get('phase')}."
                for name in names
                if name not in addresses and name not in troubles
            }
            return addresses, troubles | late
        time.sleep(_POLL)


def addresses_of(item: ApiObject) -> tuple[str, ...]:
    """A pod's addresses, the first family's first. Pure."""
    status = item["status"]
    return tuple(each["ip"] for each in status.get("podIPs") or [{"ip": status["podIP"]}])


def trouble(item: ApiObject) -> tuple[str, bool]:
    """Why a pod doesn't run, and whether that may pass. Pure.

    Returns:
        The reason in the cluster's words; empty if there is none yet.
    """
    status = item["status"]
    if status.get("phase") in ("Failed", "Succeeded"):
        words = [status.get("reason"), status.get("message")]
        return ": ".join(each for each in words if each) or "It has ended.", False
    for container in status.get("containerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        if reason in (*_IMAGE, *_HOPELESS):
            return f"{reason}: {waiting.get('message') or 'no message'}", reason in _IMAGE
    return "", True


def _serves(lab: Lab, item: ApiObject) -> bool:
    """Whether its agent says that it serves."""
    status = item["status"]
    if status.get("phase") != "Running" or not status.get("podIP"):
        return False
    return SERVING in _log(lab, item)


def _log(lab: Lab, item: ApiObject) -> str:
    name = item["metadata"]["name"]
    with suppress(LabError):
        return lab.api.text(f"/api/v1/namespaces/{lab.namespace}/pods/{name}/log")
    return ""


def _why(lab: Lab, item: ApiObject, why: str) -> str:
    """Why a pod doesn't run, with the last words of its program if it had any."""
    said = _log(lab, item).strip().splitlines() if item["status"]["phase"] == "Failed" else []
    return f"{why} {said[-1]}" if said else why


def remove(lab: Lab) -> bool:
    """Remove everything that a survey made, and wait until it is gone.

    Returns:
        Whether there was anything.
    """
    doomed = [*_left(lab)]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        list(pool.map(lambda path: _delete(lab.api, path), doomed))
    ends = time.monotonic() + seconds(_GONE_WITHIN)
    while doomed and (left := [*_left(lab)]):
        if time.monotonic() > ends:
            names = ", ".join(path.rpartition("/")[2] for path in left)
            raise LabError(
                f"{names} are still being deleted after {seconds(_GONE_WITHIN):g} s.",
                "See why: `python3 runner.py kubectl describe pods`. Then run this again.",
            )
        time.sleep(_POLL)
    return bool(doomed)


def _left(lab: Lab) -> Iterator[str]:
    """The paths of what a survey made and what is still there."""
    for kind in ("pods", "services"):
        path = f"/api/v1/namespaces/{lab.namespace}/{kind}"
        for item in lab.api.get(path, _SELECTED).get("items") or []:
            yield f"{path}/{item['metadata']['name']}"
    for name in (objects.OPEN, objects.GUARD):
        path = f"{_POLICIES.format(lab.namespace)}/{name}"
        with suppress(RefusedError):
            lab.api.get(path)
            yield path


def _delete(api: Api, path: str) -> None:
    try:
        # Their ends are of no interest, and a kubelet may take a minute to tell of them.
        api.delete(path, [("gracePeriodSeconds", "0")] if "/pods/" in path else [])
    except RefusedError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise


def allow(lab: Lab) -> str:
    """Let everybody reach the survey's pods; returns why the API refuses, empty if it doesn't."""
    return _refusal(lab.api, _POLICIES.format(lab.namespace), objects.policy(objects.OPEN))


def guard(lab: Lab, port: int) -> str:
    """Allow the survey's pods one port alone; returns as ``allow`` does."""
    path = _POLICIES.format(lab.namespace)
    refused = _refusal(lab.api, path, objects.policy(objects.GUARD, [port]))
    if not refused:
        _delete(lab.api, f"{path}/{objects.OPEN}")
    return refused
