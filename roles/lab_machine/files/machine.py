"""What runs on a lab machine for its controller: python3 machine.py PART ARGUMENTS, as root.

It prints one line of JSON. It needs Python 3.8 and its standard library alone, since it runs before
anything is there, and says so if the machine's Python is too old for the lab.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

# What the role keeps in the project's folder: how to undo it, and the run that is going on.
OWN = ".machine"
PYTHON = ".venv/bin/python"
KEPT = (OWN, ".venv", "artifacts")
# The kubelet makes it on the machine, and a teardown of the lab leaves it.
LEFT = Path("/usr/libexec/kubernetes")
COMMAND = Path("/usr/local/bin/latihan")
UNIT = Path("/etc/systemd/system/latihan.service")
SUDOERS = Path("/etc/sudoers.d/latihan")
SYSTEMD = Path("/run/systemd/system")
# The lab's processes have control groups of their own, so they are not the unit's. Its start has
# time limits of its own, and systemd none for a oneshot.
_UNIT = """\
[Unit]
Description=The networking lab (latihan)
After=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={command} --profile {profile} start
KillMode=process

[Install]
WantedBy=multi-user.target
"""
_HELD = re.compile(r"\b(\d+) outcomes? holds?\b")
_STEP = re.compile(r"^[✔✘] (?P<name>.*?)\s{2,}")
_RUNNER = "runner.py"
_POLL = 0.5
_STARTED = 19  # The field of proc(5)'s stat with the start, counted from the state.


def look(project: Path, cache: Path, *folders: str) -> dict[str, Any]:
    """The machine's system, Python, memory and disk, and which folders of the cache it lacks."""
    release = _release()
    version = release.get("VERSION_ID") or release.get("VERSION_CODENAME", "rolling")
    return {
        "id": release.get("ID", "linux"),
        "version": version,
        "codename": release.get("VERSION_CODENAME", ""),
        "processor": platform.machine(),
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "memory": _memory(),
        "disk": shutil.disk_usage(_existing(cache)).free,
        "project": _whole(project),
        "missing": [each for each in folders if not (cache / each).is_dir()],
        "systemd": SYSTEMD.is_dir(),
    }


def receive(cache: Path, folder: str, archive: str, digest: str) -> dict[str, Any]:
    """Unpack an archive that was sent into a folder of the cache, which is complete or missing."""
    sent, target = Path(archive), cache / folder
    try:
        _require(sent, digest)
        _fill(target, sent)
    finally:
        sent.unlink()
    return {"folder": str(target)}


def bundle(folder: Path, cache: Path) -> dict[str, Any]:
    """Put what a bundle brought into the cache, and install the packages that are missing."""
    held = json.loads(_read(folder / "bundle/bundle.json"))
    for each in held["archives"]:
        target = cache / each["folder"]
        if not target.is_dir():
            archive = folder / "bundle" / each["file"]
            _require(archive, each["sha256"])
            _fill(target, archive)
    (folder / OWN).mkdir(exist_ok=True)
    return install(folder, str(cache / held["repository"]), *held["packages"])


def project(folder: Path, archive: str, digest: str) -> dict[str, Any]:
    """Put the project there in place of an older one; its Python and its reports stay."""
    sent, stamp = Path(archive), folder / OWN / "project"
    _require(sent, digest)
    (folder / OWN).mkdir(parents=True, exist_ok=True)
    if not (folder / OWN / "noted").exists():
        _note(folder, left=[] if LEFT.exists() else [str(LEFT)])
    with contextlib.suppress(FileNotFoundError):
        stamp.unlink()
    for each in folder.iterdir():
        if each.name not in KEPT:
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each)
            else:
                each.unlink()
    _unpack(sent, folder)
    with tarfile.open(sent) as tar:
        files = {each.name: [each.size, int(each.mtime)] for each in tar if each.isreg()}
    sent.unlink()
    _write(stamp, json.dumps({"digest": digest, "files": files}), 0o644)
    return {"folder": str(folder)}


