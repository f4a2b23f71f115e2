"""No part of the lab knows a provider by its name, but the one place that chooses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from tests.places import ROOT

# Where the word may stand besides the provider's own files, and why.
EXCEPT = {
    "plugins/plugin_utils/providers/__init__.py": "names the default",
    "roles/lab/defaults/main.yml": "the default without an inventory",
    "roles/lab/meta/argument_specs.yml": "the same",
    "roles/cluster/meta/argument_specs.yml": "what may be chosen",
    "ansible.cfg": "names the inventory of a plain ansible-playbook",
    ".config/molecule/config.yml": "names the inventory of the scenarios",
}
# Names that are also words: they count where code names a provider.
_AS_A_PROVIDER = (
    r"providers?[./]{0}\b|provider\w*[:= ]+[\"']?{0}\b|inventory/{0}\b|[=!]= [\"']{0}\b"
)
_WORDS = {
    "existing": rf"[\"'`/.]{{0}}\b|{_AS_A_PROVIDER}",
    "kind": _AS_A_PROVIDER,  # of every object of Kubernetes
    "minikube": _AS_A_PROVIDER,  # whose ways, and name for the host, the lab has too
}
# Tests, examples and words for people may speak of a provider.
_LEFT_OUT = {".git", ".venv", "artifacts", "collections", "docs", "examples", "tests", "LICENSE"}
_CACHES = {"__pycache__", ".ansible", ".cache", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


def files(root: Path) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        if path.name in _CACHES or (root == ROOT and path.name in _LEFT_OUT):
            continue
        if path.is_dir():
            yield from files(path)
        elif path.suffix != ".md":
            yield path


def own(name: str) -> tuple[str, ...]:
    """Where a provider's own files are."""
    return (
        f"plugins/plugin_utils/providers/{name}/",
        f"roles/cluster/tasks/{name}.yml",
        f"inventory/{name}.yml",
    )


def named_in(root: Path, name: str) -> list[str]:
    """The files in which a provider's name stands and should not."""
    paths = ((path, path.relative_to(root).as_posix()) for path in files(root))
    return [
        where
        for path, where in paths
        if not where.startswith(own(name))
        and where not in EXCEPT
        and names(name, path.read_text(encoding="utf-8", errors="replace").lower())
    ]


def names(name: str, text: str) -> bool:
    """Whether a text names a provider."""
    if name not in _WORDS:
        return name in text
    return bool(re.search(_WORDS[name].format(name), text))


@pytest.mark.parametrize("name", providers.names())
def test_nobody_knows_a_provider_by_its_name(name: str) -> None:
    assert named_in(ROOT, name) == []


@pytest.mark.parametrize("where", EXCEPT)
def test_no_exception_is_out_of_date(where: str) -> None:
    assert providers.DEFAULT in (ROOT / where).read_text(encoding="utf-8")


def test_the_role_takes_each_provider() -> None:
    assert options("cluster")["cluster_provider"]["choices"] == list(providers.names())
    assert options("lab")["lab_provider"]["default"] == providers.DEFAULT


def options(role: str) -> dict[str, Any]:
    path = ROOT / "roles" / role / "meta" / "argument_specs.yml"
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
    found: dict[str, Any] = entries["main"]["options"]
    return found


@pytest.mark.parametrize("word", sorted(_WORDS))
def test_a_name_that_is_a_word_is_seen_where_code_names_it(word: str) -> None:
    for text in (
        "--provider {}",
        "lab_provider: {}",
        "providers.{}",
        "== '{}'",
        "inventory/{}.yml",
    ):
        assert names(word, text.format(word)), text
    assert not names(word, f"start the {word} one")


def test_a_name_in_the_wrong_place_is_seen(tmp_path: Path) -> None:
    for where in ("latihan/status.py", "inventory/a.yml", "a.md", "roles/cluster/tasks/a.yml"):
        (tmp_path / where).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / where).write_text("from providers.A import x", encoding="utf-8")
    assert named_in(tmp_path, "a") == ["latihan/status.py"]
