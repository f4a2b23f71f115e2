"""What is refused before anything runs."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible import context
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.utils.context_objects import CLIArgs
from ansible.utils.vars import load_extra_vars

from ansible_collections.latihan.lab.plugins.plugin_utils.common import profiles
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from latihan.base import locks
from latihan.base.project import Project, checked_profile, from_environment
from latihan.cli import main
from latihan.inputs import options, playbooks, variables
from latihan.inputs.playbooks import Playbook
from latihan.inputs.request import Request
from latihan.inputs.variable_specs import Variable, variables_of
from latihan.run import ansible


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
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    second = profiles.second_of("a" * 20)
    assert checked_profile(second, second=True) == second
    for name in ("host-c4", "a-c4-c4", "-c4"):
        with pytest.raises(LabError):
            checked_profile(name, second=True)
    assert main(["holds", "--profile", "latihan-c4"], project) == 2
    assert "'latihan-c4' is the second lab of the profile 'latihan'" in capsys.readouterr().err
    shutil.copy(project.playbooks / "holds.yml", project.playbooks / "teardown.yml")
    # What comes after all input is good: the rights to begin.
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main(["teardown", "--profile", "latihan-c4"], project) == 3
    assert "needs root" in capsys.readouterr().err


def test_the_roles_call_the_second_lab_the_same() -> None:
    named = variables_of(from_environment())["profiles_other"].default
    assert named.replace("{{ lab_profile }}", "mine") == profiles.second_of("mine")


def test_an_option_of_a_playbook_sets_a_variable(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = variables_of(from_environment())
    assert all(f"{name}_{option}" in known for name, of in options.SETTING.items() for option in of)
    shutil.copy(project.playbooks / "holds.yml", project.playbooks / "greet.yml")
    monkeypatch.setitem(options.SETTING, "greet", {"words": "what to say"})
    given = r"\[\"'{"
    assert main(["greet", "--words", given], project) == 2
    assert f"greet_words can't be {given!r}" in capsys.readouterr().err
    assert main(["holds", "--words", "hi"], project) == 2
    assert "unrecognized arguments: --words" in capsys.readouterr().err


def test_folders_come_from_the_environment() -> None:
    moved = from_environment({"LATIHAN_CACHE": "/c", "LATIHAN_STATE": "/s"})
    assert (moved.cache, moved.state) == (Path("/c"), Path("/s"))
    usual = from_environment({"LATIHAN_CACHE": ""})
    assert usual.cache == Path("/var/cache/latihan")
    assert usual.contract("x") == Path("/var/lib/latihan/x/contract.json")
    assert usual.artifacts("x") == usual.root / "artifacts" / "x"
    assert from_environment({"LATIHAN_ARTIFACTS": "/a"}).artifacts("x") == Path("/a/x")


def test_how_many_runs_are_kept() -> None:
    assert from_environment({}).kept == 100
    assert from_environment({"LATIHAN_KEPT_RUNS": "7"}).kept == 7
    for bad in ("0", "-1", "many", "1.5", " "):
        with pytest.raises(LabError, match="not a number of runs") as raised:
            from_environment({"LATIHAN_KEPT_RUNS": bad})
        assert raised.value.kind is Kind.INPUT


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
    playbook = Playbook("provision", project.playbooks / "provision.yml", "")
    given = ansible.arguments(
        project, Request(playbook, "latihan", "embedded", ""), "mark", "folder"
    )
    assert {name: given["extravars"][name] for name in folders} == folders
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


@pytest.mark.parametrize("text", ["", "---\n", "just words", "- [", "- 1\n", "- a: 2024-13-45\n"])
def test_a_title_needs_no_good_playbook(text: str) -> None:
    assert playbooks.title_of(text) == ""


def test_an_unknown_playbook_gets_the_nearest_names(project: Project) -> None:
    with pytest.raises(LabError) as caught:
        playbooks.find(project, "hold", commands=("status",))
    assert "holds" in caught.value.hint
    with pytest.raises(LabError) as caught:
        playbooks.find(project, "statsu", commands=("status",))
    assert "status" in caught.value.hint


def test_values_take_the_type_of_their_variable(project: Project) -> None:
    given = ["lab_nodes=3 greet_words=hi", "lab_addresses=a,b", "greet_count=07"]
    assert variables.chosen(project, given) == {
        "lab_nodes": 3,
        "greet_words": "hi",
        "lab_addresses": ["a", "b"],
        "greet_count": 7,
    }


@pytest.fixture
def ansibles(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    """What ansible-playbook makes of a -e option."""

    def load(option: str) -> dict[str, Any]:
        monkeypatch.setattr(context, "CLIARGS", CLIArgs({"extra_vars": [option]}))
        # Ansible keeps its first answer.
        monkeypatch.setattr(load_extra_vars, "extra_vars", None, raising=False)
        return dict(load_extra_vars(DataLoader()))

    return load


@pytest.mark.parametrize(
    "option",
    [
        *("a=1", "a=1 b=2", "a=", "a==", "a=b=c", " a=1 ", "a='x y' b=\"it's\"", r"a=x\ny"),
        *("a={{ b }} c=d", "a='\"'", "a-b=1", '{"a": [1, "2"], "b": null}', "{a: yes, b: no}"),
        "{a: 2024-12-31, b: 0o7, c: 07, d: 1e3, e: 1_000}",
    ],
)
def test_options_are_read_as_ansible_does(
    option: str, ansibles: Callable[[str], dict[str, Any]]
) -> None:
    assert variables.parse(option) == ansibles(option)


def test_a_file_is_read_as_ansible_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ansibles: Callable[[str], dict[str, Any]]
) -> None:
    (tmp_path / "mine.yml").write_text("a: yes\nb: [1, '2']\n", encoding="utf-8")
    (tmp_path / "mine.json").write_text('{"a": true}', encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for option in (f"@{tmp_path}/mine.yml", "@mine.json", "@~/mine.yml"):
        assert variables.parse(option) == ansibles(option)


VALUES: list[Any] = [
    *("", "x", "3", "007", "3.0", "3.5", "1e2", "-1", " 3", "0x10", "1_000"),
    *("y", "Y", "yes", "True", "on", "t", "n", "no", "off", "f", "0", "1", "2", "maybe"),
    *("a,b", "a, b", "a b", "a=b", "a=b c=d", "a=b,c", '{"a": 1}', "{'a': 1}", "{", "[1]", "~/x"),
    *(0, 1, 2, 3.0, 3.5, True, False, [], ["a"], [1], {}, {"a": 1}),
]
KINDS = ["str", "int", "float", "bool", "list", "dict", "path", "raw"]


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_what_ansible_makes_of_them(kind: str) -> None:
    """By the validator of a role's argument specs; [1] for a list is refused here alone."""
    for value in VALUES:
        theirs = ArgumentSpecValidator({"x": {"type": kind}}).validate({"x": value})
        expected = "refused" if theirs.error_messages else theirs.validated_parameters["x"]
        if (kind, value) == ("list", "[1]"):
            expected = "refused"
        try:
            ours = variables.checked("x", value, {"x": Variable(kind)})
        except LabError:
            ours = "refused"
        assert (type(ours), ours) == (type(expected), expected), f"{value!r} as {kind}"


