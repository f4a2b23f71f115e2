"""Images of one's own in a lab that is up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import images
from tests.integration.labs import STATE, Lab

NAME = "quay.io/latihan-test/web:1"
_SAYS_WITHIN = 30.0


@pytest.fixture
def loaded(lab: Lab, tmp_path: Path) -> Iterator[Path]:
    """An archive of an image that answers on port 80, which the lab has; it was loaded."""
    settings = json.loads((STATE / lab.profile / "cluster.json").read_text(encoding="utf-8"))
    served = Path(settings["registry"])
    index = json.loads((served / "images.json").read_text(encoding="utf-8"))
    digest = index["library/nginx:latest"]["digest"]
    manifest = json.loads((served / "manifests/library/nginx" / digest).read_bytes())
    parts = [each["digest"] for each in (manifest["config"], *manifest["layers"])]
    files = {each: (served / "blobs" / each).read_bytes() for each in parts}
    entry = {"Config": parts[0], "RepoTags": [NAME], "Layers": parts[1:]}
    files["manifest.json"] = json.dumps([entry]).encode()
    yield images.write(tmp_path / "web.tar", files)
    lab.runner("image", "remove", NAME)
    lab.kubectl("delete", "pod", "own", "--ignore-not-found", "--wait=false")


def test_a_loaded_image_runs(lab: Lab, loaded: Path) -> None:
    done = lab.runner("image", "load", str(loaded))
    assert (done.code, done.out) == (0, f"Loaded {NAME}.\n")
    assert NAME in lab.runner("image", "list").out
    lab.kubectl("run", "own", f"--image={NAME}")
    lab.kubectl("wait", "pod/own", "--for=condition=Ready", "--timeout=60s")


def test_a_pod_whose_image_is_unknown_says_what_to_do(lab: Lab) -> None:
    lab.kubectl("run", "unknown", "--image=latihan-test/nowhere:1")
    try:
        said = within(_SAYS_WITHIN, lambda: lab.kubectl("describe", "pod", "unknown"), "403")
    finally:
        lab.kubectl("delete", "pod", "unknown", "--wait=false")
    assert "The lab has no image latihan-test/nowhere:1; `python3 runner.py image --help`" in said


def within(seconds: float, ask: Callable[[], str], word: str) -> str:
    """The first answer that has the word, or the last one."""
    deadline = time.monotonic() + seconds
    while word not in (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.3)
    return answer
