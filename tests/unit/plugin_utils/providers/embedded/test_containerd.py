"""What containerd has recorded of a node's containers."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.containerd import (
    unended,
    wait_ended,
)


def record(var: Path, container: str, **status: int) -> Path:
    path = var / "lib/containerd/io.containerd.grpc.v1.cri/containers" / container / "status"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"Version": "v1", "StartedAt": 0, "FinishedAt": 0, **status}))
    return new.replace(path)


def test_only_a_container_that_started_has_to_end(tmp_path: Path) -> None:
    assert unended(tmp_path) == []
    record(tmp_path, "created")
    record(tmp_path, "ended", StartedAt=1, FinishedAt=2)
    for number, text in enumerate(("", "[]", "{}")):
        record(tmp_path, f"incomplete{number}").write_text(text)
    running = record(tmp_path, "running", StartedAt=1)
    assert unended(tmp_path) == [running]


def test_an_end_is_waited_for(tmp_path: Path) -> None:
    record(tmp_path, "one", StartedAt=1)
    with pytest.raises(LabError, match=r"doesn't record how containers end: .*/one/status"):
        wait_ended(tmp_path, within=0.1)
    later = threading.Timer(0.1, lambda: record(tmp_path, "one", StartedAt=1, FinishedAt=2))
    later.start()
    wait_ended(tmp_path, within=10)
    assert unended(tmp_path) == []
    later.join()
