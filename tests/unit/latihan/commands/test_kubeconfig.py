"""``kubeconfig``: the lab's own, and what becomes of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Node,
    Reachable,
    write,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from latihan.base.project import Project
from latihan.cli import main
from latihan.commands import kubeconfig, merging

NAME = "latihan"


def document(name: str, server: str = "https://127.0.0.1:1", **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority": "ca"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "users": [{"name": name, "user": {"token": "0123", **more}}],
        "current-context": name,
    }


@pytest.fixture
def home(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home, and a lab whose kubeconfig has names of another program's."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    folder = project.profile(NAME).folder
    folder.mkdir(parents=True)
    remake(project, "https://127.0.0.1:1")
    lab = Contract(NAME, "embedded", str(folder / "kubeconfig"), "kubectl", "", Reachable(()),
                   (Node(NAME, "192.0.2.2", Reachable(())),))  # fmt: skip
    write(project.contract(NAME), lab)
    return tmp_path / "home"


def remake(project: Project, server: str) -> None:
    path = project.profile(NAME).folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document("kind-x", server)), encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    assert path.stat().st_mode & 0o777 == 0o600
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def names(loaded: dict[str, Any]) -> list[str]:
    return [each["name"] for each in loaded["contexts"]]


def test_it_is_printed_with_the_labs_name_and_whole_paths(
    project: Project, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kubeconfig"], project) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["current-context"] == NAME
    assert printed["contexts"][0]["context"]["cluster"] == NAME
    cluster = printed["clusters"][0]["cluster"]
    assert cluster["certificate-authority"] == str(project.profile(NAME).folder / "ca")
    assert printed["users"][0]["user"]["token"] == "0123"
    assert not home.exists()


def test_it_is_merged_once_and_nothing_is_lost(
    project: Project, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / ".kube" / "config"
    path.parent.mkdir(parents=True)
    users = document("work", token="yes", exec={"args": ["0o17", "1e3", "null"]})
    users["preferences"] = {"colors": True}
    path.write_text("# mine\n" + yaml.safe_dump(users), encoding="utf-8")
    assert main(["kubeconfig", "--merge"], project) == 0
    after = read(path)
    assert names(after) == ["work", NAME]
    for each in ("clusters", "contexts", "users"):
        assert after[each].pop()["name"] == NAME
    assert after == users
    assert (home / ".kube" / "config.before-latihan").read_text().startswith("# mine")
    before = path.stat()
    assert main(["kubeconfig", "--merge"], project) == 0
    assert path.stat() == before
    assert f"'{NAME}' is already in {path}" in capsys.readouterr().out
    chosen = read(path)
    chosen["contexts"][1]["context"]["namespace"] = "mine"
    path.write_text(yaml.safe_dump(chosen), encoding="utf-8")
    remake(project, "https://127.0.0.1:2")
    assert main(["kubeconfig", "--merge"], project) == 0
    assert "*id" not in path.read_text(encoding="utf-8")
    again = read(path)
    assert again["contexts"][1]["context"]["namespace"] == "mine"
    assert names(again) == ["work", NAME]
    assert again["clusters"][1]["cluster"]["server"] == "https://127.0.0.1:2"
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "config",
        "config.before-latihan",
    ]


def test_a_new_file_has_the_lab_as_its_current_context(project: Project, home: Path) -> None:
    assert main(["kubeconfig", "--merge"], project) == 0
    assert read(home / ".kube" / "config")["current-context"] == NAME
    assert (home / ".kube").stat().st_mode & 0o777 == 0o700


def test_a_context_of_that_name_that_is_not_the_labs_stays(
    project: Project, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / ".kube" / "config"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(document(NAME)), encoding="utf-8")
    before = path.read_bytes()
    assert main(["kubeconfig", "--merge"], project) == 2
    assert f"{path} has a cluster 'latihan' that isn't this lab's" in capsys.readouterr().err
    assert main(["kubeconfig", "--export", str(path)], project) == 2
    assert "something else than this lab's" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_which_of_several_files_is_written(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    listed = {"KUBECONFIG": f"{one}:{two}:{three}:"}
    assert kubeconfig.chosen(listed, NAME) == three
    two.write_text(yaml.safe_dump(document("work")), encoding="utf-8")
    assert kubeconfig.chosen(listed, NAME) == two
    three.write_text(yaml.safe_dump(document(NAME)), encoding="utf-8")
    assert kubeconfig.chosen(listed, NAME) == three
    assert kubeconfig.chosen({"HOME": "/h"}, NAME) == Path("/h/.kube/config")


def test_an_export_is_written_again_and_a_link_stays_one(project: Project, home: Path) -> None:
    exported = home / "lab.yaml"
    for server in ("https://127.0.0.1:1", "https://127.0.0.1:2"):
        remake(project, server)
        assert main(["kubeconfig", "--export", str(exported)], project) == 0
        assert read(exported)["clusters"][0]["cluster"]["server"] == server
    link = home / ".kube" / "config"
    link.parent.mkdir()
    link.symlink_to(exported)
    remake(project, "https://127.0.0.1:3")
    assert main(["kubeconfig", "--merge"], project) == 0
    assert link.is_symlink()
    assert "https://127.0.0.1:3" in exported.read_text()


def test_what_can_not_be_written_or_is_none(
    project: Project, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / ".kube" / "config"
    path.parent.mkdir(parents=True)
    lock = path.with_name("config.lock")
    lock.touch()
    assert main(["kubeconfig", "--merge"], project) == 2
    assert "another program is writing it" in capsys.readouterr().err
    lock.unlink()
    for text in (
        "- a list\n",
        "users: 7\n",
        "contexts: [{name: 1}]\n",
        "users: [{name: a, user: 1}]",
    ):
        path.write_text(text, encoding="utf-8")
        assert main(["kubeconfig", "--merge"], project) == 2
        assert f"{path} is not a kubeconfig." in capsys.readouterr().err
        assert path.read_text(encoding="utf-8") == text
        assert not lock.exists()
    assert main(["kubeconfig", "--export", "/proc/nothing/here"], project) == 2
    assert main(["kubeconfig", "--merge", "--export", "x"], project) == 2


def test_a_document_without_parts_is_one() -> None:
    assert merging.checked({"users": None}, Path("x")) == {"users": None}
    with pytest.raises(LabError):
        merging.checked(None, Path("x"))
