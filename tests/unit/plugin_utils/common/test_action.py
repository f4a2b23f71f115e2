"""The options of the action plugins are what their documentation says, fragments included."""

from __future__ import annotations

import ast
import gc
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader, test_loader
from ansible.template import Templar, trust_as_template

from ansible_collections.latihan.lab.plugins.action import info, wait
from ansible_collections.latihan.lab.plugins.plugin_utils.common import action
from tests.places import ROOT

RUNTIME = ROOT / "meta" / "runtime.yml"
LIVE = yaml.safe_load(RUNTIME.read_text(encoding="utf-8"))["action_groups"]["live"]
PLUGINS = ROOT / "plugins"
PACKAGE = "ansible_collections.latihan.lab.plugins."
ACTIONS = sorted(path.stem for path in PLUGINS.glob("action/*.py"))
# Ansible and the package kubernetes need these themselves.
BROUGHT = {"ansible", "ansible_collections", "jinja2", "yaml", "urllib3"}


@pytest.mark.parametrize("name", LIVE)
def test_all_that_work_on_a_live_lab_take_the_same_options(name: str) -> None:
    options = action.options(name)
    assert options["contract"] == {"type": "path"}
    assert options["namespace"] == {"type": "str"}


def test_an_action_has_its_own_options_too() -> None:
    assert action.options("wait")["until"] == {"type": "list", "elements": "str", "required": True}
    assert "namespace" not in action.options("cluster")


def test_a_plugin_that_is_loaded_has_what_its_tasks_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, f"{PACKAGE}action.info")
    read = (action.options, action.lab_defaults)
    for each in read:
        each.cache_clear()
    importlib.import_module(f"{PACKAGE}action.info")
    assert "namespace" in action.options("info")
    assert action.lab_defaults()
    assert [(each.cache_info().misses, each.cache_info().hits) for each in read] == [(1, 1)] * 2


def test_a_plugin_that_is_loaded_has_loaded_the_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, f"{PACKAGE}action.info")
    loaders = (filter_loader, test_loader)
    for each in loaders:
        monkeypatch.setattr(each, "_cached_non_collection_wrappers", {})
    importlib.import_module(f"{PACKAGE}action.info")
    assert all(each._cached_non_collection_wrappers for each in loaders)


def test_a_plugin_that_is_loaded_is_no_garbage() -> None:
    gc.unfreeze()
    importlib.reload(info)
    assert gc.get_freeze_count() > 0


def test_modules_below_the_plugins_keep_what_python_compiles() -> None:
    """Ansible's importer would compile them in each process."""
    script = f"""
from importlib import import_module
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader()
found = import_module("{PACKAGE}plugin_utils.common.errors")
print(type(found.__loader__).__name__, found.__cached__.endswith(".pyc"))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["SourceFileLoader", "True"]


def lab_of(given: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
    """The contract and the namespace that a task comes to."""
    plugin = object.__new__(info.ActionModule)
    plugin._task = SimpleNamespace(args=given)
    plugin._templar = Templar(DataLoader(), variables)
    plugin.task_vars = variables
    return {**given, **plugin._of_the_lab("info")}


@pytest.mark.parametrize(
    ("given", "variables", "contract", "namespace"),
    [
        ({}, {}, "/state/latihan/contract.json", "default"),
        ({}, {"lab_profile": "other"}, "/state/other/contract.json", "default"),
        ({}, {"lab_state": "/s", "lab_namespace": "shop"}, "/s/latihan/contract.json", "shop"),
        ({"namespace": "mine"}, {"lab_namespace": "shop"}, "/state/latihan/contract.json", "mine"),
        ({"namespace": ""}, {"lab_contract": "/c.json"}, "/c.json", ""),
        ({"contract": None}, {"lab_contract": "/c.json"}, "/c.json", "default"),
    ],
)
def test_the_lab_is_the_tasks_else_the_variables_else_the_default(
    given: dict[str, Any],
    variables: dict[str, Any],
    contract: str,
    namespace: str,
) -> None:
    assert lab_of(given, {"lab_state": "/state", **variables}) == {
        "contract": contract,
        "namespace": namespace,
    }


def test_variables_of_the_lab_may_be_templates() -> None:
    variables = {"scenario": "endpoints", "lab_namespace": trust_as_template("{{ scenario }}-1")}
    assert lab_of({"contract": "/c.json"}, variables)["namespace"] == "endpoints-1"


def test_a_query_hands_over_nothing_in_check_mode() -> None:
    plugin = object.__new__(wait.ActionModule)
    plugin._task = SimpleNamespace(check_mode=True)
    result = plugin.execute({"until": ["pods.p1.ready"], "query": {"uid": "pods.p1.uid"}})
    assert result["answers"] == {"uid": None}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{each.name}" for each in node.names)


def needed(path: Path, seen: set[Path]) -> set[str]:
    """The packages that a module of the collection needs, with all that it imports."""
    if path in seen:
        return set()
    seen.add(path)
    found = set()
    for name in imported(path):
        if name.startswith(PACKAGE):
            below = PLUGINS / name.removeprefix(PACKAGE).replace(".", "/")
            # Providers are imported by their names, when they are asked for.
            chosen = below.glob("*/provider.py") if below.name == "providers" else ()
            for file in (below.with_suffix(".py"), below / "__init__.py", *chosen):
                found |= needed(file, seen) if file.exists() else set()
        else:
            found.add(name.partition(".")[0])
    return found - sys.stdlib_module_names - BROUGHT


@pytest.mark.parametrize("name", ACTIONS)
def test_a_module_says_which_packages_it_needs(name: str) -> None:
    source = ast.parse((PLUGINS / "modules" / f"{name}.py").read_text(encoding="utf-8"))
    (documentation,) = (
        ast.literal_eval(node.value)
        for node in source.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DOCUMENTATION"
    )
    said = set(yaml.safe_load(documentation).get("requirements", []))
    assert said == needed(PLUGINS / "action" / f"{name}.py", set())
