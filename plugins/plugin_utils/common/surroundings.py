"""What a shell hands to all that it starts, and the lab must not depend on.

Its umask, its limits, its language and its PATH are a person's choice for other programs. A proxy
leads out of the machine: downloads may need it, but the lab's own addresses are behind none.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError

# The usual limit on Linux, and what supervisord asks for. kube-apiserver has 103 files open in a
# lab with two nodes, and containerd 90.
OPEN_FILES = 1024
FILES_HINT = f"Raise it, for instance with `ulimit -n {OPEN_FILES}`; see limits.conf(5)."
_UMASK = 0o022
# `su`, cron(8) and sudo may leave some of these out of the PATH, and the lab's tools are there.
_SYSTEM_FOLDERS = (
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
)


def settle(*, fetches: bool) -> None:
    """Make this process, and all that it starts, independent of its caller's surroundings.

    Args:
        fetches: whether it downloads something, for which a proxy may be needed.

    Raises:
        LabError: the limit of open files is too low, and can't be raised.
    """
    os.umask(_UMASK)
    need_open_files()
    # The lab reads what programs print in English.
    os.environ.update(PATH=search_path(), LC_ALL="C.UTF-8")
    if not fetches:
        for name in os.environ.keys() - direct().keys():
            del os.environ[name]


def need_open_files() -> None:
    """Raise this process's limit of open files if need be; LabError if that isn't allowed."""
    found = raise_open_files()
    if found < OPEN_FILES:
        raise LabError(
            f"Only {found} open files are allowed; the lab needs {OPEN_FILES}.",
            FILES_HINT,
            Kind.MACHINE,
        )


def raise_open_files() -> int:
    """Raise this process's limit of open files to what the lab needs, if it is lower.

    Returns:
        The limit now.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, max(hard, OPEN_FILES)))
        except (ValueError, OSError):  # Raising the hard limit needs CAP_SYS_RESOURCE.
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def search_path(*own: Path, inherited: Mapping[str, str] = os.environ) -> str:
    """A PATH: some folders of the lab, those inherited, then the system's that are missing."""
    folders = [folder for folder in inherited.get("PATH", "").split(os.pathsep) if folder]
    return os.pathsep.join(dict.fromkeys([*map(str, own), *folders, *_SYSTEM_FOLDERS]))


def direct(inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The inherited environment with a whole PATH and no proxies, for what speaks to the lab."""
    kept = {name: value for name, value in inherited.items() if not name.lower().endswith("_proxy")}
    return {**kept, "PATH": search_path(inherited=inherited)}


def short_lived(inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The inherited environment for a Go program that soon ends, such as kubectl.

    It collects its garbage later, unless the environment says when: a ``kubectl apply`` takes 30 %
    less processor time, and 18 MiB more memory (https://pkg.go.dev/runtime, GOGC).
    """
    return {"GOGC": "400", **inherited}
