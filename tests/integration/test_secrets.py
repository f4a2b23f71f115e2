"""A hostile pod, and secrets everywhere: what a run on a lab prints and keeps."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from tests.integration.labs import STATE, Done, Lab, latest
from tests.places import ROOT
from tests.unit.latihan.reports.page.test_page import Reader

PLAYBOOK = ROOT / "tests" / "integration" / "hostile" / "lab.yml"
SECRET = "HUSH-in-"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Kubernetes keeps its objects in etcd, and containerd the environment of each container.
KEEPERS = ("etcd", "containerd/io.containerd.metadata.v1.bolt")


@pytest.fixture(scope="module")
def done(lab: Lab) -> Iterator[Done]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("A_TOKEN", f"{SECRET}the-environment")
        url = f"kubernetes_release_url=http://user:{SECRET}a-url@127.0.0.1:9"
        yield lab.runner(str(PLAYBOOK), "-vvv", "-e", url)
    lab.kubectl("delete", "namespace", "hostile", "--wait=false")


def test_no_secret_is_printed_or_kept(lab: Lab, done: Done) -> None:
    assert done.code == 1, done.out
    assert SECRET not in done.out
    assert "http://user:***@127.0.0.1:9" in done.out
    read = ("exec", "-n", "hostile", "hostile", "--", "cat", "/secret/password")
    assert lab.kubectl(*read) == f"{SECRET}a-secret"
    folder = STATE / lab.profile
    kept = [path for root in (folder, latest(lab.profile)) for path in root.rglob("*")]
    files = [path for path in kept if path.is_file() and not path.is_symlink()]
    assert any(path.name == "kube-apiserver.log" for path in files)
    found = {path for path in files if SECRET.encode() in path.read_bytes()}
    keepers = {
        each: {path for path in found if f"/var/lib/{each}/" in str(path)} for each in KEEPERS
    }
    assert found == set().union(*keepers.values())
    # So it would be found elsewhere too.
    assert all(keepers.values()), keepers


def test_what_a_pod_says_is_shown_and_not_obeyed(lab: Lab, done: Done) -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in latest(lab.profile).iterdir()}
    for name, text in {"the terminal": done.out, **texts}.items():
        assert not OBEYED.findall(text), name
    assert r"\x1b[2J" in done.out
    assert "[red]x[/] [/y]" in done.out
    page = Reader(texts["report.html"])
    assert {tag for tag, _ in page.tags}.isdisjoint({"script"})
    assert page.words.count("<script>alert(1)</script>") >= 4
    assert texts["report.html"].count("<style>") == 1
    failures = ET.fromstring(texts["junit.xml"]).iter("failure")
    assert any("<svg onload=alert(2)>" in each.get("message", "") for each in failures)


def test_only_root_reads_the_lab(lab: Lab) -> None:
    folder = STATE / lab.profile
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    patterns = ("kubeconfig", "*.key", "etc/kubernetes/*.conf")
    keys = [path for pattern in patterns for path in folder.rglob(pattern)]
    assert len(keys) > 12
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}
