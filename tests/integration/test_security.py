"""A hostile pod, secrets, ports and keys: who gets to see what of a lab."""

from __future__ import annotations

import re
import ssl
import stat
import subprocess
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import read
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


def has_secret(path: Path) -> bool:
    """Whether a file has the secret in it; the lab goes on meanwhile, so the file may be gone."""
    try:
        return SECRET.encode() in path.read_bytes()
    except FileNotFoundError:
        return False


def test_no_secret_is_printed_or_kept(lab: Lab, done: Done) -> None:
    assert done.code == 1, done.out
    assert SECRET not in done.out
    assert "http://user:***@127.0.0.1:9" in done.out
    shown = ("exec", "-n", "hostile", "hostile", "--", "cat", "/secret/password")
    assert lab.kubectl(*shown) == f"{SECRET}a-secret"
    folder = STATE / lab.profile
    kept = [path for root in (folder, latest(lab.profile)) for path in root.rglob("*")]
    files = [path for path in kept if path.is_file() and not path.is_symlink()]
    assert any(path.name == "kube-apiserver.log" for path in files)
    found = {path for path in files if has_secret(path)}
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


def listening(*enter: str) -> set[tuple[str, str]]:
    """Addresses and ports on which somebody listens there, those of node ports left out."""
    said = subprocess.run([*enter, "ss", "-Htuln"], capture_output=True, text=True, check=True)
    found = (line.split()[4].rpartition(":") for line in said.stdout.splitlines())
    return {(address, port) for address, _, port in found if not 30000 <= int(port) <= 32767}


def test_what_listens_is_what_the_page_about_security_says(lab: Lab) -> None:
    guide = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z ]+) \| ([^|]+) \| (\d+|any) \| ", guide, re.MULTILINE)
    first, *others = (node["name"] for node in lab.contract["nodes"])
    places = {"host": ("host",), "first node": (first,), "every node": (first, *others)}
    said = {
        (place, address, port) for name, address, port in rows for place in places.get(name, ())
    }
    where = {
        "127.0.0.1": "127.0.0.1",
        "*": "all",
        "0.0.0.0": "all",
        lab.contract["host_address"]: "the host's",
    }
    found = {
        (place, where[address], port if int(port) < 11000 else "any")
        for place in ("host", first, *others)
        for address, port in listening(*read(lab.contract_path).enter(place))
    }
    assert found == said


def test_without_a_certificate_the_api_only_says_that_it_is_there(lab: Lab) -> None:
    server = yaml.safe_load((STATE / lab.profile / "kubeconfig").read_text(encoding="utf-8"))
    url = urlsplit(server["clusters"][0]["cluster"]["server"])
    assert {address for address, port in listening() if port == str(url.port)} == {"127.0.0.1"}

    def status(path: str) -> int:
        trusting = ssl._create_unverified_context()
        connection = HTTPSConnection("127.0.0.1", url.port, context=trusting)
        connection.request("GET", path)
        return connection.getresponse().status

    open_to_all = ("/version", "/healthz", "/livez", "/readyz")
    closed = ("/", "/api", "/apis", "/metrics", "/api/v1/secrets", "/api/v1/nodes", "/openapi/v2")
    assert {path: status(path) for path in open_to_all} == dict.fromkeys(open_to_all, 200)
    assert {path: status(path) for path in closed} == dict.fromkeys(closed, 403)


def test_only_root_reads_the_lab(lab: Lab) -> None:
    folder = STATE / lab.profile
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    patterns = ("kubeconfig", "*.key", "etc/kubernetes/*.conf")
    keys = [path for pattern in patterns for path in folder.rglob(pattern)]
    assert len(keys) > 12
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}
