"""Links and other things in the state folder: nothing outside a lab's own folder is touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract, write
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import Wanted
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import layout, spaces
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.layout import Settings
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.provider import (
    PROVIDER,
)
from tests.wrong import is_refusal, tree

# No other test has a lab of that name, whose processes would be found.
NAME = "of-links"
FOLDERS: dict[str, Any] = {"binaries": "/b", "daemons": "/t", "registry": "/r"}
NETWORKS = ("192.168.77.0/24", "10.77.0.0/16", "10.78.0.0/16")
WANTED = Wanted(2, *NETWORKS, options=FOLDERS)
LINKS = [
    *("cluster.json", "contract.json", "contract.new", "kubeconfig", "kubectl", "tunnel.log"),
    *("host", "host/etc", "host/var", "host/space.json", "host/start.log", "host/var/tmp"),
    *("nodes", f"nodes/{NAME}", f"nodes/{NAME}/etc", f"nodes/{NAME}/var"),
    *(f"nodes/{NAME}/space.json", f"nodes/{NAME}/start.log", f"nodes/{NAME}/var/tmp"),
    *(f"nodes/{NAME}/sysctl", f"nodes/{NAME}/cgroups", f"nodes/{NAME}/etc.work"),
]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """What is not the lab's, with a copy of each file of a lab."""
    folder = tmp_path / "elsewhere"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "file").write_text("mine", encoding="utf-8")
    return folder


@pytest.fixture
def lab(tmp_path: Path, contract: Contract) -> Profile:
    """A stopped lab, as far as its files say."""
    profile = Profile(NAME, tmp_path / "state")
    cluster = layout.plan(Settings(NAME, str(profile.state), 2, *NETWORKS, **FOLDERS))
    layout.save(cluster)
    write(profile.contract, replace(contract, profile=NAME))
    for folder in (cluster.host_folder, *(node.folder for node in cluster.nodes)):
        (folder / "etc").mkdir(parents=True)
        (folder / "var").mkdir()
        # As every space has it.
        (folder / "var" / "run").symlink_to("/run")
    return profile


def linked(lab: Profile, name: str, target: Path) -> Path:
    """The lab with one part moved elsewhere, and a link in its place."""
    path = lab.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    moved = target / "moved"
    if path.exists():
        path.rename(moved)
    else:
        moved.write_text("mine", encoding="utf-8")
    path.symlink_to(moved)
    return path


CHANGES: list[Callable[[Profile], object]] = [
    lambda lab: PROVIDER.make(lab, WANTED, check=False),
    lambda lab: PROVIDER.start(lab, "", check=False),
    lambda lab: PROVIDER.stop(lab, NAME, check=False),
    lambda lab: PROVIDER.tunnel(lab, ""),
]


def remove(lab: Profile) -> object:
    return PROVIDER.remove(lab, check=False)


@pytest.mark.parametrize("name", LINKS)
def test_links_inside_are_not_followed(lab: Profile, elsewhere: Path, name: str) -> None:
    link = linked(lab, name, elsewhere)
    before = tree(elsewhere)
    for change in CHANGES:
        with pytest.raises(LabError) as caught:
            change(lab)
        is_refusal(caught.value, link)
    assert tree(elsewhere) == before
    assert PROVIDER.remove(lab, check=False)
    assert tree(elsewhere) == before
    assert not lab.folder.exists()


@pytest.mark.parametrize("kind", ["folder", "file", "dangling", "itself", "another lab"])
def test_a_link_in_the_place_of_the_folder(lab: Profile, elsewhere: Path, kind: str) -> None:
    other = Profile("linked", lab.state)
    targets = {
        "folder": elsewhere,
        "file": elsewhere / "below" / "file",
        "dangling": Path("nowhere"),
        "itself": Path("linked"),
        "another lab": lab.folder,
    }
    other.folder.symlink_to(targets[kind])
    before = tree(elsewhere), tree(lab.folder)
    for change in CHANGES[1:]:
        with pytest.raises(LabError) as caught:
            change(other)
        is_refusal(caught.value, other.folder)
    for change in (CHANGES[0], remove):
        with pytest.raises(LabError) as caught:
            change(other)
        is_refusal(caught.value, other.folder)
    assert (tree(elsewhere), tree(lab.folder)) == before


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    profile = Profile(NAME, tmp_path)
    profile.folder.touch()
    for change in (*CHANGES[:3], remove):
        with pytest.raises(LabError) as caught:
            change(profile)
        is_refusal(caught.value, profile.folder)
    assert profile.folder.exists()


def test_a_state_folder_may_be_a_link(lab: Profile) -> None:
    """Who sets LATIHAN_STATE to one gets the folder that it leads to."""
    link = lab.state.with_name("link")
    link.symlink_to(lab.state)
    assert PROVIDER.remove(Profile(NAME, link.resolve()), check=False)
    assert not lab.folder.exists()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../elsewhere", "/etc", "a/b", "a/../../elsewhere", "A", "a-", "x\0"]
)
def test_no_lab_is_named_after_a_path(tmp_path: Path, elsewhere: Path, name: str) -> None:
    before = tree(tmp_path)
    for many in (name, f"{name}-c4"):
        with pytest.raises(LabError) as caught:
            Profile(many, tmp_path / "state")
        is_refusal(caught.value, "can't be the name of a profile")
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "change", [{"profile": "elsewhere"}, {"state": "/"}, {"state": "ELSEWHERE"}]
)
def test_settings_that_lead_elsewhere(
    lab: Profile, elsewhere: Path, change: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lab.folder / "cluster.json"
    document = {**json.loads(path.read_text(encoding="utf-8")), **change}
    path.write_text(json.dumps(document).replace("ELSEWHERE", str(elsewhere)), encoding="utf-8")
    monkeypatch.delattr(spaces, "begin")
    before = tree(elsewhere)
    for call in CHANGES[:3]:
        with pytest.raises(LabError) as caught:
            call(lab)
        is_refusal(caught.value, path)
    assert tree(elsewhere) == before


def test_a_folder_that_no_lab_can_have_is_none(tmp_path: Path) -> None:
    for name in ("lost+found", "A", ".cache", "a b", "a-", "1"):
        (tmp_path / name).mkdir()
    (tmp_path / "linked").symlink_to("A")
    (tmp_path / "file").touch()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    assert {lab for lab in PROVIDER.labs(tmp_path) if lab.state == tmp_path} == set()
