#!/usr/bin/env python3
# PYTHON_ARGCOMPLETE_OK
"""The way into the lab: makes the virtual environment it needs, then hands over to ``latihan``.

With ``--container`` it runs itself in a container instead.

Standard library only, since it runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
# The lab's container has its own environment beside the one of the machine, for the same project.
VENV = Path(os.environ.get("LATIHAN_VENV") or ROOT / ".venv")
PYTHON = VENV / "bin" / "python"
# What `runner.py bundle` adds to the project, for a machine that reaches nothing.
BUNDLE = ROOT / "bundle" / "bundle.json"
OLDEST = (3, 11)
OLDEST_OUTSIDE = (3, 9)  # Outside of the lab's container; macOS has it.
# The commands `test` and `docs` install the second of these when they are used.
REQUIREMENTS = ["requirements.txt"]
TEST_REQUIREMENTS = [*REQUIREMENTS, "requirements-dev.txt"]
KEPT_FROM_OTHERS = 0o022
MACHINE = 3
INTERRUPTED = 130
CONTAINER = "--container"
COMPLETES = "_ARGCOMPLETE"  # A shell that asks what may come next sets it.
WITH_VALUE = ("--profile", "--provider")  # The other options that may stand before a name.
# Python compiles what it uses; pip would compile all of it, for 15 seconds.
QUIETLY = ("--quiet", "--no-input", "--no-compile", "--disable-pip-version-check")
FREE = f"Free some space: .venv, in {ROOT}, needs half a GiB, and TMPDIR too."
PATH_LINE = (
    "import os, sys; own = os.path.join(sys.prefix, 'bin'); "
    "path = os.environ.get('PATH', os.defpath); "
    "os.environ['PATH'] = path if own in path.split(os.pathsep) else own + os.pathsep + path"
)

# While Ansible loads, Python looks for garbage often and finds next to none, and at its end once
# more in all that is loaded. Together that is a fifth of what a start of Ansible takes.
GC_LINE = "import atexit, gc; gc.set_threshold(20_000, 20, 20); atexit.register(gc.freeze)"


class BootstrapError(Exception):
    """Something is missing on this machine; the text says what, and what to do."""


def main(arguments: list[str]) -> int:
    """Make the environment unless it is there, then become ``latihan`` in it.

    Args:
        arguments: the command line without the program's name.

    Returns:
        An exit code, only if the hand-over didn't happen.
    """
    if COMPLETES in os.environ:
        return complete()
    # Root runs what is made here, so nobody else may write to it.
    os.umask(os.umask(KEPT_FROM_OTHERS) | KEPT_FROM_OTHERS)
    try:
        need_ground()
        engine, options, command = split(arguments, os.environ)
        if engine is not None:
            return run_in_container(engine, options, command)
        need_python(sys.version_info[:2])
        open_bundle()
        prepare(REQUIREMENTS)
        become(arguments)
    except BootstrapError as error:
        print(f"runner.py: {error}", file=sys.stderr)
        return MACHINE
    except OSError as error:
        print(
            f"runner.py: {error.filename or VENV}: {error.strerror or error}. "
            "Run it as the user who made .venv (root, for a lab), on a disk with free space.",
            file=sys.stderr,
        )
        return MACHINE
    except KeyboardInterrupt:
        print("runner.py: interrupted; the next run starts this step afresh.", file=sys.stderr)
        return INTERRUPTED


def split(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[str | None, list[str], list[str]]:
    """The container engine to run a command line with, and the rest of the line.

    Args:
        arguments: the command line without the program's name.
        environment: its LATIHAN_CONTAINER is the engine, if the command line names none.

    Returns:
        The engine (None if none is asked for, empty if ``--container`` has no value), the options
        before the name of a playbook or command, and that name with what follows it.
    """
    engine = environment.get("LATIHAN_CONTAINER") or None
    left, before = list(arguments), list[str]()
    while left and left[0].startswith("-"):
        option, equals, value = left.pop(0).partition("=")
        if option == CONTAINER:
            engine = value if equals else "".join(left[:1])
            del left[: not equals]
        else:
            before.append(option + equals + value)
            if option in WITH_VALUE and not equals:
                before += left[:1]
                del left[:1]
    return engine, before, left


def open_bundle() -> None:
    """Put what a bundle brought where the lab looks for it; does nothing without one.

    Raises:
        BootstrapError: it is damaged, or there is no room for it.
    """
    if not BUNDLE.exists() or wheels():
        return
    held = json.loads(read(BUNDLE))
    cache = Path(os.environ.get("LATIHAN_CACHE") or "/var/cache/latihan")
    if not all((cache / each["folder"]).is_dir() for each in held["archives"]):
        say("Unpacking the bundle (once, about a minute) ...")
        program = ROOT / "roles" / "lab_machine" / "files" / "machine.py"
        run_or_fail(
            [sys.executable, "-P", str(program), "bundle", str(ROOT), str(cache)],
            "the bundle can't be unpacked",
        )
    os.environ["LATIHAN_WHEELS"] = str(cache / held["wheels"])


def wheels() -> str:
    """A folder with all Python packages, and pip itself; empty if they come from an index."""
    return os.environ.get("LATIHAN_WHEELS", "")


def run_in_container(engine: str, options: list[str], command: list[str]) -> int:
    """Run a command line in the project's container; returns its exit code."""
    need_python(sys.version_info[:2], OLDEST_OUTSIDE)
    # Few need it, and it must not delay the others.
    from latihan.container import engine as engines  # noqa: PLC0415
    from latihan.container import running  # noqa: PLC0415

    try:
        return running.run(ROOT, engine, options, command, os.environ)
    except engines.ContainerError as error:
        print(f"runner.py: {error}", file=sys.stderr)
        return error.code


