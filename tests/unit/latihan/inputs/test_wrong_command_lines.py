"""Command lines that are refused: in one line, with exit code 2 or 3, and nothing is touched."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from latihan.base.project import Project, checked_profile, from_environment
from latihan.cli import main
from latihan.inputs import variables
from latihan.inputs.variable_specs import variables_of
from tests.wrong import is_refusal, is_refused, tree

LINES: list[tuple[list[str], str]] = [
    ([" "], "There is no playbook or command ' '."),
    (["\t"], "There is no playbook or command '\\t'."),
    (["-"], "There is no playbook or command '-'."),
    (["--"], "name of a playbook or command is missing"),
    (["-x"], "unrecognized arguments: -x"),
    (["--all"], "unrecognized arguments: --all"),
    (["--profile"], "argument --profile: expected one argument"),
    (["--provider"], "argument --provider: expected one argument"),
    (["--profile", "a", "--provider", "b"], "name of a playbook or command is missing"),
    (["--profile=", "list"], "'' can't be the name of a profile"),
    (["--provider=", "list"], "There is no provider ''"),
    (["--provider", "Embedded", "list"], "There is no provider 'Embedded'"),
    (["--provider", "../embedded", "list"], "There is no provider '../embedded'"),
    (["--provider", "base", "status"], "There is no provider 'base'"),
    (["HOLDS"], "There is no playbook or command 'HOLDS'"),
    (["hölds"], "There is no playbook or command 'hölds'"),
    (["holds\n"], "There is no playbook or command 'holds\\n'"),
    (["🙂"], "There is no playbook or command '🙂'"),
    (["holds.yml"], "The playbook holds.yml can't be read: No such file or directory."),
    (["nope.yaml"], "The playbook nope.yaml can't be read: No such file or directory."),
    (["/nowhere/x.yml"], "The playbook /nowhere/x.yml can't be read: No such file or directory."),
    (["no\nwhere.yml"], "The playbook no\\nwhere.yml can't be read: No such file or directory."),
    (["x" * 300 + ".yml"], "can't be read: File name too long."),
    (["/"], "There is no playbook or command '/'"),
    (["."], "There is no playbook or command '.'"),
    (["../playbooks/holds"], "There is no playbook or command '../playbooks/holds'"),
    (["x" * 100_000], "There is no playbook or command 'xxx"),
    (["\udcff"], "not valid UTF-8"),
    (["holds", "--tags", "\udcff"], "not valid UTF-8"),
    (["holds", "--limit=\udcff"], "not valid UTF-8"),
    (["--profile", "\udcff", "list"], "not valid UTF-8"),
    (["holds", "-e", "greet_words=\udcff"], "not valid UTF-8"),
    (["report", "\udcff"], "not valid UTF-8"),
    (["\x1b]0;title\x07"], "There is no playbook or command '\\x1b]0;title\\x07'"),
    (["holds", "\x1b[31m"], "unrecognized arguments: \\x1b[31m"),
    (["holds", "a\nb"], "unrecognized arguments: a\\nb"),
    (["holds", "a\u2028b"], "unrecognized arguments: a\\u2028b"),
    (["holds", "again"], "unrecognized arguments: again"),
    (["holds", "holds"], "unrecognized arguments: holds"),
    (["holds", "--profile"], "argument --profile: expected one argument"),
    (["holds", "--tags"], "argument --tags: expected one argument"),
    (["holds", "--skip-tags"], "argument --skip-tags: expected one argument"),
    (["holds", "--limit"], "argument --limit: expected one argument"),
    (["holds", "--check=yes"], "argument --check: ignored explicit argument 'yes'"),
    (["holds", "-vx"], "ignored explicit argument 'x'"),
    (["holds", "--become"], "unrecognized arguments: --become"),
    (["holds", "-i", "inventory"], "unrecognized arguments: -i inventory"),
    (["holds", "-e", "greet_count=1", "greet_words=hi"], "unrecognized arguments: greet_words=hi"),
    (["list", "x"], "unrecognized arguments: x"),
    (["list", "-e", "a=b"], "unrecognized arguments: -e a=b"),
    (["status", "now"], "unrecognized arguments: now"),
    (["status", "--tags", "x"], "unrecognized arguments: --tags x"),
    (["doctor", "--fix"], "unrecognized arguments: --fix"),
    (["doctor", "-e"], "argument -e/--extra-vars: expected one argument"),
    (["doctor", "-e", "lab_nodes"], "sets no variable"),
    (["shell"], "required: NODE|host"),
    (["shell", "nowhere"], "The profile 'latihan' has no cluster."),
    (["shell", "latihan", "--", "true"], "The profile 'latihan' has no cluster."),
    (["--profile", "other", "shell", "host"], "The profile 'other' has no cluster."),
    (["url", "a", "b"], "unrecognized arguments: b"),
    (["url", "a", "-n"], "argument -n/--namespace: expected one argument"),
    (["url", "a"], "The profile 'latihan' has no cluster."),
    (["tunnel", "x"], "unrecognized arguments: x"),
    (["tunnel"], "The profile 'latihan' has no cluster."),
    (["kubectl"], "The profile 'latihan' has no cluster."),
    (["report"], "The profile 'latihan' has no report yet."),
    (["report", "a", "b"], "unrecognized arguments: b"),
    (["report", "--diff"], "argument --diff: expected 2 arguments"),
    (["report", "--diff", "a"], "argument --diff: expected 2 arguments"),
    (["report", "--diff", "a", "b"], "There is no run 'a'"),
    (["report", "--diff", "a", "b", "--open=yes"], "ignored explicit argument 'yes'"),
    (["report", "."], "There is no run '.'"),
    (["report", ".."], "There is no run '..'"),
    (["report", "/etc"], "There is no run '/etc'"),
    (["report", "../latihan"], "There is no run '../latihan'"),
    (["report", "\n"], "There is no run '\\n'"),
    (["report", "x" * 5000], "There is no run 'xxx"),
    (["test", "units"], "argument PART: 'units' is not one of"),
    (["test", "unit", "all"], "argument PART: 'all' is not one of"),
    (["test", "--fast"], "unrecognized arguments: --fast"),
    (["test", "-k"], "argument -k: expected one argument"),
    (["docs", "all"], "unrecognized arguments: all"),
    (["help"], "There is no playbook or command 'help'"),
    (["version"], "There is no playbook or command 'version'"),
]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that is not refused would take the place of these tests."""
    monkeypatch.delattr("os.execvp")
    monkeypatch.setattr("os.geteuid", lambda: 0)


