"""What a task takes over from whoever started it, and what it doesn't."""

from __future__ import annotations

import importlib
import json
import resource
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.action import ActionBase

from ansible_collections.latihan.lab.plugins.action import missing_packages
from ansible_collections.latihan.lab.plugins.plugin_utils.common import action, surroundings
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from tests.places import ROOT

ACTIONS = sorted(path.stem for path in (ROOT / "plugins" / "action").glob("*.py"))
FETCHING = {
    "images",
    "kubernetes",
    "kubernetes_tests",
    "machine_archives",
    "unpack_packages",
}
# What a program sees that is started by a process that has settled.
LOOK = f"""
import json, os, resource, sys
from {surroundings.__name__} import settle
settle(fetches=json.loads(sys.argv[1]))
print(json.dumps([os.umask(0), resource.getrlimit(resource.RLIMIT_NOFILE)[0], dict(os.environ)]))
"""
PROXIES = {"HTTPS_PROXY": "http://192.0.2.1:1", "all_proxy": "socks5://192.0.2.1:1"}


def settled(*, fetches: bool) -> tuple[int, int, dict[str, str]]:
    """Umask, limit of open files and environment in an unusual shell, after settling."""
    argv = [sys.executable, "-c", LOOK, json.dumps(fetches)]
    done = subprocess.run(
        ["/bin/sh", "-c", 'umask 077; ulimit -Sn 256; exec "$@"', "sh", *argv],
        env={"PATH": "/mine", "LC_ALL": "C", "HOME": "/nowhere", **PROXIES},
        capture_output=True,
        text=True,
        check=True,
    )
    umask, files, environment = json.loads(done.stdout)
    return umask, files, environment


def test_what_a_shell_hands_on_is_left_behind() -> None:
    umask, files, environment = settled(fetches=False)
    assert (umask, files) == (0o022, 1024)
    path = "/mine:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert environment.pop("PATH").endswith(path)
    del environment["PWD"]  # The shell's own.
    assert environment == {"LC_ALL": "C.UTF-8", "HOME": "/nowhere"}


def test_downloads_keep_the_proxies() -> None:
    _umask, _files, environment = settled(fetches=True)
    assert PROXIES.items() <= environment.items()


def test_a_path_is_added_to_but_stays_first() -> None:
    kept = surroundings.search_path(ROOT, inherited={"PATH": "/usr/bin::/x:/usr/bin"})
    assert kept == f"{ROOT}:/usr/bin:/x:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin"
    assert surroundings.search_path(inherited={}).startswith("/usr/local/sbin:")


class Limits:
    """A process whose hard limit of open files is 256; ``may`` says whether it may raise that."""

    RLIMIT_NOFILE = resource.RLIMIT_NOFILE

    def __init__(self, *, may: bool) -> None:
        self.may, self.now = may, (100, 256)

    def getrlimit(self, _which: int) -> tuple[int, int]:
        return self.now

    def setrlimit(self, _which: int, wanted: tuple[int, int]) -> None:
        if wanted[1] > self.now[1] and not self.may:
            raise ValueError("not allowed to raise maximum limit")
        self.now = wanted


def test_a_hard_limit_is_raised_if_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(may=True)
    monkeypatch.setattr(surroundings, "resource", limits)
    surroundings.need_open_files()
    assert limits.now == (1024, 1024)


def test_a_hard_limit_that_is_too_low_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(may=False)
    monkeypatch.setattr(surroundings, "resource", limits)
    with pytest.raises(LabError, match="Only 256 open files are allowed") as raised:
        surroundings.need_open_files()
    assert raised.value.kind is Kind.MACHINE
    assert "ulimit -n 1024" in raised.value.hint
    assert limits.now == (256, 256)


@pytest.mark.parametrize("name", ACTIONS)
def test_only_what_downloads_goes_through_a_proxy(name: str) -> None:
    module = importlib.import_module(f"ansible_collections.latihan.lab.plugins.action.{name}")
    assert module.ActionModule._fetches == (name in FETCHING)


def test_a_task_settles_before_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of settling is the task's, and its work isn't begun."""
    asked: list[bool] = []

    def settle(*, fetches: bool) -> None:
        asked.append(fetches)
        raise LabError("Too few.", "Raise it.", Kind.MACHINE)

    monkeypatch.setattr(action, "settle", settle)
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
    monkeypatch.delattr(missing_packages.ActionModule, "execute")
    plugin: Any = object.__new__(missing_packages.ActionModule)
    plugin._task = SimpleNamespace(args={"packages": ["curl"]})
    result = plugin.run()
    assert asked == [False]
    assert (result["failed"], result["msg"], result["latihan_error"]) == (
        True,
        "Too few.",
        "machine",
    )


def test_a_short_lived_program_collects_later_unless_told_otherwise() -> None:
    assert surroundings.short_lived({"HOME": "/x"}) == {"GOGC": "400", "HOME": "/x"}
    assert surroundings.short_lived({"GOGC": "50"}) == {"GOGC": "50"}
