"""The wrapper on real runs of ansible-playbook, with playbooks that touch nothing."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import psutil
import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common import refusals
from latihan.base import locks
from latihan.base.exits import Exit
from latihan.base.project import Project
from latihan.cli import main
from latihan.reports import report
from latihan.run import ansible
from latihan.run.model import RunModel
from tests.unit.latihan.reports.page.test_page import Reader

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")
SLEEP = b"sleep\x00600.25\x00"
DRIVER = """
import sys
from pathlib import Path
from latihan.cli import main
from latihan.base.project import Project
root, cache, state = map(Path, sys.argv[1:4])
sys.exit(main(sys.argv[4:], Project(root, cache, state)))
"""


# Tests of another checkout may run at the same time.
OWN = "OF_THESE_TESTS"


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a test starts is known by its environment."""
    monkeypatch.setenv(OWN, str(tmp_path))


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs ask for root, and these need none of its rights."""
    monkeypatch.setattr("os.geteuid", lambda: 0)


# A removal takes control groups away by the profile's name, so it must be none of a real lab.
PROFILE = "of-a-test"


def report_of(project: Project, profile: str = "latihan") -> Mapping[str, Any]:
    path = project.artifacts(profile) / "latest" / "report.json"
    document: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def test_a_run_in_which_all_holds(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    assert main(["holds", "-e", "greet_count=2"], project) == 0
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "holds (profile latihan, provider embedded)" in said
    assert "PASS P10  The largest packet passes | 1500" in said
    assert "SKIP P2   No way in | The provider has no host." in said
    assert "2 outcomes: 1 holds, 1 skipped" in said
    folder = project.artifacts("latihan") / "latest"
    assert {path.name for path in folder.iterdir()} == {
        "ansible.log",
        "junit.xml",
        "report.html",
        "report.json",
    }
    assert "hello | goodbye 2" in (folder / "ansible.log").read_text(encoding="utf-8")
    document = report_of(project)
    assert document["exit_code"] == 0
    assert document["command"] == "python3 runner.py holds -e greet_count=2"
    # Variables of one run are not those of the next.
    old = report.new_folder(project.artifacts("other"), "holds", datetime(2020, 1, 1, tzinfo=UTC))
    (old / report.LOG).touch()
    assert main(["holds", "--profile", "other", "-v"], replace(project, kept=1)) == 0
    assert not old.exists()
    said = capsys.readouterr().out
    assert "TASK [greet : Say hello]" in said
    assert "hello | goodbye 1" in said
    assert (project.artifacts("other") / "latest").exists()
    assert main(["report"], project) == 0
    said = capsys.readouterr().out
    assert "holds (profile latihan, provider embedded)" in said
    assert "PASS P10" in said


@pytest.mark.parametrize(
    ("playbook", "code", "said"),
    [
        ("does-not-hold", 1, "reason: The selector misses p3."),
        ("greets-badly", 2, "greet_count"),
        ("no-such-role", 2, "the role 'nowhere' was not found"),
    ],
)
def test_exit_codes(
    project: Project, capsys: pytest.CaptureFixture[str], playbook: str, code: int, said: str
) -> None:
    assert main([playbook], project) == code
    out = capsys.readouterr().out
    assert said in out
    assert f"Again:  python3 runner.py {playbook}" in out
    assert report_of(project)["exit_code"] == code


def test_what_a_hostile_pod_says_is_shown_and_not_obeyed_and_secrets_are_not_kept(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", "HUSH")
    assert main(["hostile", "-vvv", "-e", "greet_token=HUSH"], project) == 4
    said = capsys.readouterr().out
    kept = {
        path.name: path.read_text(encoding="utf-8")
        for path in project.artifacts("latihan").rglob("*")
        if path.is_file()
    }
    for name, text in {"the terminal": said, **kept}.items():
        assert not OBEYED.findall(text), name
        assert "HUSH" not in text, name
    assert "greet_token=***" in said
    assert r"\x1b[2J" in said
    assert "[red]x[/] [/y]" in said
    assert {"ansible.log", "junit.xml", "report.html", "report.json"} <= kept.keys()
    page = Reader(kept["report.html"])
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img"})
    assert not any(name.startswith("on") for _, names in page.tags for name in names)
    assert kept["report.html"].count("<style>") == 1
    assert page.words.count("<script>alert(1)</script>") > 10
    cases = [case.get("name", "") for case in ET.fromstring(kept["junit.xml"]).iter("testcase")]
    assert sum("<script>" in name for name in cases) == 3


def test_check_and_limit_reach_ansible(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    # Otherwise it would wait for ten minutes.
    assert main(["waits", "--check"], project) == 0
    assert main(["fails", "--limit", "nobody"], project) == 2
    assert "nobody" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        # The role's variables are looked at whatever the tags.
        (["holds", "--tags", "none,nor-this"], "no task has the tag 'none,nor-this'"),
        (["fails", "--skip-tags", "all"], "no task is left"),
    ],
)
def test_a_run_of_nothing_proves_nothing(
    project: Project, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(arguments, project) == 2
    assert f"Nothing was run: {said}." in capsys.readouterr().out
    assert report_of(project)["exit_code"] == 2


def test_an_interrupted_run_leaves_nothing_running(project: Project) -> None:
    for profile in (PROFILE, f"{PROFILE}-c4", f"{PROFILE}-2"):
        project.profile(profile).folder.mkdir(parents=True)
        project.contract(profile).write_text("{}", encoding="utf-8")
    argv = [sys.executable, "-c", DRIVER, *map(str, (project.root, project.cache, project.state))]
    argv += ["--profile", PROFILE, "waits"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as program:
        assert wait_for(sleepers)
        assert main(["--profile", PROFILE, "holds"], project) == 2  # the profile is in use
        program.send_signal(signal.SIGINT)
        said, _ = program.communicate(timeout=30)
    assert program.returncode == 130
    assert "Interrupted" in said
    assert report_of(project, PROFILE)["exit_code"] == 130
    assert wait_for(lambda: not sleepers())
    # The second lab never stays; others do.
    assert {path.name for path in project.state.iterdir()} == {PROFILE, f"{PROFILE}-2"}
    with locks.lock_profile(project.cache / "locks", PROFILE, "the lock is free again"):
        pass


def test_a_report_that_can_not_be_written(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(RunModel, "exit_code", lambda *_: Exit.HOLDS)
    ended(monkeypatch, 0)
    assert main(["holds"], project) == 3
    said = capsys.readouterr().out
    assert "There is no report of this run. No space is left on a disk" in said
    assert "report.json" not in said
    (folder,) = project.artifacts("latihan").iterdir()
    assert [path.name for path in folder.iterdir()] == ["ansible.log"]


@pytest.mark.parametrize(
    ("returned", "printed", "kills", "code", "said"),
    [
        (-9, "", 0, 4, "`ansible-playbook` was ended by SIGKILL"),
        (-9, "", 1, 3, "The machine is out of memory: `ansible-playbook` was ended by the kernel"),
        (1, "[ERROR]: A worker was found in a dead state", 1, 3, "The machine is out of memory"),
        (250, "Unexpected Exception, this is probably a bug", 0, 4, "Ansible itself failed: see"),
        (1, "OSError: [Errno 28] No space left on device", 0, 3, "No space is left on a disk"),
    ],
)
def test_what_ansible_itself_died_of(
    *,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    returned: int,
    printed: str,
    kills: int,
    code: int,
    said: str,
) -> None:
    counts = iter([0, kills])
    monkeypatch.setattr(refusals, "out_of_memory_kills", lambda: next(counts))
    ended(monkeypatch, returned, printed)
    assert main(["holds"], project) == code
    assert said in capsys.readouterr().out


def ended(monkeypatch: pytest.MonkeyPatch, returned: int, printed: str = "") -> None:
    """Let Ansible end at once."""

    def run(
        _project: Project, _request: object, on_event: Any, **_callbacks: object
    ) -> ansible.Ended:
        on_event({"event": "verbose", "stdout": printed})
        return ansible.Ended(returned, interrupted=False)

    monkeypatch.setattr(ansible, "run", run)


def killed(project: Project, temporary: Path, *, with_guard: bool) -> None:
    """Kill a run that waits: its own process, and that which would end what it started."""
    argv = [sys.executable, "-c", DRIVER, *map(str, (project.root, project.cache, project.state))]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen([*argv, "waits"], stdout=subprocess.DEVNULL, env=environment) as program:
        try:
            assert wait_for(sleepers)
            children = psutil.Process(program.pid).children()
            if with_guard:
                next(each for each in children if "latihan.run.guard" in each.cmdline()).kill()
        finally:
            program.kill()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_killed_run_takes_along_what_it_started(project: Project, temporary: Path) -> None:
    killed(project, temporary, with_guard=False)
    assert wait_for(lambda: not sleepers())
    assert wait_for(lambda: not list(temporary.iterdir()))


def test_the_next_run_ends_what_a_killed_one_left(
    project: Project, temporary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed(project, temporary, with_guard=True)
    # A lab of the same name elsewhere is another lab.
    elsewhere = replace(project, cache=temporary.parent / "c", state=temporary.parent / "s")
    assert main(["holds"], elsewhere) == 0
    assert sleepers()
    assert list(temporary.iterdir())
    assert main(["holds"], project) == 0
    assert "An earlier run was still working on this lab" in capsys.readouterr().out
    assert not sleepers()
    assert not list(temporary.iterdir())


def test_a_closed_terminal_leaves_nothing_half_made(project: Project) -> None:
    project.profile(PROFILE).folder.mkdir(parents=True)
    argv = [sys.executable, "-c", DRIVER, *map(str, (project.root, project.cache, project.state))]
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [*argv, "--profile", PROFILE, "waits"])
    assert wait_for(sleepers)
    # The kernel sends SIGHUP, and from now on every write to the terminal fails.
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 130
    assert not project.state.exists()
    assert report_of(project, PROFILE)["exit_code"] == 130
    assert wait_for(lambda: not sleepers())


def test_a_run_outlives_whoever_reads_its_output(project: Project) -> None:
    argv = [sys.executable, "-c", DRIVER, *map(str, (project.root, project.cache, project.state))]
    with subprocess.Popen(
        [*argv, "does-not-hold"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline().startswith("does-not-hold")
        program.stdout.close()
        assert program.stderr is not None
        assert program.stderr.read() == ""
    assert program.returncode == 1
    assert report_of(project)["exit_code"] == 1


def test_a_failed_step_on_an_old_terminal(project: Project) -> None:
    """Its encoding has no cross: there is a question mark instead."""
    argv = [sys.executable, "-c", DRIVER, *map(str, (project.root, project.cache, project.state))]
    done = subprocess.run(
        [*argv, "fails"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 4
    assert "? Copy several failed" in done.stdout
    assert "/playbooks/fails.yml:6" in done.stdout
    assert "Again:  python3 runner.py fails" in done.stdout
    assert report_of(project)["exit_code"] == 4


def wait_for(condition: Any, seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return bool(condition())


def sleepers() -> list[int]:
    """The processes that the playbook ``waits`` of this test starts."""
    found = []
    own = f"{OWN}={os.environ[OWN]}".encode()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                environment = (folder / "environ").read_bytes().split(b"\0")
                if (folder / "cmdline").read_bytes() == SLEEP and own in environment:
                    found.append(int(folder.name))
            except OSError:
                continue
    return found