@pytest.mark.parametrize(("arguments", "said"), LINES, ids=[repr(x)[:50] for x, _ in LINES])
def test_lines(
    project: Project,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    before = tree(tmp_path)
    is_refused(main(arguments, project), capsys, said)
    assert tree(tmp_path) == before


NAMES = [
    *("", " ", "-", "a-", "-a", "A", "aB", "1", "1a", "a_b", "a.b", "a/b", "../a", "..", "."),
    *(
        "/",
        "/etc",
        "//",
        "a b",
        " a",
        "a ",
        "a\n",
        "\na",
        "a\t",
        "a\0",
        "ä",
        "\u0430",
        "\uff41",
        "a१",
    ),
    *("a" * 21, "a" * 4096, "host", "host-c4", "-c4", "a-c4-c4", "a--c4", "a\u200b", "a;b"),
    *("a$(x)", "$HOME", "*", "~", "a%20b", "a'b", 'a"b', "\x1b[31m", "{{ x }}", "a,b", "a=b"),
]
COMMANDS = (["holds"], ["list"], ["status"], ["report"], ["kubectl", "get", "pods"], ["tunnel"])


@pytest.mark.parametrize("name", NAMES, ids=[repr(name)[:30] for name in NAMES])
def test_profiles(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    before = tree(tmp_path)
    for command in COMMANDS:
        is_refused(main([f"--profile={name}", *command], project), capsys, "profile")
    is_refused(main(["holds", f"--profile={name}"], project), capsys, "profile")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", ["latihan-c4", "c4-c4"])
def test_second_labs(project: Project, capsys: pytest.CaptureFixture[str], name: str) -> None:
    is_refused(main(["--profile", name, "holds"], project), capsys, "is the second lab of")


@given(st.text())
def test_fuzzed_profiles(name: str) -> None:
    """What is accepted can name a folder and a host; RFC 1123 says which names a host can have."""
    try:
        checked_profile(name)
    except LabError as error:
        is_refusal(error, "")
    else:
        assert name.isascii()
        assert name.replace("-", "a").isalnum()
        assert name == name.lower()


# For each type, what no option of it takes.
WRONG: dict[str, list[Any]] = {
    "int": [
        *("", "three", "1.5", "nan", "inf", "-inf", "1e999999999", "1e5000", "0x10", "1,2", "None"),
        *(None, 2.5, float("inf"), float("nan"), [], [1], {}, {"a": 1}),
    ],
    "bool": ["", "maybe", "2", "yess", "None", None, 2, -1, 0.5, [], [True], {}, {"a": 1}],
    "list": [None, "[", "[]", "[a]", "[a, b]", {}, {"a": 1}],
    "dict": ["", "x", "{", "[]", "1", None, 1, 1.5, True, [], ["a"]],
    "str": [None],
    "path": [None, "a\0b", "~\0"],
}
PROJECT = from_environment({})
KNOWN = variables_of(PROJECT)
SETTABLE = [name for name, each in KNOWN.items() if not each.instead and not each.choices]
CASES = [
    (next(name for name in SETTABLE if KNOWN[name].kind == kind), value)
    for kind, values in WRONG.items()
    for value in values
]


@pytest.fixture
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the variables of all roles takes longer than all that is tested here."""
    monkeypatch.setattr(variables, "variables_of", lambda _project: KNOWN)


@pytest.mark.usefixtures("read_once")
@pytest.mark.parametrize(("name", "value"), CASES, ids=[f"{n}={v!r}"[:50] for n, v in CASES])
def test_values(name: str, value: Any) -> None:
    options = [yaml.safe_dump({name: value}, default_flow_style=True).strip()]
    if isinstance(value, str) and "\0" not in value:
        options.append(f"{name}='{value}'")
    for option in options:
        with pytest.raises(LabError) as caught:
            variables.chosen(PROJECT, [option])
        is_refusal(caught.value, name)


OPTIONS: list[tuple[str, str]] = [
    *((text, "sets no variable") for text in ("  ", "a", "-", "a b", "=", "= =", "a =1")),
    ("==", "There is no variable '='."),
    ("lab_nodes=3 x", "sets no variable"),
    ("lab_nodes=3 =4", "sets no variable"),
    ("lab-nodes=3", "There is no variable 'lab-nodes'."),
    ("LAB_NODES=3", "There is no variable 'LAB_NODES'."),
    ("lab_nodes.x=3", "There is no variable 'lab_nodes.x'."),
    ("ansible_connection=ssh", "There is no variable 'ansible_connection'."),
    ("ansible_python_interpreter=/x", "There is no variable"),
    ("lab_nodes='3", "is not closed"),
    ('lab_nodes="3', "is not closed"),
    ("lab_nodes={{ 1", "is not closed"),
    ("lab_nodes=\\x", "lab_nodes"),
    ("lab_network=\\N{nothing}", "-e"),
    ("lab_network=\\ud800", "lab_network="),
    ("lab_network=\\U99999999", "-e"),
    ("@", "can't be read"),
    ("@.", "can't be read: Is a directory"),
    ("@/", "can't be read: Is a directory"),
    ("@/dev/null", "sets no variables"),
    ("@/dev/zero", "larger than"),
    ("@~nobody-of-that-name/x.yml", "can't be read"),
    ("@" + "x" * 300, "can't be read: File name too long"),
    ("@a\0b", "can't be read"),
    ("{}}", "not valid YAML"),
    ("{a", "not valid YAML"),
    ("[1]", "sets no variables"),
    ("{[a]: 1}", "not valid YAML"),
    ("{? {a: b} : 1}", "not valid YAML"),
    ("{null: 1}", "sets no variables"),
    ("{lab_nodes: &a [*a]}", "contains itself"),
    ('{lab_network: "\\ud800"}', "lab_network="),
    ('{images_extra: [{name: "a\\0b"}]}', "images_extra="),
    ("{lab_nodes: *nowhere}", "not valid YAML"),
    ("{lab_nodes: !!python/object:os.system x}", "not valid YAML"),
    ("{lab_nodes: !vault x}", "not valid YAML"),
    ("{lab_nodes: !!int x}", "not a valid int"),
    ("{lab_nodes: !!binary é}", "not valid YAML"),
    ("{lab_nodes: 3, lab_nodes: 3}", "appears twice"),
    ("{" + "[" * 1100, "not valid YAML"),
    ("[" * 1100 + "]" * 1100, "nested too deeply"),
    ("{lab_nodes: " + "1" * 5000 + "}", "not a valid int"),
    ("kubernetes_version=../../x", "kubernetes_version"),
    ("kubernetes_version=/etc", "kubernetes_version"),
    ("kubernetes_version=v1", "kubernetes_version"),
    ("kubernetes_version=latest", "kubernetes_version"),
]  # fmt: skip


@pytest.mark.usefixtures("read_once")
@pytest.mark.parametrize(("option", "said"), OPTIONS, ids=[repr(o)[:40] for o, _ in OPTIONS])
def test_options(option: str, said: str) -> None:
    with pytest.raises(LabError) as caught:
        variables.chosen(PROJECT, [option])
    is_refusal(caught.value, said)


@pytest.mark.usefixtures("read_once")
def test_a_version_is_no_path_whatever_else_is_set() -> None:
    given_too = ["kubernetes_source=release", "kubernetes_release_sha512=0"]
    for version in ("../../../x", "v1.2.3/../../x", "v1.2.3\n", "v1.2", "1.2.3", ""):
        with pytest.raises(LabError) as caught:
            variables.chosen(PROJECT, [f"{{kubernetes_version: {version!r}}}", *given_too])
        is_refusal(caught.value, "kubernetes_version")


@given(st.text())
def test_fuzzed_options(option: str) -> None:
    """A message may quote the name of a file as it is; printing makes a line of it."""
    with contextlib.suppress(LabError):
        variables.parse(option)
