"""What a node's containerd has recorded of its containers.

Format: containerd, pkg/cri/store/container/status.go. Times are in nanoseconds since the epoch, and
0 until it happens.
"""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import until

_STATUSES = "lib/containerd/io.containerd.grpc.v1.cri/containers/*/status"


def wait_ended(var: Path, within: float) -> None:
    """Wait until containerd has recorded the end of every container that it started.

    If it is stopped before that, it later says of a container only that it ended somehow.

    Args:
        var: the node's /var.
        within: for how many seconds, or more on a slow machine.

    Raises:
        LabError: it has not.
    """
    if not until(lambda: not unended(var), within):
        left = ", ".join(map(str, unended(var)))
        raise LabError(f"containerd doesn't record how containers end: {left}.")


def unended(var: Path) -> list[Path]:
    """The records of containers that have started, and not ended as far as containerd knows."""
    return [path for path in sorted(var.glob(_STATUSES)) if _runs(path)]


def _runs(record: Path) -> bool:
    try:
        status = json.loads(record.read_text(encoding="utf-8"))
        return bool(status["StartedAt"] and not status["FinishedAt"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False  # Removed since, or a machine that lost its power left it incomplete.
