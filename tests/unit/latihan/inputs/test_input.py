"""What is refused before anything runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common import profiles
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from latihan.base import locks
from latihan.base.project import Project, checked_profile, from_environment
from latihan.cli import main
from latihan.commands.play import checked
from latihan.inputs import playbooks, variables
from latihan.inputs.request import Request
from latihan.inputs.variable_specs import known


@pytest.mark.parametrize("name", ["latihan", "a", "a1", "class-2b", "a" * 20])
def test_good_profiles(name: str) -> None:
    assert checked_profile(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "1a", "A", "a-", "-a", "a_b", "a" * 21, "../x", "a b", "a\n", "ä"),
        *("host", "latihan-c4", "-c4"),
    ],
)
def test_bad_profiles(name: str) -> None:
    with pytest.raises(LabError) as caught:
        checked_profile(name)
    assert caught.value.kind is Kind.INPUT


def test_a_second_lab_can_only_be_looked_at_and_removed(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    second = profiles.second_of("a" * 20)
    assert checked_profile(second, second=True) == second
    for name in ("host-c4", "a-c4-c4", "-c4"):
        with pytest.raises(LabError):
            checked_profile(name, second=True)
    assert main(["holds", "--profile", "latihan-c4"], project) == 2
    assert "'latihan-c4' is the second lab of the profile 'latihan'" in capsys.readouterr().err
    shutil.copy(project.playbooks / "holds.yml", project.playbooks / "teardown.yml")
    checked(project, Request("teardown", "latihan-c4", "embedded", ""))


def test_the_roles_call_the_second_lab_the_same() -> None:
    named = known(from_environment())["profiles_other"].default
    assert named.replace("{{ lab_profile }}", "mine") == profiles.second_of("mine")


def test_folders_come_from_the_environment() -> None:
    moved = from_environment({"LATIHAN_CACHE": "/c", "LATIHAN_STATE": "/s"})
    assert (moved.cache, moved.state) == (Path("/c"), Path("/s"))
    usual = from_environment({"LATIHAN_CACHE": ""})
    assert usual.cache == Path("/var/cache/latihan")
    assert usual.contract("x") == Path("/var/lib/latihan/x/contract.json")


PLAY = """
- hosts: localhost
  gather_facts: false
  roles: [latihan.lab.lab]
  tasks:
    - ansible.builtin.debug: {msg: "{{ [lab_cache, lab_state] }}"}
