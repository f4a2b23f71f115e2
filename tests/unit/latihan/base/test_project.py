"""Which lab is meant: its profile, its provider, and the rights that it needs."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import Provider
from latihan.base.project import (
    DEFAULT_PROVIDER,
    Project,
    checked_lab,
    from_environment,
    need_root,
)


def provider(needs_root: str) -> Provider:
    return cast("Provider", SimpleNamespace(needs_root=needs_root))


@pytest.mark.parametrize("asked", [None, DEFAULT_PROVIDER])
def test_without_a_lab_it_is_the_provider_that_is_asked_for(
    project: Project, asked: str | None
) -> None:
    assert checked_lab(project, "latihan", asked).name == DEFAULT_PROVIDER


@pytest.mark.parametrize(
    ("profile", "asked", "message", "hint"),
    [
        (
            "Latihan",
            DEFAULT_PROVIDER,
            "'Latihan' can't be the name of a profile",
            "lowercase letters",
        ),
        ("latihan-c4", DEFAULT_PROVIDER, "is the second lab of the profile 'latihan'", "another"),
        ("latihan", DEFAULT_PROVIDER[:-1], "There is no provider", f"mean {DEFAULT_PROVIDER}?"),
        ("latihan", "zzz", "There is no provider 'zzz'", f"providers are: {DEFAULT_PROVIDER}"),
    ],
)
def test_a_wrong_lab_is_bad_input(
    project: Project, profile: str, asked: str, message: str, hint: str
) -> None:
    with pytest.raises(LabError) as caught:
        checked_lab(project, profile, asked)
    assert caught.value.kind is Kind.INPUT
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_second_lab_may_be_meant(project: Project) -> None:
    assert checked_lab(project, "latihan-c4", None, second=True).name == DEFAULT_PROVIDER


def test_a_lab_keeps_its_provider(project: Project) -> None:
    made: dict[str, Any] = {"provider": "another"}
    project.profile("latihan").folder.mkdir(parents=True)
    project.contract("latihan").write_text(json.dumps(made), encoding="utf-8")
    with pytest.raises(LabError, match="'latihan' is of the provider 'another'"):
        checked_lab(project, "latihan", DEFAULT_PROVIDER)


def test_only_who_needs_root_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    need_root(provider(""))
    with pytest.raises(LabError, match="This needs root: its nodes are namespaces") as caught:
        need_root(provider("its nodes are namespaces"))
    assert caught.value.kind is Kind.MACHINE
    monkeypatch.setattr("os.geteuid", lambda: 0)
    need_root(provider("its nodes are namespaces"))


@pytest.mark.parametrize(
    ("environment", "cache", "state"),
    [
        ({"HOME": "/home/u"}, "/home/u/.cache/latihan", "/home/u/.local/state/latihan"),
        (
            {"HOME": "/h", "XDG_CACHE_HOME": "/c", "XDG_STATE_HOME": "/s"},
            "/c/latihan",
            "/s/latihan",
        ),
        ({"HOME": "/h", "LATIHAN_CACHE": "/own", "LATIHAN_STATE": "/own2"}, "/own", "/own2"),
    ],
)
def test_the_folders_of_somebody_who_is_not_root(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], cache: str, state: str
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    project = from_environment(environment)
    assert (str(project.cache), str(project.state)) == (cache, state)
