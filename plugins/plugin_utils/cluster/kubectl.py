"""kubectl as a person types it: its arguments, its manifests, and what it says it did."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.common import json_text, yaml_files
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import factor, seconds

_DONE = re.compile(
    r"\b(created|configured|deleted|labeled|unlabeled|annotated|patched|replaced|exposed|scaled"
    r"|serverside-applied|cordoned|uncordoned|evicted|tainted|untainted|edited|autoscaled)\b"
)
_NOT_DONE = re.compile(r"\bunchanged\b|\bnot labeled\b|\(no change\)")
_UNDONE = re.compile(r"not found|NotFound|AlreadyExists|already exists|already has a value")
_READS = frozenset(
    {"get", "describe", "logs", "top", "explain", "version", "cluster-info", "api-resources"}
    | {"api-versions", "diff", "wait", "auth", "config", "options"}
)
_DRY = frozenset(
    {"apply", "create", "run", "expose", "label", "annotate", "patch", "delete", "replace"}
    | {"scale", "cordon", "uncordon", "taint"}
)
_VALUE_FLAGS = frozenset(["-n", "--namespace", "-v", "--context", "--kubeconfig", "-s", "--server"])
_ASKS_WITHIN = 32.0
_SUFFIXES = (".yaml", ".yml", ".json")  # kubectl(1): what apply -f reads of a folder.
# As text until 1.31, since then as a value of klog's: quoted, or on indented lines of its own.
_BODY = re.compile(
    r"Response Body: (?P<text>\{.*\})\s*$"
    r'|"Response Body" body=(?:(?P<quoted>".*")$|<\n(?P<lines>(?:\t.*\n)+) >$)',
    re.MULTILINE,
)


def patient(timeout: float) -> list[str]:
    """The options that make kubectl wait longer for an answer on a slow machine; else none.

    It gives up the API's description of itself, which it asks for first, after 32 s if it is told
    nothing (kubernetes: client-go/discovery/discovery_client.go, defaultTimeout).

    Args:
        timeout: how many seconds all of the command may take on a machine that is fast enough.
    """
    if factor() <= 1:
        return []
    return [f"--request-timeout={math.ceil(seconds(max(timeout, _ASKS_WITHIN)))}s"]


def verb(arguments: Sequence[str]) -> str:
    """The command among kubectl's arguments, as in ``apply``; empty if there is none."""
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in _VALUE_FLAGS:
            skip = True
        elif not argument.startswith("-"):
            return argument
    return ""


def reads_only(arguments: Sequence[str]) -> bool:
    """Whether the command changes nothing in the cluster."""
    return verb(arguments) in _READS


def can_dry_run(arguments: Sequence[str]) -> bool:
    """Whether the command can say what it would do, by ``--dry-run=server``."""
    return verb(arguments) in _DRY


def changed(arguments: Sequence[str], stdout: str) -> bool:
    """Whether kubectl says that it changed something."""
    if reads_only(arguments):
        return False
    if verb(arguments) not in _DRY:
        return True
    return any(_DONE.search(line) and not _NOT_DONE.search(line) for line in stdout.splitlines())


def waits_for_others(stderr: str) -> bool:
    """Whether a dry run failed just because the steps before it were dry runs too."""
    return bool(_UNDONE.search(stderr))


def manifests(arguments: Sequence[str]) -> list[Path]:
    """The local files and folders that the command takes its objects from (``-f``)."""
    found: list[str] = []
    for position, argument in enumerate(arguments):
        if argument in ("-f", "--filename") and position + 1 < len(arguments):
            found += arguments[position + 1].split(",")
        elif argument.startswith(("-f=", "--filename=")):
            found += argument.partition("=")[2].split(",")
    return [Path(name) for name in found if name != "-" and "://" not in name]


def without_manifests(arguments: Sequence[str]) -> list[str]:
    """The arguments with standard input in place of all files and folders of ``-f``."""
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in ("-f", "--filename"):
            skip = True
        elif not argument.startswith(("-f=", "--filename=")):
            kept.append(argument)
    return [*kept, "-f", "-"]


def manifest_files(path: Path) -> list[Path]:
    """The manifests of a folder, or the one file, which need not exist."""
    if os.path.isdir(path):  # noqa: PTH112 - pathlib's fails if no file can have that name
        return sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES)
    return [path]


def check_manifest(path: Path) -> list[dict[str, Any]]:
    """The objects in a manifest.

    Raises:
        LabError: of the kind INPUT, with file and line, if it isn't a manifest.
    """
    return checked_objects(yaml_files.text_of(path, "manifest"), str(path))


def checked_objects(text: str, source: str) -> list[dict[str, Any]]:
    """The objects in the text of a manifest; LabError as in ``check_manifest``."""
    objects = [
        _object(part.value, f"{source}:{part.node.start_mark.line + 1}")
        for part in yaml_files.parse(text, source)
        if part.value is not None
    ]
    if not objects:
        raise LabError(f"{source}: no Kubernetes object in this file.", "Write one.", Kind.INPUT)
    return objects


def _object(value: Any, place: str) -> dict[str, Any]:
    """A Kubernetes object: it must have an apiVersion, a kind and, if it is no list, a name."""
    if not isinstance(value, dict):
        raise LabError(
            f"{place}: not a Kubernetes object.",
            "An object starts with apiVersion and kind.",
            Kind.INPUT,
        )
    metadata = value.get("metadata")
    missing = [field for field in ("apiVersion", "kind") if not isinstance(value.get(field), str)]
    named = isinstance(metadata, dict) and (metadata.get("name") or metadata.get("generateName"))
    listed = value.get("items") if value.get("kind") == "List" else []
    if not isinstance(listed, list):
        missing.append("items")
    elif not named and value.get("kind") != "List":
        missing.append("metadata.name")
    if missing:
        raise LabError(
            f"{place}: the object is missing {', '.join(missing)}.", "Add it.", Kind.INPUT
        )
    for number, item in enumerate(listed or []):
        _object(item, f"{place}: items.{number}")
    return value


def status_object(stderr: str) -> dict[str, Any]:
    """The Status with which the API refused, which ``kubectl -v=8`` prints; empty if none.

    Returns:
        ``code`` (HTTP status), ``reason``, ``message`` and ``details`` of the last Status.
    """
    for body in reversed(list(_BODY.finditer(stderr))):
        try:
            text = body["text"] or body["lines"] or json_text.read(body["quoted"])
            document = json_text.read(text)
        except ValueError:
            continue
        if (
            isinstance(document, dict)
            and document.get("kind") == "Status"
            and document.get("status") == "Failure"
        ):
            return document
    return {}


def plain_error(stderr: str) -> str:
    """What kubectl says about an error, without the lines that ``-v`` adds."""
    lines = [line for line in stderr.splitlines() if line and not re.match(r"^[IWEF]\d{4} ", line)]
    kept = [line for line in lines if not line.startswith(("goroutine", "\t", "    ", " >"))]
    return "\n".join(kept).strip()
