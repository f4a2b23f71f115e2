"""What the private apt refuses, with the real apt-get and an archive on loopback.

The archive in ``archive/`` was signed once, with a key that is gone; its parts were made with the
date of 1 January 2024, so that any clock may check them.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.secrets import without_passwords
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import apt
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import PrivateApt

ARCHIVE = Path(__file__).parent / "archive"
pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="apt-get isn't installed")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Mirror:
    """A copy of the archive, served on a port of loopback, and a private apt that uses it."""

    files: Path
    apt: PrivateApt
    source: Callable[..., None]

    def spoil(self, name: str) -> None:
        """Change one byte of a file, and not its size."""
        data = bytearray((self.files / name).read_bytes())
        data[-2 if name == "Packages" else len(data) // 2] ^= 1
        (self.files / name).write_bytes(data)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    files = shutil.copytree(ARCHIVE, tmp_path / "mirror")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(files)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = tmp_path / "settings"
    settings.write_text('Acquire::http::Proxy::127.0.0.1 "DIRECT";\nAcquire::Retries "0";\n')
    monkeypatch.setenv("APT_CONFIG", str(settings))

    def source(user: str = "", key: str = "key.asc") -> None:
        text = (
            f"Types: deb\nURIs: http://{user}127.0.0.1:{server.server_port}/\nSuites: ./\n"
            f"Signed-By: {files / key}\n"
        )
        monkeypatch.setattr(apt, "_machine_sources", lambda: {"a.sources": text})

    source()
    yield Mirror(files, PrivateApt(tmp_path / "apt"), source)
    server.shutdown()
    server.server_close()


def test_what_is_signed_is_fetched(archive: Mirror, tmp_path: Path) -> None:
    with archive.apt.locked():
        assert [deb.path.name for deb in archive.apt.fetch(["tool"])] == ["tool_1_all.deb"]
        fetched = archive.apt.fetch_source("tool", tmp_path / "source")
    assert [path.name for path in fetched] == ["tool_1.dsc", "tool_1.tar.xz"]
    for path in (*fetched, archive.apt.archives / "tool_1_all.deb"):
        assert path.read_bytes() == (ARCHIVE / path.name).read_bytes()


def unsigned(archive: Mirror) -> None:
    text = (archive.files / "InRelease").read_text().split("-----BEGIN PGP SIGNATURE")[0]
    (archive.files / "Release").write_text(text.split("\n\n", 1)[1])
    (archive.files / "InRelease").unlink()


@pytest.mark.parametrize(
    "spoil",
    [
        unsigned,
        lambda archive: archive.source(key="another.asc"),
        lambda archive: archive.spoil("InRelease"),
        lambda archive: archive.spoil("Packages"),
    ],
    ids=["unsigned", "another key", "signed text changed", "list changed"],
)
def test_a_list_that_nobody_signed_is_refused(
    archive: Mirror, spoil: Callable[[Mirror], None]
) -> None:
    spoil(archive)
    with archive.apt.locked(), pytest.raises(LabError, match="package lists can't be fetched"):
        archive.apt.fetch(["tool"])
    assert list(archive.apt.archives.glob("*.deb")) == []


def test_a_package_that_was_changed_is_refused(archive: Mirror, tmp_path: Path) -> None:
    archive.spoil("tool_1_all.deb")
    archive.spoil("tool_1.tar.xz")
    with archive.apt.locked():
        with pytest.raises(LabError, match="Hash Sum mismatch"):
            archive.apt.fetch(["tool"])
        with pytest.raises(LabError, match="apt-get source failed") as raised:
            archive.apt.fetch_source("tool", tmp_path / "source")
    assert "Hash Sum mismatch" in raised.value.detail
    assert list(archive.apt.archives.glob("*.deb")) == []
    assert not (tmp_path / "source/tool_1.tar.xz").exists()


def test_passwords_of_sources_and_proxies_are_not_told(archive: Mirror) -> None:
    archive.source(user="user:HUSH@")
    with archive.apt.locked():
        archive.spoil("tool_1_all.deb")
        with pytest.raises(LabError) as spoiled:
            archive.apt.fetch(["tool"])
        with Path(os.environ["APT_CONFIG"]).open("a") as settings:
            settings.write('Acquire::http::Proxy::127.0.0.1 "http://user:HUSH@127.0.0.1:9/";\n')
        (archive.apt.folder / "updated").unlink()
        with pytest.raises(LabError) as refused:
            archive.apt.fetch(["tool"])
    for error in (spoiled.value, refused.value):
        assert "127.0.0.1" in error.detail
        assert "HUSH" not in without_passwords(f"{error} {error.detail}")
    kept = [path for path in archive.apt.folder.rglob("*") if path.is_file()]
    written = [path.name for path in kept if b"HUSH" in path.read_bytes()]
    assert written == ["a.sources"]
    assert not any("HUSH" in path.name for path in kept)