def install(folder: Path, repository: str, *packages: str) -> dict[str, Any]:
    """Install packages that are missing, from a folder of package files and from nowhere else.

    If the folder is empty, the machine's own sources are meant: then what Python needs to make an
    environment is installed too, so that it is noted like the others.
    """
    if not repository:
        packages = (*packages, f"python{sys.version_info[0]}.{sys.version_info[1]}-venv")
    before = _installed()
    missing = [each for each in packages if each not in before]
    if missing:
        apt = folder / OWN / "apt"
        (apt / "lists/partial").mkdir(parents=True, exist_ok=True)
        (apt / "archives/partial").mkdir(parents=True, exist_ok=True)
        options = [
            f"Dir::State::lists={apt / 'lists'}",
            f"Dir::Cache={apt}",
            "Dir::Cache::pkgcache=",
            "Dir::Cache::srcpkgcache=",
            f"Dir::State::extended_states={apt / 'marked'}",
            "APT::Sandbox::User=root",
            "APT::Install-Recommends=false",
        ]
        if repository:
            sources = apt / "sources.list"
            sources.write_text(f"deb [trusted=yes] file:{repository} ./\n", encoding="utf-8")
            options += [f"Dir::Etc::sourcelist={sources}", "Dir::Etc::sourceparts=/dev/null"]
        flags = [word for option in options for word in ("-o", option)]
        # Before, too: whoever is interrupted here must be able to undo it.
        noted = set(_noted(folder)["packages"])
        _do("apt-get", *flags, "-qq", "update")
        try:
            _do("apt-get", *flags, "-qq", "-y", "install", *missing)
        finally:
            _note(folder, packages=sorted(noted | (_installed() - before)))
            shutil.rmtree(apt)
    return {"changed": bool(missing), "installed": missing}


def halt(folder: Path, cache: Path, state: Path, profile: str) -> dict[str, Any]:
    """Stop a lab whose programs were sent anew: its nodes still see the files that are gone."""
    there = (state / profile / "contract.json").exists() and (folder / PYTHON).exists()
    if there:
        _latihan(folder, cache, state, "--profile", profile, "stop")
    return {"changed": there}


def begin(folder: Path, *command: str) -> dict[str, Any]:
    """Start the lab's run, which goes on without the controller; the same one is joined."""
    run = folder / OWN / "run"
    # What is before it are settings.
    words = list(command[command.index(_RUNNER) + 1 :] if _RUNNER in command else command)
    if _running(run):
        before = json.loads(_read(run / "about"))["words"]
        if before != words:
            raise SystemExit(f"Another run goes on there: {' '.join(before)}.")
        return {"changed": False, "joined": True}
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    script = (
        'log=$1 code=$2; shift 2; "$@" >"$log" 2>&1; echo $? >"$code.new"; mv "$code.new" "$code"'
    )
    with Path(os.devnull).open("r+b") as nothing:
        started = subprocess.Popen(
            ["sh", "-c", script, "sh", str(run / "log"), str(run / "code"), *command],
            cwd=folder,
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
            start_new_session=True,
        )
    about = {"pid": started.pid, "birth": _birth(started.pid), "started": time.time(),
             "words": words}  # fmt: skip
    (run / "about").write_text(json.dumps(about), encoding="utf-8")
    return {"changed": True, "joined": False}


def wait(folder: Path, seconds: str, profile: str) -> dict[str, Any]:
    """Wait until the run gets on, ends, or that many seconds have passed; say where it is."""
    run = folder / OWN / "run"
    shown = run / "shown"
    before, until = _read(shown), time.monotonic() + float(seconds)
    while True:
        running = _running(run)
        log = _read(run / "log")
        steps = [found["name"] for found in map(_STEP.match, log.splitlines()) if found]
        held = sum(int(number) for line in log.splitlines() if _STEP.match(line)
                   for number in _HELD.findall(line))  # fmt: skip
        last = [line for line in log.splitlines() if line.strip()] or ["starting"]
        step = steps[-1] if steps else last[-1]
        now = f"{len(steps)} {step} {held}"
        if now != before or not running or time.monotonic() > until:
            break
        time.sleep(_POLL)
    shown.write_text(now, encoding="utf-8")
    about = json.loads(_read(run / "about") or "{}")
    started = about.get("started", time.time())
    code = _read(run / "code").strip()
    said = {"running": running, "step": step, "held": held, "elapsed": time.time() - started}
    if not running:
        said["code"] = int(code) if code else 4
        report = folder / "artifacts" / profile / "latest/report.json"
        said["report"] = report.exists() and report.stat().st_mtime >= started
        said.update(_reason(report if said["report"] else None, log, code))
    return said


def command(folder: Path, profile: str, *environment: str) -> dict[str, Any]:
    """Put the command ``latihan`` into the PATH, and with systemd the unit that starts the lab."""
    lines = [
        "#!/bin/sh",
        "# The lab of this machine. Only root can run it; sudo's rules say who else may.",
        '[ "$(id -u)" -eq 0 ] || exec sudo -- "$0" "$@"',
        *(f"export {each}" for each in environment),
        f'exec python3 {folder}/runner.py "$@"',
    ]
    changed = _write(COMMAND, "\n".join([*lines, ""]), 0o755)
    unit = SYSTEMD.is_dir()
    if unit and _write(UNIT, _UNIT.format(command=COMMAND, profile=profile), 0o644):
        changed = True
        _do("systemctl", "daemon-reload")
        _do("systemctl", "enable", UNIT.name)
    return {"changed": changed, "unit": unit}


