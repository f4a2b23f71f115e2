"""The embedded provider: what it refuses before it touches anything."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Node,
    Reachable,
    Stopped,
    write,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common import processes
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import Wanted
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import layout
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.layout import Settings
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.provider import (
    PROVIDER,
)

FOLDERS: dict[str, Any] = {"binaries": "/b", "daemons": "/t", "registry": "/r"}
NETWORKS = ("192.168.77.0/24", "10.77.0.0/16", "10.78.0.0/16")
WANTED = Wanted(2, *NETWORKS, options=FOLDERS)


@pytest.fixture
def made(tmp_path: Path, contract: Contract) -> Profile:
    """A lab of which one node runs, as far as its files say."""
    profile = Profile("uji", tmp_path)
    settings = Settings(profile.name, str(tmp_path), 2, *NETWORKS, **FOLDERS)
    cluster = layout.plan(settings)
    layout.save(cluster)
    up = Reachable((), processes.of(os.getpid()))
    first, second = (Node(node.name, node.address, Stopped()) for node in cluster.nodes)
    write(profile.contract, replace(contract, nodes=(replace(first, reach=up), second)))
    return profile


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({**FOLDERS, "daemons": ""}, "missing daemons"),
        ({**FOLDERS, "image": "x"}, "unknown image"),
    ],
)
def test_its_options_are_checked(tmp_path: Path, options: dict[str, str], said: str) -> None:
    with pytest.raises(LabError, match=said):
        PROVIDER.make(Profile("uji", tmp_path), replace(WANTED, options=options), check=True)


def test_a_check_says_what_would_change(tmp_path: Path, made: Profile) -> None:
    assert PROVIDER.make(Profile("other", tmp_path), WANTED, check=True)
    assert not (tmp_path / "other").exists()
    assert PROVIDER.make(made, WANTED, check=True)  # A node is stopped.
    assert [PROVIDER.start(made, node, check=True) for node in ("", "uji", "uji-m02")] == [
        *(True, False, True)
    ]
    assert [PROVIDER.stop(made, node, check=True) for node in ("", "uji", "uji-m02")] == [
        *(True, True, False)
    ]
    assert PROVIDER.remove(made, check=True)
    assert not PROVIDER.remove(Profile("other", tmp_path), check=True)


def test_a_lab_that_was_made_differently_stays(made: Profile) -> None:
    with pytest.raises(LabError, match="made differently: nodes is 2, not 3"):
        PROVIDER.make(made, replace(WANTED, nodes=3), check=False)


def test_a_lab_of_an_older_contract_is_made_again(made: Profile) -> None:
    document = json.loads(made.contract.read_text(encoding="utf-8"))
    del document["host"]
    made.contract.write_text(json.dumps(document), encoding="utf-8")
    calls: list[Callable[[], bool]] = [
        lambda: PROVIDER.make(made, WANTED, check=False),
        lambda: PROVIDER.start(made, "", check=False),
        lambda: PROVIDER.stop(made, "", check=False),
        lambda: PROVIDER.set_records(made, {}, check=False),
    ]
    for call in calls:
        with pytest.raises(
            LabError, match="can't be read as a contract: host: Field required"
        ) as told:
            call()
        assert "runner.py teardown" in told.value.hint
    assert PROVIDER.remove(made, check=False)
    assert not made.folder.exists()


def test_nothing_but_a_lab_is_removed(tmp_path: Path) -> None:
    photos, link = Profile("photos", tmp_path), Profile("link", tmp_path)
    photos.folder.mkdir()
    (photos.folder / "cat.jpeg").touch()
    link.folder.symlink_to(photos.folder)
    for lab in (photos, link):
        with pytest.raises(LabError, match="is not the folder of a lab"):
            PROVIDER.remove(lab, check=False)
    assert (photos.folder / "cat.jpeg").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_what_others_say_of_their_processes_makes_no_lab(tmp_path: Path) -> None:
    marks = {"LATIHAN_PROFILE": "etc", "LATIHAN_STATE_FOLDER": "/"}
    with subprocess.Popen(["sleep", "60"], env=marks, user=65534) as process:
        found = PROVIDER.labs(tmp_path)
        process.kill()
    assert Profile("etc", Path("/")) not in found
