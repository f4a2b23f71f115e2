"""Whatever apt, dpkg and the kernel print, and whatever is in an archive."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.latihan.lab.plugins.action import missing_packages
from ansible_collections.latihan.lab.plugins.plugin_utils.common import processes
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import apt, gobuild, preflight
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.sources import private_sources
from tests.wrong import is_refusal

LINES = st.text() | st.lists(
    st.sampled_from(
        [
            "Inst a (1:2-3 Debian:12/stable [amd64])",
            "Inst ",
            "Inst a (",
            "a ii ",
            "a",
            "\n",
            " ",
            ":",
            "deb http://x stable main",
            "deb-src ",
            "deb [",
            "Types: deb",
            "URIs:",
            "Enabled: no",
            "#",
            "cdrom:",
            "\n\n",
            "\t",
            "Signed-By:\n -----BEGIN",
            "kubernetes_1.20.2+really1.20.2-1.dsc",
        ]
    )
    | st.text(max_size=3),
    max_size=20,
).map("".join)


@given(LINES)
def test_fuzzed_plans(text: str) -> None:
    folder = Path("/archives")
    for deb in apt.planned(text.splitlines(), folder):
        assert deb.path.parent == folder


@given(LINES, st.sampled_from(["x.list", "x.sources", "x"]))
def test_fuzzed_sources(text: str, name: str) -> None:
    private_sources({name: text})


@given(LINES)
def test_fuzzed_installed(text: str) -> None:
    assert set(missing_packages.not_installed(["a", "b"], text)) <= {"a", "b"}


@given(st.lists(LINES, max_size=3))
def test_fuzzed_source_packages(names: list[str]) -> None:
    try:
        gobuild.require_version([Path(name.replace("\0", "")) for name in names], "v1.20.2")
    except LabError as error:
        is_refusal(error, "source package")


HEX = st.sampled_from(
    ["00000000", "0001A8C0", "00FFFFFF", "FFFFFFFF", "x", "0", "123456789", "\t", " "]
)
ROUTES = st.text() | st.lists(HEX | st.sampled_from(["eth0", "\n", "Iface Destination\n"])).map(
    "".join
)


@given(ROUTES)
def test_fuzzed_routes(text: str) -> None:
    preflight.parse_routes(text)


@pytest.mark.parametrize(
    "line",
    ["eth0", "eth0 x", "eth0 x y", "eth0 0001A8C0 0 0 0 0 0 x", "eth0 1 0 0 0 0 0 FFFFFFFF", ""],
)
def test_routes(line: str) -> None:
    good = "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0"
    (found,) = preflight.parse_routes(f"Iface Destination ...\n{line}\n{good}\n")
    assert str(found.network) == "192.168.1.0/24"


@given(
    st.text()
    | st.lists(
        st.sampled_from(["|-- ", "10.1.2.3", "999.1.1.1", "\n", " /32 host LOCAL", "127.0.0.1"])
    ).map("".join)
)
def test_fuzzed_addresses(text: str) -> None:
    preflight.parse_addresses(text)


@given(
    st.text() | st.lists(st.sampled_from(["(", ")", " ", "S", "1", "x", "9" * 5000])).map("".join)
)
def test_fuzzed_processes(text: str) -> None:
    processes.started_at(processes.fields_of(text))


@pytest.mark.parametrize("text", ["", "1 (x) S", "1 (x) S 1 2 3", "1 (x) S" + " x" * 19, "S" * 99])
def test_processes(text: str) -> None:
    assert processes.started_at(processes.fields_of(text)) is None
