"""The private apt: what it reads from apt-get's output, and when it runs which command."""

import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.action.missing_packages import not_installed
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import apt
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import PrivateApt, planned

SIMULATED = """\
Reading package lists...
Inst gcc-12-base (12.2.0-14+deb12u1 Debian:12.11/oldstable [amd64])
Inst libcap2-bin (1:2.66-4+deb12u3+b1 Debian:12.11/oldstable [amd64]) []
Inst libc6 [2.36-1] (2.36-9 Debian:12.11/oldstable, Debian-Security:12/oldstable [amd64])
Inst adduser (3.134 Debian:12.11/oldstable [all])
Conf adduser (3.134 Debian:12.11/oldstable [all])
"""


def test_each_inst_line_is_a_package_file() -> None:
    debs = planned(SIMULATED.splitlines(), Path("/a"))
    assert [(deb.name, deb.version) for deb in debs] == [
        ("gcc-12-base", "12.2.0-14+deb12u1"),
        ("libcap2-bin", "1:2.66-4+deb12u3+b1"),
        ("adduser", "3.134"),
    ]
    assert debs[1].path == Path("/a/libcap2-bin_1%3a2.66-4+deb12u3+b1_amd64.deb")
    assert debs[2].path == Path("/a/adduser_3.134_all.deb")


def test_missing_packages_keep_their_order() -> None:
    listing = "curl ii \niptables un \nkmod ii \nprocps rc \n"
    assert not_installed(["procps", "curl", "iptables", "socat"], listing) == [
        "procps",
        "iptables",
        "socat",
    ]


STUB = """#!/bin/sh
# apt-get as far as the private apt uses it; it writes each call down.
shift
echo "$1" >> {noted}
case "$1" in
update) mkdir -p {lists}; [ -e {broken} ] && {{ echo "E: dead archive" >&2; exit 100; }}
        touch {lists}/x_Packages.lz4 ;;
install) echo "Inst tool (1:2 Debian [all])"; echo "Inst lib (3 Debian [all])" ;;
download) [ -e {gone} ] && {{ rm {gone}; echo "E: 404  Not Found" >&2; exit 100; }}
        echo "Get:1 http://x tool"; shift
        for each; do
            case "$each" in tool=1:2) touch tool_1%3a2_all.deb ;; *) touch lib_3_all.deb ;; esac
        done ;;
esac
"""


@dataclass(frozen=True)
class Stub:
    """A private apt with a stub of apt-get; ``broken`` and ``gone`` are files that make it fail."""

    apt: PrivateApt
    noted: Path
    broken: Path
    gone: Path

    @property
    def calls(self) -> list[str]:
        return self.noted.read_text().split()


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    folder = tmp_path / "apt"
    files = {name: tmp_path / name for name in ("noted", "broken", "gone")}
    program = tmp_path / "bin" / "apt-get"
    program.parent.mkdir()
    program.write_text(STUB.format(lists=folder / "lists", **files))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(apt, "_machine_sources", lambda: {"a.list": "deb http://x.example d main"})
    return Stub(PrivateApt(folder), **files)


def test_packages_are_fetched_once(stub: Stub) -> None:
    debs = stub.apt.fetch(["tool"])
    assert [deb.path.name for deb in debs] == ["lib_3_all.deb", "tool_1%3a2_all.deb"]
    assert stub.calls == ["update", "install", "download"]
    stub.apt.fetch(["tool"])
    assert stub.calls == ["update", "install", "download", "install"]


def test_the_sources_which_may_have_passwords_are_private(stub: Stub) -> None:
    with stub.apt.locked():
        stub.apt.fetch(["tool"])
    assert stat.S_IMODE(stub.apt.folder.stat().st_mode) == 0o700


def test_only_what_is_wanted_is_fetched(stub: Stub) -> None:
    assert [deb.name for deb in stub.apt.fetch(["tool"], lambda name: name == "tool")] == ["tool"]
    assert not (stub.apt.archives / "lib_3_all.deb").exists()


def test_lists_of_yesterday_are_fetched_anew(stub: Stub) -> None:
    stub.apt.fetch(["tool"])
    old = time.time() - apt.LISTS_AGE - 1
    os.utime(stub.apt.folder / "updated", (old, old))
    stub.apt.fetch(["tool"])
    assert stub.calls.count("update") == 2


def test_a_file_that_an_archive_has_replaced_is_looked_up_anew(stub: Stub) -> None:
    stub.apt.fetch([], lambda _: False)
    stub.gone.touch()
    assert len(stub.apt.fetch(["tool"])) == 2
    assert stub.calls[2:] == ["install", "download", "update", "install", "download"]


def test_a_failure_with_fresh_lists_is_raised(stub: Stub) -> None:
    stub.gone.touch()
    with pytest.raises(LabError, match="apt-get download failed: 404"):
        stub.apt.fetch(["tool"])


def test_one_dead_archive_is_borne_as_long_as_there_are_lists(stub: Stub) -> None:
    stub.broken.touch()
    with pytest.raises(LabError, match="The package lists can't be fetched") as raised:
        stub.apt.fetch(["tool"])
    assert raised.value.kind is Kind.MACHINE
    assert "dead archive" in raised.value.detail
    (stub.apt.folder / "lists" / "y_Packages").touch()
    assert len(stub.apt.fetch(["tool"])) == 2


def test_a_machine_without_sources(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "_machine_sources", dict)
    with pytest.raises(LabError, match="no enabled package source") as raised:
        stub.apt.fetch(["tool"])
    assert raised.value.kind is Kind.MACHINE


def test_the_machines_hooks_and_folders_are_out_of_reach(stub: Stub) -> None:
    stub.apt.fetch(["tool"])
    settings = (stub.apt.folder / "apt.conf").read_text()
    assert "#clear APT::Update::Post-Invoke;" in settings
    for name in ("Dir::State::status", "Dir::State::lists", "Dir::Cache::archives"):
        assert f'{name} "{stub.apt.folder}/' in settings


@pytest.mark.parametrize(
    "said", ["Unable to locate package nosuch", "Package 'nosuch' has no installation candidate"]
)
def test_a_package_that_is_in_no_source_is_the_asker_s_mistake(stub: Stub, said: str) -> None:
    stub.apt.fetch(["tool"])
    program = stub.apt.folder.with_name("bin") / "apt-get"
    whole = program.read_text()
    program.write_text(f'{whole}\ncase "$*" in *nosuch*) echo "E: {said}" >&2; exit 100;; esac\n')
    with pytest.raises(LabError, match="have no package nosuch") as raised:
        stub.apt.fetch(["nosuch"])
    assert raised.value.kind is Kind.INPUT