"""


def test_the_folders_have_one_path_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LATIHAN_CACHE", "./cache/")
    monkeypatch.setenv("LATIHAN_STATE", "link/../link/state")
    project = from_environment()
    folders = {"lab_cache": f"{tmp_path}/cache", "lab_state": f"{tmp_path}/real/state"}
    assert {"lab_cache": str(project.cache), "lab_state": str(project.state)} == folders
    job = checked(project, Request("provision", "latihan", "embedded", ""))
    assert {name: job.variables[name] for name in folders} == folders
    play = tmp_path / "play.yml"
    play.write_text(PLAY, encoding="utf-8")
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", str(project.root / "collections"))
    argv = [str(Path(sys.executable).with_name("ansible-playbook")), str(play)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert [path for path in folders.values() if f'"{path}"' not in done.stdout] == []


def test_playbooks_have_names_and_titles(project: Project) -> None:
    titles = {each.name: each.title for each in playbooks.all_of(project)}
    assert titles["holds"] == "A run in which all holds."
    assert titles["fails"] == "Work"


@pytest.mark.parametrize("text", ["", "---\n", "just words", "- [", "- 1\n"])
def test_a_title_needs_no_good_playbook(text: str) -> None:
    assert playbooks.title_of(text) == ""


def test_an_unknown_playbook_gets_the_nearest_names(project: Project) -> None:
    with pytest.raises(LabError) as caught:
        playbooks.find(project, "hold", verbs=("status",))
    assert "holds" in caught.value.hint
    with pytest.raises(LabError) as caught:
        playbooks.find(project, "statsu", verbs=("status",))
    assert "status" in caught.value.hint


def test_values_take_the_type_of_their_variable(project: Project) -> None:
    given = ["lab_nodes=3", "greet_words=hi", 'lab_addresses=["a"]', "greet_count=07"]
    assert variables.chosen(project, given) == {
        "lab_nodes": 3,
        "greet_words": "hi",
        "lab_addresses": ["a"],
        "greet_count": 7,
    }


def test_variables_come_from_files_and_objects(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text("lab_nodes: 3\ngreet_count: '4'\n", encoding="utf-8")
    assert variables.chosen(project, [f"@{path}", '{"lab_network": "10.9.0.0/24"}']) == {
        "lab_nodes": 3,
        "greet_count": 4,
        "lab_network": "10.9.0.0/24",
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("lab_node=3", "no variable 'lab_node'"),
        ("lab_nodes=three", "not of the type int"),
        ("lab_addresses=5", "not of the type list"),
        ("lab_addresses=[", "not of the type list"),
        ("lab_nodes", "sets no variable"),
        ("=3", "sets no variable"),
        ("lab_profile=x", "not set with -e"),
        ("lab_state=/srv/x", "not set with -e"),
        ("greet_words=hy", "greet_words can't be 'hy'"),
        ('{"lab_nodes": null}', "not of the type int"),
        ('{"lab_nodes": true}', "not of the type int"),
        ('{"lab_nodes": 2.5}', "not of the type int"),
        ('{"lab_network": 5}', "not of the type str"),
        ('{"lab_addresses": {"a": "b"}}', "not of the type list"),
        ('{"greet_words": ["hi"]}', "not of the type str"),
        ("{", "doesn't parse"),
        ('{"lab_network": 2024-13-45}', "month must be in 1..12"),
        ("@/nowhere/at/all.yml", "can't be read"),
    ],
)
def test_wrong_variables_are_refused(project: Project, given: str, message: str) -> None:
    with pytest.raises(LabError, match=message) as caught:
        variables.chosen(project, [given])
    assert caught.value.kind is Kind.INPUT


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"a: [", "line 1"), (b"- a\n", "no variables"), (b"\xff\xfe", "no text"), (b"", "no var")],
)
def test_wrong_variable_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "mine.yml"
    path.write_bytes(content)
    with pytest.raises(LabError, match=message):
        variables.parse(f"@{path}")


# What else is made of these says the same in another way.
PLACES = {
    *("lab_profile", "lab_provider", "lab_state", "lab_cache", "lab_contract"),
    *("cluster_provider", "cluster_profile", "cluster_state_folder", "profiles_other"),
    *("machine_profile", "machine_state", "machine_cache", "kubernetes_cache", "images_cache"),
}


def test_which_lab_is_meant_is_not_set_with_variables() -> None:
    there = known(from_environment({}))
    assert {name for name, variable in there.items() if variable.instead} == PLACES
    assert there["cluster_profile"].instead == "Use --profile."
    assert "LATIHAN_STATE" in there["cluster_state_folder"].instead
    assert "LATIHAN_CACHE" in there["images_cache"].instead
    assert there["cluster_provider"].instead == "Use --provider."


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["kubernetes_source=relase"], "can't be 'relase'"),
        (["kubernetes_path=/nope"], "not used with kubernetes_source=auto"),
        (["kubernetes_path=/nope", "kubernetes_source=path"], "is '/nope', which is no folder"),
        (["kubernetes_source=path"], "is '', which is no folder"),
        (["kubernetes_path=/", "kubernetes_source=path"], "/ has no program kube-apiserver"),
        (["kubernetes_version=v1.21.0"], "v1.21.0 can't be built: only v1.20.2"),
        (["kubernetes_version=v1.21.0", "kubernetes_source=release"], "v1.21.0 can't be built"),
    ],
)
def test_programs_that_can_not_be_had(given: list[str], message: str) -> None:
    with pytest.raises(LabError, match=message) as caught:
        variables.chosen(from_environment({}), given)
    assert caught.value.kind is Kind.INPUT


@pytest.mark.parametrize(
    "given",
    [
        ["kubernetes_version=v1.20.2"],
        ["kubernetes_version=v1.21.0", "kubernetes_source=release", "kubernetes_release_sha512=0"],
        ["pods_spare_node=latihan", "node_labels_node=latihan", "services_down_node=latihan-m02"],
        ["lab_namespace=other"],
    ],
)
def test_what_else_may_be_set(given: list[str]) -> None:
    assert variables.chosen(from_environment({}), given) == dict(
        each.split("=", 1) for each in given
    )


def test_a_playbook_with_no_such_day(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text("- hosts: lab\n  vars: {day: 2024-13-45}\n", encoding="utf-8")
    with pytest.raises(LabError, match="month must be in"):
        playbooks.of_file(path)
    assert playbooks.title_of(path.read_text(encoding="utf-8")) == ""


def test_a_held_profile_names_its_holder(tmp_path: Path) -> None:
    with locks.held(tmp_path, "latihan", "runner.py full-lab"):
        second = locks.held(tmp_path, "latihan", "runner.py verify")
        with pytest.raises(LabError, match="runner.py full-lab") as caught:
            second.__enter__()
        assert caught.value.kind is Kind.INPUT
        with locks.held(tmp_path, "other", "runner.py verify"):
            pass
    with locks.held(tmp_path, "latihan", "runner.py verify"):
        pass


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["hold"], "Did you mean holds"),
        (["holds", "--profile", "Bad Name"], "can't be the name of a profile"),
        (["--profile", "X", "list"], "can't be the name of a profile"),
        (["holds", "--provider", "embeded"], "Did you mean embedded"),
        (["holds", "--bogus"], "unrecognized arguments: --bogus"),
        (["--bogus", "holds"], "unrecognized arguments: --bogus"),
        (["holds", "-e", "greet_cuont=2"], "Did you mean greet_count"),
        (["doctor", "-e", '{"lab_nodes": null}'], "not of the type int"),
        (["--provider", "embeded", "kubectl", "get", "pods"], "Did you mean embedded"),
        (["holds", "-e"], "expected one argument"),
        (["url"], "required: service"),
        (["report", "never"], "no run 'never'"),
        (["kubectl", "get", "pods"], "no cluster"),
        (["shell", "host"], "no cluster"),
    ],
)
def test_bad_input_is_exit_2_and_one_line(
    project: Project, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(arguments, project) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert len(captured.err.strip().splitlines()) <= 2
    # Nothing was touched.
    assert not (project.root / "artifacts").exists()
    assert not project.cache.exists()


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize(
    ("name", "target", "said"),
    [
        ("cache/locks/latihan.holder", "/dev/full", "No space left on device"),
        ("stub/artifacts", "/dev/null", "stub/artifacts/latihan: Not a directory"),
    ],
)
def test_a_file_that_can_not_be_written_is_named(
    project: Project,
    capsys: pytest.CaptureFixture[str],
    name: str,
    target: str,
    said: str,
) -> None:
    path = project.root.parent / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    assert main(["holds"], project) == 3
    told = capsys.readouterr().err
    assert said in told
    assert len(told.strip().splitlines()) == 2


def test_without_root_it_says_so(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    for arguments in (["holds"], ["status"], ["kubectl", "get", "pods"], ["tunnel"]):
        assert main(arguments, project) == 3
        assert "needs root" in capsys.readouterr().err


def test_help_and_list_show_all(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["list"]):
        assert main(arguments, project) == 0
        said = capsys.readouterr().out
        for word in ("holds", "A run in which all holds.", "kubectl", "tunnel", "embedded"):
            assert word in said
    assert main([], project) == 2


@pytest.mark.parametrize("name", ["holds", "status", "doctor", "shell", "url", "report", "test"])
def test_every_command_has_help(
    project: Project, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"], project)
    assert ended.value.code == 0
    assert f"usage: python3 runner.py {name}" in capsys.readouterr().out
