"""Where a cluster is and who asks, as kubectl sees it: one file with one context, for one lab."""

from __future__ import annotations

import base64
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api, RefusedError
from ansible_collections.latihan.lab.plugins.plugin_utils.common import yaml_files
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.folders import write_private
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing.settings import (
    ExistingSettings,
)

_UNAUTHORIZED = 401
_CHOOSE = "Name others with --kubeconfig FILE and --context NAME."


def chosen(program: str, asked: ExistingSettings) -> dict[str, Any]:
    """The kubeconfig of the chosen context alone, with its keys in it, as kubectl merges it.

    Args:
        program: kubectl.
        asked: the file and the context; empty for kubectl's own.

    Raises:
        LabError: there is no such file or context, or the file isn't a kubeconfig.
    """
    where = [f"--kubeconfig={asked.kubeconfig}"] if asked.kubeconfig else []
    which = [f"--context={asked.context}"] if asked.context else []
    if asked.kubeconfig and not os.access(asked.kubeconfig, os.R_OK):
        raise LabError(f"The kubeconfig {asked.kubeconfig} can't be read.", _CHOOSE, Kind.INPUT)
    done = run(
        [program, *where, *which, "config", "view", "--raw", "--minify", "--flatten"], check=False
    )
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise LabError(
            f"kubectl can't use {_named(asked)}: {said.removeprefix('error: ').rstrip('.')}.",
            _CHOOSE,
            Kind.INPUT,
        )
    document = yaml_files.parse_one(done.stdout, _named(asked))
    if not (isinstance(document, dict) and document.get("clusters")):
        raise LabError(f"{_named(asked)} names no cluster.".capitalize(), _CHOOSE, Kind.INPUT)
    return document


def _named(asked: ExistingSettings) -> str:
    """What is asked for, in words."""
    file = asked.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    return f"the context {asked.context!r} of {file}" if asked.context else file


def with_namespace(document: dict[str, Any], namespace: str) -> str:
    """The kubeconfig as text, with the lab's namespace as that of its context."""
    for each in document["contexts"]:
        each["context"]["namespace"] = namespace
    return yaml.safe_dump(document, sort_keys=False)


def expired(document: dict[str, Any], now: datetime) -> str:
    """What to say about a user's certificate that has expired; empty if none has."""
    for user in document.get("users") or []:
        data = (user.get("user") or {}).get("client-certificate-data")
        try:
            ends = x509.load_pem_x509_certificate(base64.b64decode(data or "")).not_valid_after_utc
        except ValueError:  # There is none, or it isn't one: the API will say so.
            continue
        if ends < now:
            return f"The certificate of the user {user['name']!r} expired on {ends:%Y-%m-%d}."
    return ""


def connected(text: str, document: dict[str, Any]) -> Api:
    """The API that a kubeconfig leads to, once it has answered.

    Args:
        text: the kubeconfig.
        document: the same, as data.

    Raises:
        LabError: it doesn't answer (MACHINE), or doesn't let this user in (INPUT).
    """
    if said := expired(document, datetime.now(UTC)):
        raise LabError(said, "Get a new one from whoever runs the cluster.", Kind.INPUT)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kubeconfig")
        write_private(path, text)
        api = Api(path)
    answering(api)
    return api


def answering(api: Api) -> None:
    """See whether the API answers; LabError as in ``connected``."""
    try:
        api.get("/version")
    except RefusedError as error:
        if error.status != _UNAUTHORIZED:
            raise
        raise LabError(
            f"The cluster's API at {api.address} doesn't know who asks (401 Unauthorized).",
            "The certificate or token of this user may have expired: get a new one.",
            Kind.INPUT,
        ) from error
    except LabError as error:
        raise LabError(
            error.message,
            "See whether `kubectl version` works with the same kubeconfig and context.",
            Kind.MACHINE,
        ) from error