@pytest.mark.parametrize(
    ("value", "hint"), [("[a, b]", "Write x=a,b,c or -e '{\"x\": [...]}'."), (None, "")]
)
def test_values_that_nobody_means(value: str | None, hint: str) -> None:
    with pytest.raises(LabError, match="not of the type list") as caught:
        variables.checked("x", value, {"x": Variable("list")})
    assert caught.value.hint == hint
    assert variables.checked("x", value, {"x": Variable("raw")}) == value


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
        ("lab_node=3", "There is no variable 'lab_node'."),
        ("lab_nodes=three", "lab_nodes='three' is not of the type int."),
        ("lab_addresses=[", "lab_addresses='[' is not of the type list."),
        ("lab_nodes", "-e 'lab_nodes' sets no variable."),
        ("", "-e '' sets no variable."),
        ("=3", "-e '=3' sets no variable."),
        ("lab_nodes = 3", "-e 'lab_nodes = 3' sets no variable."),
        ("lab_addresses=[a, b]", "-e 'lab_addresses=[a, b]': 'b]' sets no variable."),
        (
            "lab_network='10.9.0.0/24",
            '-e "lab_network=\'10.9.0.0/24": a quote or a {{ is not closed.',
        ),
        ("lab_profile=x", "lab_profile can't be set with -e."),
        ("lab_state=/srv/x", "lab_state can't be set with -e."),
        ("greet_words=hy", "greet_words can't be 'hy'."),
        ('{"lab_nodes": null}', "lab_nodes=None is not of the type int."),
        ('{"lab_nodes": 2.5}', "lab_nodes=2.5 is not of the type int."),
        ('{"lab_network": null}', "lab_network=None is not of the type str."),
        ('{"lab_addresses": {"a": "b"}}', "lab_addresses={'a': 'b'} is not of the type list."),
        ('{"greet_words": ["hi"]}', "greet_words can't be \"['hi']\"."),
        ('["lab_nodes"]', "-e '[\"lab_nodes\"]' sets no variables."),
        ("{1: 2}", "-e '{1: 2}' sets no variables."),
        (
            "{",
            "-e:1: not valid YAML: expected the node content, but found '<stream end>' (column 2).",
        ),
        ("{a: 1, a: 2}", "-e:1: not valid YAML: the key 'a' appears twice (column 8)."),
        (
            '{"lab_network": 2024-13-45}',
            "-e:1: not valid YAML: '2024-13-45' is not a valid timestamp (column 17).",
        ),
        (
            "@/nowhere/at/all.yml",
            "The variables file /nowhere/at/all.yml can't be read: No such file or directory.",
        ),
    ],
)
def test_wrong_variables_are_refused(project: Project, given: str, message: str) -> None:
    with pytest.raises(LabError) as caught:
        variables.chosen(project, [given])
    assert (caught.value.message, caught.value.kind) == (message, Kind.INPUT)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"a: [",
            ":1: not valid YAML: expected the node content, but found '<stream end>' (column 5).",
        ),
        (b"a: 1\nb: 2\na: 3\n", ":3: not valid YAML: the key 'a' appears twice (column 1)."),
        (b"a: 1\n---\nb: 2\n", ":3: not valid YAML: a second document starts here (column 1)."),
        (b"- a\n", " sets no variables."),
        (b"", " sets no variables."),
    ],
)
def test_wrong_variable_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "mine.yml"
    path.write_bytes(content)
    with pytest.raises(LabError) as caught:
        variables.parse(f"@{path}")
    assert caught.value.message == f"{path}{message}"