def learners(folder: Path, *names: str) -> dict[str, Any]:
    """Make an account for each learner, who may run ``latihan`` as root and nothing else."""
    there = {line.partition(":")[0] for line in _read(Path("/etc/passwd")).splitlines()}
    new = [each for each in names if each not in there]
    _note(folder, learners=sorted({*_noted(folder)["learners"], *new}))
    for each in new:
        _do("useradd", "--create-home", "--shell", "/bin/bash", "--", each)
    rules = "".join(f"{each} ALL=(root) NOPASSWD: {COMMAND}\n" for each in names)
    if not names:
        return {"changed": False}
    return {"changed": _write(SUDOERS, rules, 0o440) or bool(new)}


def reset(folder: Path, cache: Path, state: Path, keep: str) -> dict[str, Any]:
    """Take off what the role put there; with ``keep`` the caches stay."""
    noted = _noted(folder)
    changed = folder.is_dir() or COMMAND.exists() or (keep != "keep" and cache.is_dir())
    # First what may be working on a lab: a teardown waits for nobody.
    _end_run(folder / OWN / "run")
    _remove_command()
    if (folder / PYTHON).exists():
        _latihan(folder, cache, state, "teardown", "--all")
    for learner in noted["learners"]:
        _do("userdel", "--remove", learner)
    gone = _installed().intersection(noted["packages"])
    if gone:
        _do("dpkg", "--purge", *sorted(gone))
    if keep != "keep":
        shutil.rmtree(cache, ignore_errors=True)
    with contextlib.suppress(OSError):
        state.rmdir()
    for each in map(Path, noted["left"]):
        _remove_empty(each)
    shutil.rmtree(folder, ignore_errors=True)
    return {"changed": changed}


def _latihan(folder: Path, cache: Path, state: Path, *words: str) -> None:
    """Run the lab's command line to its end."""
    settings = [f"LATIHAN_CACHE={cache}", f"LATIHAN_STATE={state}",
                f"ANSIBLE_HOME={folder / OWN / 'ansible'}"]  # fmt: skip
    command = ("env", *settings, str(folder / PYTHON), "-P", "-m", "latihan", *words)
    _do(*command, cwd=folder, called="latihan")


def _end_run(run: Path) -> None:
    """End the lab's run, if one is going on; it has a minute to clean up."""
    if not _running(run):
        return
    pid = json.loads(_read(run / "about"))["pid"]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGTERM)
    deadline = time.monotonic() + 60
    while _running(run) and time.monotonic() < deadline:
        time.sleep(_POLL)


def _remove_command() -> None:
    """Remove the command, its unit and its rights."""
    if UNIT.exists():
        # Without --now systemd would show it as active until a restart, file or not.
        _do("systemctl", "disable", "--now", UNIT.name)
        # A start that was cut short stays listed as failed; if it wasn't, there is none to forget.
        with contextlib.suppress(SystemExit):
            _do("systemctl", "reset-failed", UNIT.name)
        UNIT.unlink()
        _do("systemctl", "daemon-reload")
    for path in (SUDOERS, COMMAND):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def _remove_empty(folder: Path) -> None:
    """Remove a folder and those in it, as far as they are empty."""
    with contextlib.suppress(OSError):
        for each in folder.iterdir():
            if each.is_dir() and not each.is_symlink():
                _remove_empty(each)
        folder.rmdir()


def _whole(project: Path) -> str:
    """The digest of the project that was put there; empty if it isn't whole any more."""
    noted = json.loads(_read(project / OWN / "project") or "{}")
    for name, (size, changed) in noted.get("files", {}).items():
        try:
            status = (project / name).lstat()
        except OSError:
            return ""
        if (status.st_size, int(status.st_mtime)) != (size, changed):
            return ""
    return str(noted.get("digest", ""))


def _release() -> dict[str, str]:
    """os-release(5)."""
    found = {}
    for line in _read(Path("/etc/os-release")).splitlines():
        name, equals, value = line.partition("=")
        if equals:
            found[name] = value.strip().strip("\"'")
    return found


def _memory() -> int:
    """Bytes of memory (proc(5), MemTotal)."""
    found = re.search(r"^MemTotal: +(\d+) kB", _read(Path("/proc/meminfo")), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.is_dir())