def become(arguments: list[str]) -> NoReturn:
    """Hand over to ``latihan``; BootstrapError if this user may not run its Python."""
    # With -P no file of the folder that this is run in is imported by mistake.
    command = [str(PYTHON), "-P", "-m", "latihan", *arguments]
    try:
        os.execve(PYTHON, command, environment_for_latihan(os.environ))
    except OSError as error:
        raise BootstrapError(
            f"{PYTHON} can't be run: {error.strerror}. "
            "Run it as the user who made .venv (root, for a lab), or remove that folder."
        ) from error


def complete() -> int:
    """Say what may come next on a command line, if the environment is there; never make it.

    Returns:
        An exit code, only if there is nothing to say.
    """
    if all(map(is_done, REQUIREMENTS)):
        with contextlib.suppress(OSError):
            os.execv(PYTHON, [str(PYTHON), "-P", "-m", "latihan.completing"])
    return MACHINE


def environment_for_latihan(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for ``latihan`` and all that it starts.

    If Python must not write compiled modules beside the sources, they are kept in .venv: a run
    starts many Pythons, and each would compile a thousand modules of Ansible again.
    """
    handed = dict(environment)
    if handed.pop("PYTHONDONTWRITEBYTECODE", ""):
        handed.setdefault("PYTHONPYCACHEPREFIX", str(VENV / "pycache"))
    return handed


def need_ground() -> None:
    """Give a program that was started without them its three streams and a working folder.

    A file that is opened while a stream is closed gets the stream's number, and all that is printed
    then goes into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    try:
        Path.cwd()
    except FileNotFoundError:  # Somebody deleted it.
        os.chdir("/")


def need_python(version: tuple[int, ...], oldest: tuple[int, ...] = OLDEST) -> None:
    """Refuse a Python that is too old for the lab; BootstrapError names the one it needs."""
    if version < oldest:
        needed, found = (".".join(map(str, each)) for each in (oldest, version))
        raise BootstrapError(
            f"this is Python {found}, and the lab needs {needed} or newer. "
            "Install one (Debian 12 has 3.11) and run it with that."
        )


def prepare(files: list[str]) -> None:
    """Bring the virtual environment up to date; does nothing if it is.

    Raises:
        BootstrapError: it can't be made on this machine.
    """
    missing = [name for name in files if not is_done(name)]
    if not missing:
        return
    with one_at_a_time():
        if not (PYTHON.exists() and read(stamp("python")) == identity()):
            create()
        for name in (name for name in missing if not is_done(name)):
            install(name)


def is_done(name: str) -> bool:
    """Whether the environment holds what this requirement file says now."""
    return read(stamp(name)) == digest(name) and read(stamp("python")) == identity()


def digest(name: str) -> str:
    """What the stamp of a requirement file holds once it is installed."""
    return hashlib.sha256((ROOT / name).read_bytes()).hexdigest()


def identity() -> str:
    """The Python and the place that a virtual environment is bound to."""
    return f"{sys.version_info[0]}.{sys.version_info[1]} {ROOT}"


def stamp(name: str) -> Path:
    """The file that says what is installed; written last, so an interrupted start is redone."""
    return VENV / f"latihan-{name}.stamp"


def read(path: Path) -> str:
    """A small file's text; empty if it isn't there."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold the project's folder, so that two first starts don't make one environment together."""
    import fcntl  # noqa: PLC0415 - Windows has none, and runs nothing but the lab's container

    handle = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another runner.py that is preparing .venv ...")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def create() -> None:
    """Make an empty virtual environment, in place of an unusable one."""
    if not wheels():
        need_ensurepip()
    say("Preparing a Python environment in .venv (once, about a minute) ...")
    shutil.rmtree(VENV, ignore_errors=True)
    run_or_fail(
        [sys.executable, "-P", "-m", "venv", *(["--without-pip"] if wheels() else []), str(VENV)],
        "the virtual environment can't be made",
        "The project must be in a folder that you may write to, on a disk with free space.",
    )
    # The packages of the project are found from any folder, by any program of the environment.
    site = next(VENV.glob("lib/python*/site-packages"))
    (site / "latihan.pth").write_text(f"{ROOT}\n{ROOT / 'collections'}\n", encoding="utf-8")
    # Molecule and its like call their neighbours by name: so they need no activation.
    (site / "latihan_path.pth").write_text(f"{PATH_LINE}\n", encoding="utf-8")
    (site / "latihan_gc.pth").write_text(f"{GC_LINE}\n", encoding="utf-8")
    stamp("python").write_text(identity(), encoding="utf-8")


def install(name: str) -> None:
    """Install one requirement file and leave its stamp."""
    say(f"Installing the Python packages of {name} ...")
    stamp(name).unlink(missing_ok=True)
    run_or_fail(
        [str(PYTHON), *pip(), *QUIETLY, "-r", str(ROOT / name)],
        f"the Python packages of {name} can't be installed",
        "Check the network and pip's settings (`pip config list`), then run it again.",
    )
    stamp(name).write_text(digest(name), encoding="utf-8")


def pip() -> list[str]:
    """What makes a Python install packages: from the index, or from a folder of wheels."""
    folder = wheels()
    if not folder:
        return ["-P", "-m", "pip", "install"]
    found = sorted(Path(folder).glob("pip-*.whl"))
    if not found:
        raise BootstrapError(
            f"LATIHAN_WHEELS is {folder}, and has no wheel of pip. "
            "Unset it, or name a folder with all Python packages."
        )
    return [f"{found[-1]}/pip", "install", "--no-index", f"--find-links={folder}"]


def need_ensurepip() -> None:
    """Debian keeps what ``venv`` needs in a package of its own: install it if possible.

    Raises:
        BootstrapError: it isn't there, and it can't be installed.
    """
    if has_ensurepip():
        return
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise BootstrapError(
            f"Python can't make virtual environments here. Install the package {package} "
            f"(`apt-get install {package}`, as root), then run it again."
        )
    say(f"Installing the package {package} with apt-get ...")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install_it = [apt, "install", "-y", "-qq", "--no-install-recommends", package]
    # A machine that was just installed has no package lists yet.
    if run(install_it, environment).returncode != 0:
        run([apt, "update", "-qq"], environment)
        done = run(install_it, environment)
        if done.returncode != 0:
            raise BootstrapError(
                f"apt-get can't install {package}: {last_line(done)} "
                "Install it by hand, then run it again."
            )
    if not has_ensurepip():
        raise BootstrapError(
            f"{package} is installed, but {sys.executable} still can't make virtual environments. "
            "Use the system's Python: `/usr/bin/python3 runner.py`."
        )


def has_ensurepip() -> bool:
    """Whether this Python can put pip into a new virtual environment."""
    return run([sys.executable, "-P", "-c", "import ensurepip, venv"]).returncode == 0


def run_or_fail(argv: list[str], trouble: str, hint: str = "") -> None:
    """Run a program quietly; BootstrapError with its last words if it fails."""
    done = run(argv)
    if done.returncode != 0:
        full = os.strerror(errno.ENOSPC) in done.stdout + done.stderr
        raise BootstrapError(f"{trouble}: {last_line(done)} {FREE if full else hint}".strip())


def run(
    argv: list[str], environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and keep what it printed."""
    return subprocess.run(
        argv, capture_output=True, text=True, errors="replace", check=False, env=environment
    )


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """The line in which a program said why it failed, ending with a full stop."""
    lines = [line.strip() for line in (done.stdout + "\n" + done.stderr).splitlines()]
    said = [line for line in lines if line]
    errors = [line for line in said if line.upper().startswith(("ERROR", "E:"))]
    line = (errors or said or [f"it ended with {done.returncode}"])[-1]
    return line if line.endswith(".") else line + "."


def say(text: str) -> None:
    """One line for the person who waits; on stderr, so that a command's output stays clean."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