# What else is made of these says the same in another way.
PLACES = {
    *("lab_profile", "lab_provider", "lab_state", "lab_cache", "lab_contract"),
    *("cluster_provider", "cluster_profile", "cluster_state_folder", "profiles_other"),
    *("machine_profile", "machine_state", "machine_cache", "kubernetes_cache", "images_cache"),
    "conformance_cache",
}


def test_which_lab_is_meant_is_not_set_with_variables() -> None:
    there = variables_of(from_environment({}))
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
        (["kubernetes_path=/nope", "kubernetes_source=path"], "is '/nope', which is not a folder"),
        (["kubernetes_source=path"], "is '', which is not a folder"),
        (["kubernetes_path=/", "kubernetes_source=path"], "missing in /: kube-apiserver"),
        (["kubernetes_version=v1.34.0"], "does not run Kubernetes v1.34.0"),
        (["kubernetes_version=v1.36.2", "kubernetes_source=debian"], "v1.36.2 can't be built"),
        (["kubernetes_version=v1.36.99"], "checksum of the release v1.36.99 is not known"),
        (["kubernetes_release_sha512=0"], "Set kubernetes_version too"),
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
        ["kubernetes_version=v1.35.5"],
        ["kubernetes_version=v1.36.99", "kubernetes_release_sha512=0"],
        ["node_labels_node=latihan", "services_down_node=latihan-m02"],
        ["lab_namespace=other"],
    ],
)
def test_what_else_may_be_set(given: list[str]) -> None:
    assert variables.chosen(from_environment({}), given) == dict(
        each.split("=", 1) for each in given
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "- hosts: [\n",
            ":2: not valid YAML: expected the node content, but found '<stream end>' ",
        ),
        ("- hosts: a\n  vars: {day: 2024-13-45}\n", ":2: not valid YAML: '2024-13-45' is not a "),
        ("- hosts: a\n  tasks: []\n  tasks: []\n", ":3: not valid YAML: the key 'tasks' appears "),
        ("- hosts: a\n---\n- hosts: b\n", ":3: not valid YAML: a second document starts here "),
        ("hosts: lab\n", ": not a playbook."),
        ("- name: x\n", ": not a playbook."),
        ("", ": not a playbook."),
    ],
)
def test_a_file_that_is_not_a_playbook(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LabError) as caught:
        playbooks.find(from_environment({}), str(path))
    assert caught.value.message.startswith(f"{path}{message}")
    assert caught.value.kind is Kind.INPUT


