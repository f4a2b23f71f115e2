"""Daemons, programs and images, as the roles machine, kubernetes and images provide them."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import PrivateApt
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.cache import Entry
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.packages import DebSet, provide
from tests.places import ROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lab needs root")

PLAY = """
- hosts: lab
  gather_facts: false
  roles: [latihan.lab.machine, latihan.lab.kubernetes, latihan.lab.images]
  tasks:
    - ansible.builtin.copy:
        content: "{{ dict(daemons=machine_daemons, bin=kubernetes_bin, registry=images_registry,
          changed=machine_unpacking.changed or kubernetes_programs.changed or images_made.changed)
          | to_json }}"
        dest: "{{ result_file }}"
        mode: "0644"
      check_mode: false
"""
IMAGES: dict[str, list[tuple[str, ...]]] = {
    "library/nginx:latest": [
        ("nginx", "-t"),
        ("bash", "-c", "hostname && awk 'BEGIN { print 1 }' && tar --version"),
    ],
    "amazon/amazon-ecs-network-sidecar:latest": [
        ("curl", "--version"),
        ("dig", "-V"),
        ("host", "-V"),
        ("ifconfig", "--version"),
        ("ip", "-V"),
        ("nc", "-h"),
        ("netstat", "--version"),
        ("ping", "-V"),
        ("python3", "-c", "import http.server, socketserver, ssl, asyncio"),
        ("ss", "-V"),
        ("tcpdump", "--version"),
        ("traceroute", "--version"),
    ],
    "latihan/dns:latest": [("python3", "-B", "-c", "import dnslib, asyncio, json")],
    "pause:3.2": [("/usr/bin/catatonit", "--version")],
}


@dataclass(frozen=True)
class Brought:
    """What the roles report."""

    daemons: Path
    bin: Path
    registry: Path
    changed: bool


def bring(folder: Path, *arguments: str) -> Brought:
    """Run the three roles."""
    play, result_file = folder / "play.yml", folder / "result.json"
    play.write_text(PLAY)
    done = subprocess.run(
        [
            *(
                Path(sys.executable).with_name("ansible-playbook"),
                play,
                "-e",
                f"result_file={result_file}",
            ),
            *arguments,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(result_file.read_text())
    paths = {name: Path(said[name]) for name in ("daemons", "bin", "registry")}
    return Brought(**paths, changed=said["changed"])


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Brought:
    return bring(tmp_path_factory.mktemp("play"))


@pytest.fixture(scope="module")
def served(brought: Brought, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The registry on a port of loopback, served by the unpacked nginx."""
    folder = tmp_path_factory.mktemp("nginx")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"user root; daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {temporary} server {{ listen {address};"
        f" include {brought.registry}/locations.conf; }} }}\n"
    )
    nginx = brought.daemons / "usr/sbin/nginx"
    server = subprocess.Popen([nginx, "-p", folder, "-c", folder / "nginx.conf"])
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0:
                    break
            time.sleep(0.05)
        yield f"http://{address}/v2"
    finally:
        server.terminate()
        server.wait(10)


def get(url: str, method: str = "GET") -> tuple[Any, bytes]:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as answer:
        return answer.headers, answer.read()


def test_a_second_run_changes_nothing(brought: Brought, tmp_path: Path) -> None:
    again = bring(tmp_path)
    assert not again.changed
    assert again.bin == brought.bin
    assert again.registry == brought.registry


def test_check_mode_reports_a_change_and_makes_nothing(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    caches = [f"-e{role}_cache={cache}" for role in ("machine", "kubernetes", "images")]
    brought = bring(tmp_path, "--check", *caches)
    assert brought.changed
    assert brought.registry.is_relative_to(cache)
    assert not cache.exists()


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_an_image_can_be_pulled_whole(served: str, name: str) -> None:
    repository, _, tag = name.rpartition(":")
    url = f"{served}/{repository}"
    headers, nothing = get(f"{url}/manifests/{tag}?ns=docker.io", "HEAD")
    assert nothing == b""
    assert headers["Content-Type"] == "application/vnd.oci.image.manifest.v1+json"
    digest = headers["Docker-Content-Digest"]
    _, text = get(f"{url}/manifests/{digest}")
    assert int(headers["Content-Length"]) == len(text)
    assert digest == f"sha256:{hashlib.sha256(text).hexdigest()}"
    manifest = json.loads(text)
    for blob in [manifest["config"], *manifest["layers"]]:
        _, data = get(f"{url}/blobs/{blob['digest']}")
        assert len(data) == blob["size"]
        assert blob["digest"] == f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_the_registry_answers_as_one(served: str) -> None:
    headers, body = get(f"{served}/")
    assert headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    assert json.loads(body) == {}
    with pytest.raises(urllib.error.HTTPError) as missing:
        get(f"{served}/library/nothing/manifests/latest")
    assert missing.value.code == 404
    assert json.loads(missing.value.read())["errors"][0]["code"] == "NAME_UNKNOWN"


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_an_images_programs_run(brought: Brought, name: str, tmp_path: Path) -> None:
    index = json.loads((brought.registry / "images.json").read_text())
    folder = brought.registry / "manifests" / name.rpartition(":")[0]
    manifest = json.loads((folder / index[name]["digest"]).read_text())
    root = tmp_path / "root"
    root.mkdir()
    for layer in manifest["layers"]:
        blob = brought.registry / "blobs" / layer["digest"]
        # Not tarfile: in Python 3.11 it takes an extraction filter from 3.11.4 on only.
        unpack = ["tar", "--extract", "--numeric-owner", "--file", blob, "--directory", root]
        subprocess.run(unpack, check=True)
    (root / "dev").mkdir(exist_ok=True)
    (root / "dev/null").touch()
    for command in IMAGES[name]:
        done = subprocess.run(
            ["chroot", root, *command],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin"},
        )
        assert done.returncode in (0, 1 if command[0] == "nc" else 0), (command, done.stderr)
        assert "not found" not in done.stderr


def test_the_sidecar_waits_and_ends_at_once() -> None:
    program = ["bash", str(ROOT / "roles/images/files/idle")]
    with subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", *program]) as idle:
        time.sleep(0.5)
        assert idle.poll() is None
        [child] = Path(f"/proc/{idle.pid}/task/{idle.pid}/children").read_text().split()
        started = time.monotonic()
        os.kill(int(child), signal.SIGTERM)
        assert idle.wait(5) == 0
        assert time.monotonic() - started < 1


def test_unpacking_leaves_the_machines_packages_alone(tmp_path: Path) -> None:
    watched = [Path("/var/lib/dpkg/status"), Path("/etc/apt"), Path("/var/lib/apt/lists")]
    before = [path.stat().st_mtime_ns for path in watched]
    entry = Entry(tmp_path / "thing" / "key")
    packages = DebSet(("catatonit",), ("catatonit",), ("usr/bin/catatonit --version",))
    assert provide(packages, entry, PrivateApt(tmp_path / "apt"))
    assert json.loads((entry.path / "packages.json").read_text()).keys() == {"catatonit"}
    assert not provide(packages, entry, PrivateApt(tmp_path / "apt"))
    assert [path.stat().st_mtime_ns for path in watched] == before
