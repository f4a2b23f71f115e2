"""What the private apt reads from apt-get's output."""

from pathlib import Path

from ansible_collections.latihan.lab.plugins.action.missing import not_installed
from ansible_collections.latihan.lab.plugins.plugin_utils.apt import planned

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
