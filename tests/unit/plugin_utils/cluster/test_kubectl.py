"""kubectl: what it changed, what it refused, and manifests that are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import kubectl
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import AUTO, choose
from tests.unit.plugin_utils.conftest import DATA


@pytest.mark.parametrize(
    ("words", "stdout", "changed"),
    [
        (["apply", "-f", "x"], "pod/p1 created\n", True),
        (["apply", "-f", "x"], "pod/p1 configured\npod/p2 unchanged\n", True),
        (["apply", "-f", "x"], "pod/p1 unchanged\nservice/s1 unchanged\n", False),
        (["run", "p1", "--image=nginx"], "pod/p1 created\n", True),
        (["delete", "pod", "p1"], 'pod "p1" deleted\n', True),
        (["delete", "pod", "p1", "--force"], 'pod "p1" force deleted\n', True),
        (["delete", "pod", "p1", "--ignore-not-found"], "", False),
        (["delete", "pods", "--all"], "No resources found\n", False),
        (["label", "nodes", "a", "name=x"], "node/a labeled\n", True),
        (["label", "nodes", "a", "name=x"], "node/a not labeled\n", False),
        (["label", "nodes", "a", "name-"], "node/a unlabeled\n", True),
        (["label", "nodes", "a", "name-"], 'label "name" not found.\nnode/a not labeled\n', False),
        (["patch", "pod", "p1"], "pod/p1 patched\n", True),
        (["patch", "pod", "p1"], "pod/p1 patched (no change)\n", False),
        (["expose", "pod", "p1"], "service/s1 exposed\n", True),
        (["-n", "own", "get", "pods"], "created deleted", False),
        (["logs", "p1"], "pod/p1 created", False),
        (["exec", "p1", "--", "true"], "", True),
    ],
)
def test_what_changed(words: list[str], stdout: str, changed: bool) -> None:
    assert kubectl.changed(words, stdout) is changed


def test_the_verb_among_the_words() -> None:
    assert kubectl.verb(["-n", "own", "-v=8", "patch", "pod"]) == "patch"
    assert kubectl.verb(["--version"]) == ""


def test_the_manifests_among_the_words() -> None:
    words = ["apply", "-f", "a.yaml,b.yaml", "--filename=c.yaml", "-f", "-", "-f", "https://x/y"]
    assert [str(path) for path in kubectl.manifests(words)] == ["a.yaml", "b.yaml", "c.yaml"]


@pytest.mark.parametrize("name", ["patch-refused.txt", "patch-refused-1.35.txt"])
def test_the_api_s_words_for_a_refusal(name: str) -> None:
    refusal = kubectl.status_object((DATA / name).read_text(encoding="utf-8"))
    assert (refusal["code"], refusal["reason"]) == (422, "Invalid")
    assert "pod updates may not add or remove containers" in refusal["message"]


def test_no_refusal_where_there_was_none() -> None:
    assert kubectl.status_object("") == {}
    assert kubectl.status_object('I1 Response Body: {"kind":"Pod","status":{}}') == {}
    assert kubectl.status_object("I1 Response Body: {broken}") == {}
    assert kubectl.status_object('I1 "Response Body" body="{broken}"') == {}
    assert kubectl.status_object('I1 "Response Body" body=""') == {}


def test_a_refusal_in_one_line_of_the_structured_log() -> None:
    body = '{"kind":"Status","status":"Failure","message":"the \\"pod\\"","code":422}'
    said = f'I1 g.go:1] "Response Body" body={json.dumps(body)}\nError: no\n'
    assert kubectl.status_object(said)["message"] == 'the "pod"'


def test_a_manifest(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(
        "---\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\n",
        encoding="utf-8",
    )
    assert [item["kind"] for item in kubectl.check_manifest(path)] == ["Pod", "Service"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: b\n c: d\n", ":2: not valid YAML"),
        ("kind: Pod\n\tname: x\n", ":2: not valid YAML"),
        ("just words\n", ":1: not a Kubernetes object"),
        ("kind: Pod\nmetadata: {name: a}\n", ":1: the object is missing apiVersion"),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\n",
            ":5: the object is missing metadata.name",
        ),
        ("kind: Pod\nmetadata: {name: {{ name }}}\n", ":2: not valid YAML: found unhashable key"),
        ("kind: Pod\nspec: !none x\n", ":2: not valid YAML: could not determine"),
        (
            "kind: Pod\nspec: 2024-13-45\n",
            ":2: not valid YAML: '2024-13-45' is not a valid timestamp",
        ),
        ("kind: Pod\n---\nspec: {a: 1, a: 2}\n", ":3: not valid YAML: the key 'a' appears twice"),
        ("---\n", ": no Kubernetes object in this file"),
    ],
)
def test_a_manifest_that_is_none(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LabError) as caught:
        kubectl.check_manifest(path)
    assert caught.value.kind is Kind.INPUT
    assert caught.value.message.startswith(f"{path}{told}")


def test_a_manifest_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="can't be read: No such file"):
        kubectl.check_manifest(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("patience", "timeout", "options"),
    [
        (1, 60, []),
        (10, 60, ["--request-timeout=600s"]),
        (1.5, 5, ["--request-timeout=48s"]),
    ],
)
def test_it_waits_longer_on_a_slow_machine(
    patience: float, timeout: float, options: list[str]
) -> None:
    try:
        choose(patience)
        assert kubectl.patient(timeout) == options
    finally:
        choose(AUTO)
