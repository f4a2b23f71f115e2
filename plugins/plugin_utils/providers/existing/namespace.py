"""The lab's own namespace in a cluster that isn't its own, and what it leaves elsewhere."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from http import HTTPStatus

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import (
    Api,
    ApiObject,
    RefusedError,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing.settings import (
    ExistingSettings,
)

# kubernetes.io: recommended labels. An administrator may set it on a namespace made for the lab.
MANAGED_BY, LATIHAN = "app.kubernetes.io/managed-by", "latihan"
PROFILE = "latihan.lab/profile"
POLICY = "latihan"
# The pods of a survey, which has policies of its own.
SURVEY = "latihan.lab/survey"

_NAMESPACES = "/api/v1/namespaces"
_NODES = "/api/v1/nodes"
_POLL = 0.3
_ACCOUNT = re.compile("service ?account", re.IGNORECASE)
_GONE_WITHIN = 180.0
_READY_WITHIN = 30.0
# What the lab makes in its namespace.
_LISTS = ("/api/v1/namespaces/{}/pods", "/api/v1/namespaces/{}/services")
_POLICIES = "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"


def found(api: Api, settings: ExistingSettings, profile: str) -> ApiObject | None:
    """The lab's namespace; None if there is none.

    Raises:
        LabError: there is one that isn't this lab's.
    """
    name = settings.namespace
    namespace = _got(api, f"{_NAMESPACES}/{name}")
    if namespace is None:
        return None
    labels = namespace["metadata"].get("labels") or {}
    other = "Choose another one with `-e lab_namespace=NAME`."
    if labels.get(MANAGED_BY) != LATIHAN:
        raise LabError(
            f"The namespace {name!r} isn't the lab's: it has no label {MANAGED_BY}={LATIHAN}.",
            other,
            Kind.INPUT,
        )
    if labels.get(PROFILE, profile) != profile:
        raise LabError(
            f"The namespace {name!r} is that of the lab {labels[PROFILE]!r}.", other, Kind.INPUT
        )
    if namespace["metadata"].get("deletionTimestamp"):
        raise LabError(f"The namespace {name!r} is being deleted.", "Wait for its end.", Kind.INPUT)
    return namespace


def make(api: Api, settings: ExistingSettings, profile: str) -> None:
    """Make the namespace, labelled as this lab's."""
    labels = {MANAGED_BY: LATIHAN, PROFILE: profile}
    metadata = {"name": settings.namespace, "labels": labels}
    api.post(_NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})


def allow(api: Api, settings: ExistingSettings) -> bool:
    """Let the lab's pods reach each other even where a policy of the namespace denies the rest.

    Policies add up: what one allows is allowed (kubernetes.io: network policies).

    Returns:
        Whether there was no such policy yet.
    """
    path = _POLICIES.format(settings.namespace)
    if _got(api, f"{path}/{POLICY}") is not None:
        return False
    others = {"matchExpressions": [{"key": SURVEY, "operator": "DoesNotExist"}]}
    everything = {"podSelector": others, "policyTypes": ["Ingress", "Egress"]}
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": POLICY, "labels": {MANAGED_BY: LATIHAN}},
        "spec": {**everything, "ingress": [{}], "egress": [{}]},
    }
    api.post(path, policy)
    return True


def refused(api: Api, settings: ExistingSettings, spec: ApiObject) -> str:
    """Why the namespace takes no such pod, as the API says it; empty if it takes it.

    Args:
        api: the cluster's API.
        settings: the lab's.
        spec: the pod's spec; no pod is made.
    """
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "asked"}, "spec": spec}
    ends = time.monotonic() + seconds(_READY_WITHIN)
    while True:
        try:
            api.post(f"{_NAMESPACES}/{settings.namespace}/pods", pod, [("dryRun", "All")])
        except RefusedError as error:
            # A new namespace gets its account, and the account its token, a moment later.
            if _ACCOUNT.search(error.message) and time.monotonic() < ends:
                time.sleep(_POLL)
                continue
            return error.message
        return ""


def remove(api: Api, settings: ExistingSettings, profile: str) -> None:
    """Take everything of the lab back: its node label, its namespace and what is in it.

    A namespace that whoever asks may not delete stays, empty.

    Raises:
        LabError: something isn't the lab's, or doesn't end.
    """
    for node in _labelled(api, settings.label_key):
        label = {"metadata": {"labels": {settings.label_key: None}}}
        api.patch(f"{_NODES}/{node}", label)
    if found_now(api, settings, profile) is None:
        return
    _empty(api, settings)
    path = f"{_NAMESPACES}/{settings.namespace}"
    try:
        api.delete(path)
    except RefusedError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
    else:
        _wait_gone(api, path)


def end(api: Api, path: str, *, wait: bool = True) -> None:
    """Delete an object at once, and wait until it is gone."""
    try:
        api.delete(path, [("gracePeriodSeconds", "1")])
    except RefusedError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
    if wait:
        _wait_gone(api, path)


def found_now(api: Api, settings: ExistingSettings, profile: str) -> ApiObject | None:
    """As ``found``, but one that is being deleted counts as gone once it is."""
    path = f"{_NAMESPACES}/{settings.namespace}"
    namespace = _got(api, path)
    if namespace and namespace["metadata"].get("deletionTimestamp"):
        _wait_gone(api, path)
        return None
    return found(api, settings, profile)


def _labelled(api: Api, key: str) -> Iterator[str]:
    listed = api.get(_NODES, [("labelSelector", key)])
    yield from (item["metadata"]["name"] for item in listed.get("items") or [])


def _empty(api: Api, settings: ExistingSettings) -> None:
    """Delete what is in the namespace: its own deletion would leave each pod all of its time."""
    doomed = [
        f"{path}/{item['metadata']['name']}"
        for path in (each.format(settings.namespace) for each in _LISTS)
        for item in api.get(path).get("items") or []
    ]
    doomed.append(f"{_POLICIES.format(settings.namespace)}/{POLICY}")
    for path in doomed:
        end(api, path, wait=False)
    for path in doomed:
        _wait_gone(api, path)


def _wait_gone(api: Api, path: str) -> None:
    ends = time.monotonic() + seconds(_GONE_WITHIN)
    while (namespace := _got(api, path)) is not None:
        if time.monotonic() > ends:
            said = [
                each.get("message", "")
                for each in (namespace.get("status") or {}).get("conditions") or []
                if each.get("status") == "True"
            ]
            raise LabError(
                f"{path.removeprefix('/api/v1/')} is still being deleted after "
                f"{seconds(_GONE_WITHIN):g} s: "
                f"{' '.join(said) or 'Kubernetes does not say why'}",
                "Run `python3 runner.py teardown` again later.",
            )
        time.sleep(_POLL)


def _got(api: Api, path: str) -> ApiObject | None:
    try:
        return api.get(path)
    except RefusedError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
