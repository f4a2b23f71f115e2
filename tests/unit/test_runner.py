"""runner.py: what it needs, and that an interrupted start is done again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

import runner
from latihan import cli
from latihan.base.project import Project, from_environment
from latihan.commands import test
from tests.places import ROOT

Commands = list[list[str]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose environment isn't made yet."""
    for name in ("requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).write_text(f"# {name}\n", encoding="utf-8")
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    monkeypatch.setattr(runner, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(runner, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    return tmp_path


@pytest.fixture
def commands(place: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """What would be run; a virtual environment is just its folders."""
    run: Commands = []

    def pretend(
        argv: list[str], environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        run.append(argv)
        if "venv" in argv:
            (place / ".venv" / "bin").mkdir(parents=True)
            (place / ".venv" / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
            (place / ".venv" / "bin" / "python").touch()
        return subprocess.CompletedProcess(argv, 0, "", "")

    monkeypatch.setattr(runner, "run", pretend)
    return run


def made(commands: Commands) -> list[str]:
    """The commands in short: venv, or the requirement file that was installed."""
    return [Path(argv[-1]).name for argv in commands if "-c" not in argv]


@pytest.mark.parametrize("version", [(3, 10), (2, 7)])
def test_an_old_python_is_refused(version: tuple[int, int]) -> None:
    with pytest.raises(runner.BootstrapError, match=r"needs 3\.11 or newer"):
        runner.need_python(version)
    runner.need_python((3, 11))
    runner.need_python((3, 14))


@pytest.mark.parametrize(
    ("line", "engine", "before", "rest"),
    [
        ("full-lab -v", None, "", "full-lab -v"),
        ("--container docker full-lab", "docker", "", "full-lab"),
        ("--profile x --container=podman stop", "podman", "--profile x", "stop"),
        ("--container docker --profile --container y", "docker", "--profile --container", "y"),
        ("kubectl --container docker", None, "", "kubectl --container docker"),
        ("--container", "", "", ""),
        ("--help", None, "--help", ""),
    ],
)
def test_the_engine_stands_before_the_name(
    line: str, engine: str | None, before: str, rest: str
) -> None:
    assert runner.split(line.split(), {}) == (engine, before.split(), rest.split())
    by_environment = runner.split(line.split(), {"LATIHAN_CONTAINER": "podman"})
    assert by_environment[0] == ("podman" if engine is None else engine)


def test_outside_of_the_container_nothing_is_installed(
    commands: Commands, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert runner.main(["--container", "lxc", "list"]) == 2
    assert capsys.readouterr().err.startswith("runner.py: There is no container engine 'lxc'")
    monkeypatch.setenv("LATIHAN_CONTAINER", "docker")
    monkeypatch.setenv("PATH", "")
    assert runner.main(["list"]) == 3
    assert "no program docker in the PATH" in capsys.readouterr().err
    assert commands == []


def shelled(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A shell's script, in a folder; ``$@`` is the command line of runner.py."""
    argv = ["sh", "-c", script, "sh", sys.executable, str(ROOT / "runner.py")]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)


def test_it_does_not_matter_what_is_in_the_working_folder(tmp_path: Path) -> None:
    """``python -m`` would import from there, such as another checkout."""
    for name in ("latihan.py", "json.py", "rich.py"):
        (tmp_path / name).write_text("raise SystemExit('not that one')\n", encoding="utf-8")
    done = shelled('exec "$@" list', tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "full-lab" in done.stdout


@pytest.mark.parametrize(("mask", "then"), [(0o000, 0o022), (0o027, 0o027), (0o077, 0o077)])
def test_nobody_else_may_write_what_is_made(
    monkeypatch: pytest.MonkeyPatch, mask: int, then: int
) -> None:
    seen: list[int] = []
    monkeypatch.setattr(runner, "prepare", lambda _: seen.append(os.umask(0o077)))
    monkeypatch.setattr(runner, "become", lambda _: None)
    before = os.umask(mask)
    try:
        runner.main([])
    finally:
        os.umask(before)
    assert seen == [then]


def test_neither_the_streams_nor_the_working_folder_need_to_be_there(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    script = f'cd {tmp_path}/gone; rmdir ../gone; "$@" report never >&- <&-; echo $?'
    done = shelled(script, tmp_path)
    assert done.stdout == "2\n", done.stderr
    assert "There is no run 'never'" in done.stderr


def test_a_home_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    done = shelled('HOME=/dev/null exec "$@" report never', tmp_path)
    assert done.returncode == 3
    first, hint = done.stderr.strip().splitlines()
    assert first.startswith("runner.py: Unable to create local directories '/dev/null/.ansible")
    assert "ANSIBLE_HOME" in hint


def test_only_tests_need_the_tools(
    place: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "become", lambda arguments: None)
    runner.main(["kubectl", "test"])
    runner.main(["test"])
    assert made(commands) == [".venv", "requirements.txt"]
    became: Commands = []

    def become(argv: list[str]) -> int:
        became.append(argv)
        return 0

    monkeypatch.setattr(test, "become", become)
    monkeypatch.chdir(place)
    (place / "inventory").mkdir()
    (place / "inventory" / "embedded.yml").touch()
    assert cli.main(["--profile", "x", "test", "unit"], Project(place, place, place)) == 0
    assert made(commands) == [".venv", "requirements.txt", "requirements-dev.txt"]
    assert [argv[1:] for argv in became] == [["-m", "pytest", "-v", "tests/unit"]]


def test_tools_that_can_not_be_installed(
    place: Path,
    commands: Commands,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    runner.prepare(["requirements.txt"])
    monkeypatch.setattr(runner, "run", failing("ERROR: No matching distribution found for x==1"))
    assert cli.main(["test"], from_environment({})) == 3
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("runner.py: the Python packages of requirements-dev.txt can't be")


def test_an_environment_that_this_user_may_not_run(
    place: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its Python is a file here that nobody may execute."""
    assert runner.main(["list"]) == 3
    assert "can't be run: Permission denied" in capsys.readouterr().err


def test_an_environment_that_can_not_be_changed(
    place: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    stamp = runner.stamp("requirements.txt")
    stamp.mkdir(parents=True)  # So it can't be unlinked, even by root.
    runner.stamp("python").write_text(runner.identity(), encoding="utf-8")
    runner.PYTHON.parent.mkdir()
    runner.PYTHON.touch()
    assert runner.main(["list"]) == 3
    printed = capsys.readouterr().err.strip().splitlines()[-1]
    assert printed.startswith(
        f"runner.py: {stamp}: Is a directory. Run it as the user who made .venv"
    )


@pytest.mark.parametrize(
    ("said", "handed"),
    [
        ({}, {}),
        ({"PYTHONDONTWRITEBYTECODE": ""}, {}),
        ({"PYTHONDONTWRITEBYTECODE": "1"}, {"PYTHONPYCACHEPREFIX": ".venv/pycache"}),
        (
            {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": "/mine"},
            {"PYTHONPYCACHEPREFIX": "/mine"},
        ),
    ],
)
def test_modules_are_compiled_once(
    said: dict[str, str], handed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "VENV", Path(".venv"))
    assert runner.environment_for_latihan({"A": "b", **said}) == {"A": "b", **handed}


def test_the_environment_is_made_once(place: Path, commands: Commands) -> None:
    runner.prepare(["requirements.txt"])
    assert made(commands) == [".venv", "requirements.txt"]
    site = place / ".venv" / "lib" / "python3.11" / "site-packages"
    paths = (site / "latihan.pth").read_text(encoding="utf-8").splitlines()
    assert paths == [str(place), str(place / "collections")]
    assert (site / "latihan_path.pth").read_text(encoding="utf-8") == f"{runner.PATH_LINE}\n"
    assert (site / "latihan_gc.pth").read_text(encoding="utf-8") == f"{runner.GC_LINE}\n"
    runner.prepare(["requirements.txt"])
    assert made(commands) == [".venv", "requirements.txt"]
    runner.prepare(["requirements.txt", "requirements-dev.txt"])
    assert made(commands) == [".venv", "requirements.txt", "requirements-dev.txt"]


def test_the_environments_programs_find_each_other() -> None:
    look = f"{runner.PATH_LINE}; print(path, os.environ['PATH'], sep='\\n')"
    for path in ("/usr/bin", f"/usr/bin:{sys.prefix}/bin"):
        argv = [sys.executable, "-c", look]
        done = subprocess.run(argv, env={"PATH": path}, capture_output=True, text=True, check=True)
        _before, after = done.stdout.splitlines()
        assert f"{sys.prefix}/bin" in after.split(":")
        assert after.count(f"{sys.prefix}/bin") == 1


def test_no_garbage_is_looked_for_at_the_end() -> None:
    # What is registered last is called first.
    say = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 0))"
    argv = [sys.executable, "-S", "-c", f"{say}; {runner.GC_LINE}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_new_requirements_are_installed(place: Path, commands: Commands) -> None:
    runner.prepare(["requirements.txt"])
    (place / "requirements.txt").write_text("# new\n", encoding="utf-8")
    runner.prepare(["requirements.txt"])
    assert made(commands) == [".venv", "requirements.txt", "requirements.txt"]


def test_another_python_or_a_moved_project_starts_afresh(place: Path, commands: Commands) -> None:
    runner.prepare(["requirements.txt"])
    runner.stamp("python").write_text("3.10 /elsewhere", encoding="utf-8")
    runner.prepare(["requirements.txt"])
    assert made(commands) == [".venv", "requirements.txt"] * 2


@pytest.mark.parametrize("broken_at", ["venv", "requirements.txt"])
def test_an_interrupted_start_is_done_again(
    place: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch, broken_at: str
) -> None:
    good = runner.run

    def interrupted(
        argv: list[str], environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = good(argv, environment)
        if argv[-1].endswith(broken_at):
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(runner, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runner.prepare(["requirements.txt"])
    assert not runner.is_done("requirements.txt")
    monkeypatch.setattr(runner, "run", good)
    runner.prepare(["requirements.txt"])
    assert runner.is_done("requirements.txt")
    assert made(commands)[-1] == "requirements.txt"


def test_two_starts_at_once_make_one_environment(place: Path, commands: Commands) -> None:
    threads = [
        threading.Thread(target=runner.prepare, args=(["requirements.txt"],)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made(commands) == [".venv", "requirements.txt"]


def failing(said: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    return lambda argv, environment=None: subprocess.CompletedProcess(argv, 1, "", said)


def test_a_failure_is_one_line_with_its_reason(
    place: Path,
    commands: Commands,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    runner.prepare(["requirements.txt"])
    runner.stamp("requirements.txt").unlink()
    said = "WARNING: retrying\nERROR: No matching distribution found for x==1\n"
    monkeypatch.setattr(runner, "run", failing(said))
    assert runner.main(["list"]) == 3
    lines = capsys.readouterr().err.strip().splitlines()
    assert len([line for line in lines if line.startswith("runner.py:")]) == 1
    assert "No matching distribution found for x==1. Check the network" in lines[-1]


def test_without_ensurepip_the_package_is_named(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    monkeypatch.setattr(runner, "run", failing("E: Unable to locate package"))
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(runner.BootstrapError, match=f"apt-get install {package}"):
        runner.need_ensurepip()
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/apt-get")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(runner.BootstrapError, match="Unable to locate package"):
        runner.need_ensurepip()


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and line[0] not in "#-")


def test_everything_installed_is_pinned_and_nothing_else() -> None:
    run, dev = pins("requirements.txt"), pins("requirements-dev.txt")
    assert not run.keys() & dev.keys()
    known = {name.lower().replace("-", "_"): version for name, version in (run | dev).items()}
    installed = {
        each.metadata["Name"].lower().replace("-", "_"): each.version
        for each in metadata.distributions()
    }
    for bootstrap in ("pip", "setuptools"):
        installed.pop(bootstrap, None)
    assert installed == known