def _require(sent: Path, digest: str) -> None:
    hashing = hashlib.sha256()
    with sent.open("rb") as file:
        while part := file.read(1 << 20):
            hashing.update(part)
    if hashing.hexdigest() != digest:
        raise SystemExit(f"{sent} arrived damaged. Copy it again.")


def _fill(target: Path, archive: Path) -> None:
    """Make a folder of the cache from an archive; it is complete or missing."""
    new = target.with_name(f".{target.name}.sent")
    shutil.rmtree(new, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        _unpack(archive, new)
        shutil.rmtree(target, ignore_errors=True)
        new.rename(target)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _unpack(archive: Path, into: Path) -> None:
    into.mkdir(exist_ok=True)
    with tarfile.open(archive) as tar:
        # The controller made it; "tar" keeps rights and links, and is missing in older versions.
        if hasattr(tarfile, "tar_filter"):
            tar.extractall(into, filter="tar")
        else:
            tar.extractall(into)  # noqa: S202


def _installed() -> set[str]:
    listed = _do("dpkg-query", "--show", "--showformat=${Package} ${db:Status-Abbrev}\n")
    rows = (line.split() for line in listed.splitlines())
    return {row[0] for row in rows if len(row) > 1 and row[1].startswith("ii")}


def _noted(folder: Path) -> dict[str, list[str]]:
    noted: dict[str, list[str]] = {"packages": [], "left": [], "learners": []}
    noted.update(json.loads(_read(folder / OWN / "noted") or "{}"))
    return noted


def _note(folder: Path, **what: list[str]) -> None:
    _write(folder / OWN / "noted", json.dumps({**_noted(folder), **what}), 0o600)


def _write(path: Path, text: str, mode: int) -> bool:
    """Write a small file as a whole; returns whether it was different."""
    if _read(path) == text:
        return False
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.chmod(mode)
    new.replace(path)
    return True


def _running(run: Path) -> bool:
    about = json.loads(_read(run / "about") or "{}")
    return bool(about) and _birth(about["pid"]) == about["birth"]


def _birth(pid: int) -> str | None:
    """When a process began, in ticks since the boot; None if it has ended."""
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return fields[_STARTED] if fields and fields[0] != "Z" else None


def _reason(report: Path | None, log: str, code: str) -> dict[str, Any]:
    """Why a run didn't end well, from its report or from what it printed; empty if it did."""
    if not code:
        return {"message": "The run was killed.", "hint": "Run it again; it goes on where it was."}
    if code == "0":
        return {}
    if report:
        found = json.loads(report.read_text(encoding="utf-8"))
        if found["failures"]:
            first = found["failures"][0]
            return {"message": first["message"], "hint": first["hint"]}
        failed = [each["id"] for each in found["outcomes"] if each["verdict"] == "fail"]
        if failed:
            which = ", ".join(failed)
            return {"message": f"These outcomes don't hold: {which}.", "hint": "See its report."}
    lines = log.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("runner.py: "):
            after = lines[number + 1].strip() if number + 1 < len(lines) else ""
            hint = after[1:].strip() if after.startswith("→") else ""
            return {"message": line[len("runner.py: ") :], "hint": hint}
    last = (lines or ["it said nothing"])[-1].strip()
    # An exercise that isn't mended says which outcome doesn't hold.
    return {"message": last[2:] if last.startswith("✘ ") else f"The run ended with {code}: {last}"}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _do(*argv: str, cwd: Path | None = None, called: str = "") -> str:
    """Run a program to its end; its last line is the error if it fails."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        argv, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False,
        encoding="utf-8", errors="replace",
    )  # fmt: skip
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        said = (lines or ["it said nothing"])[-1].strip()
        raise SystemExit(f"{called or argv[0]} failed: {said}")
    return done.stdout


PARTS = {
    each.__name__: each
    for each in (
        look,
        receive,
        bundle,
        project,
        install,
        halt,
        begin,
        wait,
        command,
        learners,
        reset,
    )
}
_PATHS = {"look": 2, "bundle": 2, "halt": 3, "reset": 3}


def main(part: str, *arguments: str) -> None:
    """Run a part; its first arguments are paths."""
    paths = _PATHS.get(part, 1)
    given = [Path(each) for each in arguments[:paths]]
    try:
        print(json.dumps(PARTS[part](*given, *arguments[paths:])))
    except OSError as error:
        raise SystemExit(f"{error.filename}: {error.strerror}") from error


if __name__ == "__main__":
    main(*sys.argv[1:])
