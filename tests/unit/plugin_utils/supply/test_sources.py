"""The private copy of the machine's package sources."""

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.supply.sources import private_sources

DEB822 = """\
# The archive of the distribution.
Types: deb
URIs: http://deb.example.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb
URIs: http://deb.example.org/off
Suites: bookworm
Components: main
Enabled: no

Types: deb-src
URIs: http://deb.example.org/source
Suites: bookworm
Components: main
"""


def test_deb822_asks_for_sources_and_keeps_every_other_field() -> None:
    written = private_sources({"debian.sources": DEB822})["debian.sources"]
    assert written.count("Types: deb deb-src") == 2
    assert "Signed-By: /usr/share/keyrings/archive.gpg" in written
    assert "Suites: bookworm bookworm-updates" in written
    assert "#" not in written


def test_disabled_paragraphs_are_left_out() -> None:
    assert "off" not in private_sources({"debian.sources": DEB822})["debian.sources"]


def test_inline_keys_survive() -> None:
    text = (
        "Types: deb\nURIs: http://x.example/d\nSuites: s\nComponents: main\n"
        "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n"
        " -----END PGP PUBLIC KEY BLOCK-----\n"
    )
    written = private_sources({"x.sources": text})["x.sources"]
    assert " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n" in written


@pytest.mark.parametrize("value", ["no", "False", "0", "off", "disable", "without"])
def test_every_way_of_saying_no(value: str) -> None:
    text = f"Types: deb\nURIs: http://x.example/d\nSuites: s\nComponents: main\nEnabled: {value}\n"
    assert private_sources({"x.sources": text}) == {}


def test_one_line_entries_keep_their_options() -> None:
    text = (
        "# a comment\n"
        "deb [arch=amd64 signed-by=/k.gpg] http://deb.example.org/debian bookworm main # here too\n"
        "deb-src [arch=amd64 signed-by=/k.gpg] http://deb.example.org/debian bookworm main\n"
        "deb cdrom:[Debian]/ bookworm main\n"
        "#deb http://off.example.org/ x main\n"
    )
    entry = "[arch=amd64 signed-by=/k.gpg] http://deb.example.org/debian bookworm main"
    assert private_sources({"a.list": text}) == {"a.list": f"deb {entry}\ndeb-src {entry}\n"}


def test_other_files_are_no_sources() -> None:
    assert private_sources({"a.list.save": "deb http://x y z\n", "b.list": "\n"}) == {}
