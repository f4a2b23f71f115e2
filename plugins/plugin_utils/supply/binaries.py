"""The six programs of Kubernetes: their names, and a check that a folder has working ones."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common import json_text
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run

# The arguments that make each print its version.
VERSION_COMMANDS: dict[str, tuple[str, ...]] = {
    "kube-apiserver": ("--version",),
    "kube-controller-manager": ("--version",),
    "kube-scheduler": ("--version",),
    "kubelet": ("--version",),
    "kube-proxy": ("--version",),
    "kubectl": ("version", "--client", "--output=json"),
}
NAMES = tuple(VERSION_COMMANDS)


def missing(folder: Path) -> list[str]:
    """The programs that are missing in the folder or not executable."""
    return [name for name in NAMES if not os.access(folder / name, os.X_OK)]


def own_folder(path: str) -> Path:
    """The user's own folder of programs.

    Raises:
        LabError: the folder doesn't exist, or a program is missing.
    """
    folder = Path(path or "")
    if not path or not folder.is_dir():
        raise LabError(
            f"kubernetes_path is {path!r}, which is not a folder.",
            "Set it to the folder that has the programs of Kubernetes.",
            Kind.INPUT,
        )
    _require_all(folder)
    return folder


def versions(folder: Path) -> dict[str, str]:
    """Run each program of a folder; returns the version that it prints, such as ``v1.20.2``.

    Raises:
        LabError: one is missing, doesn't run, or prints no version.
    """
    _require_all(folder)
    with ThreadPoolExecutor() as pool:
        printed = pool.map(lambda name: version(folder / name), NAMES)
        return dict(zip(NAMES, printed, strict=True))


def _require_all(folder: Path) -> None:
    absent = missing(folder)
    if absent:
        raise LabError(
            f"Programs are missing in {folder}: {', '.join(absent)}.",
            f"It must have {', '.join(NAMES)}, all executable.",
            Kind.INPUT,
        )


def prove(folder: Path, version: str, stamp: Path) -> bool:
    """Whether every program of a folder runs and has that version.

    Args:
        folder: the folder of the programs.
        version: the version that each must print.
        stamp: a file that records the last success; the programs are not run again as long as
            their sizes and times match it.
    """
    if missing(folder):
        return False
    fingerprints = {name: _fingerprint(folder / name) for name in NAMES}
    proof = {"version": version, "programs": fingerprints}
    if _read(stamp) == proof:
        return True
    try:
        if set(versions(folder).values()) != {version}:
            return False
    except LabError as error:
        # A machine that can't run them now is no reason to make them again.
        if error.kind is Kind.MACHINE:
            raise
        return False
    stamp.write_text(json.dumps(proof) + "\n", encoding="utf-8")
    return True


def version(program: Path) -> str:
    """Run a program of Kubernetes; returns the version that it prints, such as ``v1.20.2``.

    Raises:
        LabError: it doesn't run, or prints no version.
    """
    output = run([str(program), *VERSION_COMMANDS[program.name]], timeout=30).stdout
    printed = printed_version(output)
    if not printed:
        raise LabError(f"{program} prints no version: {output.strip()!r}.", kind=Kind.INPUT)
    return printed


def printed_version(output: str) -> str:
    """The version that a program of Kubernetes prints, as JSON or at the end of a line.

    Returns:
        A version such as ``v1.20.2``; empty if there is none.
    """
    try:
        return str(json_text.read(output)["clientVersion"]["gitVersion"])
    except (ValueError, TypeError, KeyError):
        words = [word for word in output.split() if word.startswith("v") and word[1:2].isdigit()]
        return words[-1] if words else ""


def _fingerprint(program: Path) -> list[int]:
    status = program.stat()
    return [status.st_size, status.st_mtime_ns]


def _read(stamp: Path) -> object:
    try:
        return json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
