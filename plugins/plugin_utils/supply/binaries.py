"""The seven programs of Kubernetes: their names, and the proof that a folder of them is good."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run

# How each tells its version.
VERSION_COMMANDS: dict[str, tuple[str, ...]] = {
    "kube-apiserver": ("--version",),
    "kube-controller-manager": ("--version",),
    "kube-scheduler": ("--version",),
    "kubelet": ("--version",),
    "kube-proxy": ("--version",),
    "kubeadm": ("version", "--output=short"),
    "kubectl": ("version", "--client", "--short"),
}
NAMES = tuple(VERSION_COMMANDS)


def missing(folder: Path) -> list[str]:
    """Names of the programs that the folder lacks or that can't be executed."""
    return [name for name in NAMES if not os.access(folder / name, os.X_OK)]


def given(path: str) -> Path:
    """A user's own folder of programs.

    Raises:
        LabError: there is none, or a program is missing in it.
    """
    folder = Path(path or "")
    if not path or not folder.is_dir():
        raise LabError(
            f"kubernetes_path is {path!r}, which is no folder.",
            "Set it to the folder with the programs of Kubernetes.",
            Kind.INPUT,
        )
    _need_all(folder)
    return folder


def versions(folder: Path) -> dict[str, str]:
    """Run each program of a folder and take the version that it tells, such as ``v1.20.2``.

    Raises:
        LabError: one is missing, doesn't run, or tells no version.
    """
    _need_all(folder)
    with ThreadPoolExecutor() as pool:
        told = pool.map(lambda name: _version(folder / name), NAMES)
        return dict(zip(NAMES, told, strict=True))


def _need_all(folder: Path) -> None:
    absent = missing(folder)
    if absent:
        raise LabError(
            f"{folder} has no program {', '.join(absent)}.",
            f"It must hold {', '.join(NAMES)}.",
            Kind.INPUT,
        )


def prove(folder: Path, version: str, stamp: Path) -> bool:
    """Whether every program of a folder runs and is of that version.

    Args:
        folder: where they are.
        version: the version that each must tell.
        stamp: a file in which a proof is kept; as long as the programs' sizes and times are those
            of the stamp they are not run again.
    """
    if missing(folder):
        return False
    seen = {name: _fingerprint(folder / name) for name in NAMES}
    if _read(stamp) == {"version": version, "programs": seen}:
        return True
    try:
        told = versions(folder)
    except LabError:
        return False
    if set(told.values()) != {version}:
        return False
    stamp.write_text(json.dumps({"version": version, "programs": seen}) + "\n", encoding="utf-8")
    return True


def _version(program: Path) -> str:
    said = run([str(program), *VERSION_COMMANDS[program.name]], timeout=30).stdout
    words = [word for word in said.split() if word.startswith("v") and word[1:2].isdigit()]
    if not words:
        raise LabError(f"{program} tells no version: {said.strip()!r}.", kind=Kind.INPUT)
    return words[-1]


def _fingerprint(program: Path) -> list[int]:
    status = program.stat()
    return [status.st_size, status.st_mtime_ns]


def _read(stamp: Path) -> object:
    try:
        return json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
