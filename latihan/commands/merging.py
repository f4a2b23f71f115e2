"""Kubeconfigs as data: the lab's own, and what becomes of the user's. Pure functions."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError

Kubeconfig = dict[str, Any]

_LISTS = {"clusters": "cluster", "contexts": "context", "users": "user"}
_CURRENT = "current-context"
_EXTENSIONS = "extensions"
# By this extension the lab knows its own parts in a user's kubeconfig; programs keep them.
_MARK = "latihan.lab"
_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


def checked(document: object, path: Path) -> Kubeconfig:
    """A document as a kubeconfig; LabError if it isn't one."""
    if isinstance(document, dict) and all(
        isinstance(document.get(each) or [], list)
        and all(
            isinstance(part, dict)
            and isinstance(part.get("name"), str)
            and isinstance(part.get(kind) or {}, dict)
            for part in document.get(each) or []
        )
        for each, kind in _LISTS.items()
    ):
        return document
    raise LabError(
        f"{path} is not a kubeconfig.", "See what `kubectl config view` says of it.", Kind.INPUT
    )


def own(document: Kubeconfig, name: str, folder: str, base: Path) -> Kubeconfig:
    """The lab's kubeconfig, which works anywhere on this machine.

    Args:
        document: it, as the provider made it.
        name: what its cluster, context and user are to be called.
        folder: the lab's, which marks them as its own.
        base: the folder that relative paths in it begin at.

    Returns:
        One cluster, one context and one user.
    """
    current = _part(document, "contexts", str(document.get(_CURRENT)))
    cluster = _part(document, "clusters", str(current.get("cluster")))
    user = _absolute(_part(document, "users", str(current.get("user"))), base)
    context = {**current, "cluster": name, "user": name}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [_marked(name, "cluster", _absolute(cluster, base), folder)],
        "contexts": [_marked(name, "context", context, folder)],
        "users": [_marked(name, "user", user, folder)],
        _CURRENT: name,
    }


def merged(document: Kubeconfig, added: Kubeconfig) -> Kubeconfig:
    """A kubeconfig with the lab's parts in it: in their place if it has them, else at the end.

    What else is in it stays, also the context that is chosen.
    """
    result = copy.deepcopy(document)
    for each, kind in _LISTS.items():
        parts, (new,) = result.get(each) or [], added[each]
        names = [part["name"] for part in parts]
        if new["name"] in names:
            index = names.index(new["name"])
            # A namespace that the user has chosen for the lab's context.
            kept = parts[index][kind] if each == "contexts" else {}
            parts[index] = {**new, kind: {**kept, **new[kind]}}
        else:
            parts = [*parts, new]
        result[each] = parts
    for each in ("apiVersion", "kind", _CURRENT):
        result[each] = result.get(each) or added[each]
    return result


def foreign(document: Kubeconfig, added: Kubeconfig) -> list[str]:
    """The kinds of parts that have the lab's names in a kubeconfig, and aren't this lab's."""
    return [
        kind
        for each, kind in _LISTS.items()
        for part in document.get(each) or []
        if part["name"] == added[each][0]["name"]
        and _mark(part, kind) != _mark(added[each][0], kind)
    ]


def others(document: Kubeconfig, name: str) -> bool:
    """Whether a kubeconfig has parts with other names."""
    return any(part["name"] != name for each in _LISTS for part in document.get(each) or [])


def has(document: Kubeconfig, name: str) -> bool:
    """Whether a kubeconfig has a context of that name."""
    return any(part["name"] == name for part in document.get("contexts") or [])


def text(document: Kubeconfig) -> str:
    """A kubeconfig as YAML, in its order."""
    return yaml.safe_dump(document, sort_keys=False)


def _part(document: Kubeconfig, each: str, name: str) -> Mapping[str, Any]:
    for part in document.get(each) or []:
        if part["name"] == name:
            return part[_LISTS[each]] or {}
    return {}


def _absolute(part: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """A part whose files are found from any folder."""
    return {key: str(base / value) if key in _FILES else value for key, value in part.items()}


def _marked(name: str, kind: str, part: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """A part with its name, and whose it is."""
    mark = {"name": _MARK, "extension": {"folder": folder}}
    return {"name": name, kind: {**part, _EXTENSIONS: [mark]}}


def _mark(part: Mapping[str, Any], kind: str) -> Any:
    """What an extension says of whose a part is; None if there is none."""
    listed = (part.get(kind) or {}).get(_EXTENSIONS)
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, dict) and each.get("name") == _MARK:
            return each.get("extension")
    return None