def test_a_locked_profile_names_its_holder(tmp_path: Path) -> None:
    with locks.lock_profile(tmp_path, "latihan", "runner.py full-lab"):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
        second = locks.lock_profile(tmp_path, "latihan", "runner.py verify")
        with pytest.raises(LabError, match="runner.py full-lab") as caught:
            second.__enter__()
        assert caught.value.kind is Kind.INPUT
        with locks.lock_profile(tmp_path, "other", "runner.py verify"):
            pass
    with locks.lock_profile(tmp_path, "latihan", "runner.py verify"):
        pass


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([""], "There is no playbook or command ''."),
        (["--profile", "x"], "the name of a playbook or command is missing"),
        (["--profile", "", "list"], "'' can't be the name of a profile"),
        (["holds", "--profile", ""], "'' can't be the name of a profile"),
        (["list", "--provider", ""], "There is no provider ''."),
        (["holds", "-e", ""], "-e '' sets no variable."),
        (["holds", "--tags", ""], "argument --tags: the value is empty."),
        (["holds", "--skip-tags="], "argument --skip-tags: the value is empty."),
        (["holds", "--limit", ""], "argument --limit: the value is empty."),
        (["report", ""], "There is no run ''"),
        (["report", "--diff", "", ""], "There is no run ''"),
        (
            ["test", ""],
            "argument PART: '' is not one of unit, integration, lint, container, machines, room, ",
        ),
        (["nowhere", "--help"], "There is no playbook or command 'nowhere'."),
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
    project: Project,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    # A command that is not refused would take the place of these tests.
    monkeypatch.delattr("os.execvp")
    assert main(arguments, project) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert len(captured.err.strip().splitlines()) <= 2
    # Nothing was touched.
    assert not (project.root / "artifacts").exists()
    assert not project.cache.exists()


@pytest.mark.parametrize("arguments", [["doctor"], ["holds", "-e", "lab_nodes=3"]])
def test_broken_argument_specs_are_bad_input(
    project: Project, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    path = project.roles / "lab" / "meta" / "argument_specs.yml"
    path.write_text("argument_specs: {}\nargument_specs: {}\n", encoding="utf-8")
    assert main(arguments, project) == 2
    said = capsys.readouterr().err
    assert f"{path}:2: not valid YAML: the key 'argument_specs' appears twice" in said


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize(
    ("name", "target", "said"),
    [
        ("cache/locks/latihan.holder", "/dev/full", "No space is left on a disk"),
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
    printed = capsys.readouterr().err
    assert said in printed
    assert len(printed.strip().splitlines()) == 2
    assert ("LATIHAN_ARTIFACTS" in printed) == ("artifacts" in name)


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
    assert "tunnel" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["holds", "status", "doctor", "shell", "url", "report", "test"])
def test_every_command_has_help(
    project: Project, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"], project)
    assert ended.value.code == 0
    assert f"usage: python3 runner.py {name}" in capsys.readouterr().out
