"""Takes a resource away in the middle of a run, and shows what that says, and how the next ends.

Run as root: ``.venv/bin/python benchmarks/resources.py [NAME ...]``; names are those of ``--list``.
The cache, the state and the temporary files are in file systems of their own, in memory, that
shrink when a run reaches a step; the lab's control groups get limits in the same way. Your own
cache is only copied from.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests import archive
from tests.archive import PACKAGE, Fault

ROOT = Path(__file__).parents[1]
CACHE = Path(os.environ.get("LATIHAN_CACHE", "/var/cache/latihan"))
PROFILE = "latihan-short"
NETWORK = "192.168.53.0/24"
CGROUPS = Path("/sys/fs/cgroup")
NODE = "*/nodes/*"
MIB = 1 << 20
_ROOM = 12 << 30
_LOOK_EVERY = 0.01
_LONGEST = 1800
_INTERRUPTED = 130
_HELD_FOR = 15.0
_PLAYS = {
    "machine": "roles: [latihan.lab.machine]",
    "images": "roles: [latihan.lab.images]",
    "kubernetes": "roles: [latihan.lab.kubernetes]",
    "archive": "tasks: [{latihan.lab.unpack_packages: {cache: '{{ lab_cache }}', name: tries,"
    f" packages: [{PACKAGE}], programs: []}}}}]",
}


@dataclass(frozen=True)
class Place:
    """The folders of one trial; each is a file system of its own."""

    folder: Path

    @property
    def cache(self) -> Path:
        """What outlives a lab."""
        return self.folder / "cache"

    @property
    def state(self) -> Path:
        """What belongs to labs."""
        return self.folder / "state"

    @property
    def temporary(self) -> Path:
        """Temporary files."""
        return self.folder / "tmp"

    @property
    def artifacts(self) -> Path:
        """Reports."""
        return self.folder / "artifacts"


@dataclass(frozen=True)
class Start:
    """How a run is started: by a command before it, and with more environment.

    ``back`` gives back what was taken away; the next run follows, without the command.
    """

    prefix: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    back: Callable[[], None] = lambda: None


Spoil = Callable[[Place], AbstractContextManager[Start]]


@dataclass(frozen=True)
class Trial:
    """One resource that runs out in one step.

    Args:
        resource: what runs out.
        step: when, or how much is left.
        play: a playbook; a role, which runs alone; or ``archive``, which fetches a package.
        spoil: takes the resource away.
        seed: the parts of your cache that the trial's cache starts with; None to use your own.
        until: if set, the next run is interrupted as soon as this path is in the cache: that it
            goes on is seen by then, and the rest takes minutes.
        borne: whether the run should go on without it.
        on_disk: whether the state is on a device of its own.
    """

    resource: str
    step: str
    play: str
    spoil: Spoil
    seed: tuple[str, ...] | None = None
    until: str = ""
    borne: bool = False
    on_disk: bool = False

    @property
    def name(self) -> str:
        """As the command line takes it."""
        return f"{self.resource}-{self.step}".replace(",", "").replace(" ", "-")


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code, what it says went wrong and what to do, its duration in s."""

    code: int
    message: str
    hint: str
    seconds: float
    output: str = field(repr=False)


def mount(folder: Path) -> None:
    """Mount an empty file system in memory."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={_ROOM},mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)


def mount_disk(folder: Path, disk: Path) -> None:
    """Mount a disk of its own, in memory: a slow one would hold up the machine's file systems."""
    folder.mkdir()
    with disk.open("wb") as file:
        file.truncate(_ROOM)
    subprocess.run(["mkfs.ext4", "-q", disk], check=True)
    subprocess.run(["mount", "-o", "loop", disk, folder], check=True)


def resize(folder: Path, size: int) -> bool:
    """Give a file system another size, in bytes; returns whether the kernel allowed it."""
    argv = ["mount", "-o", f"remount,size={size}", str(folder)]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


@contextmanager
def when(there: Callable[[], bool], act: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Act as soon as something is there; yields what stops waiting for it."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK_EVERY):
            if there():
                act()
                return

    thread = threading.Thread(target=look)

    def stop() -> None:
        ended.set()
        thread.join()

    thread.start()
    try:
        yield stop
    finally:
        stop()


def full(part: str, pattern: str, headroom: int) -> Spoil:
    """A disk that has only ``headroom`` bytes left from when a path appears on it."""

    @contextmanager
    def spoil(place: Place) -> Iterator[Start]:
        folder: Path = getattr(place, part)

        def shrink() -> None:
            # The kernel refuses a size below what is in use, and the run goes on meanwhile.
            while not resize(folder, max(4096, shutil.disk_usage(folder).used + headroom)):
                pass

        with when(lambda: any(folder.glob(pattern)), shrink) as stop:

            def back() -> None:
                stop()
                resize(folder, _ROOM)

            yield Start(back=back)

    return spoil


def limited(file: str, value: str, group: str = "") -> Spoil:
    """A limit on the lab's control group, or on one below it, from when it is made."""
    path = CGROUPS / file.partition(".")[0] / "latihan" / PROFILE / group / file

    @contextmanager
    def spoil(_place: Place) -> Iterator[Start]:
        with when(path.exists, lambda: write(path, value)) as stop:
            yield Start(back=stop)

    return spoil


def slow(rate: int) -> Spoil:
    """A disk that takes so many bytes a second from the first node."""

    @contextmanager
    def spoil(place: Place) -> Iterator[Start]:
        device = place.state.stat().st_dev
        limit = f"{os.major(device)}:{os.minor(device)} {rate}"
        with limited("blkio.throttle.write_bps_device", limit, PROFILE)(place) as start:
            yield start

    return spoil


def grouped(file: str, value: int) -> Spoil:
    """A run in a control group with a limit."""
    group = CGROUPS / file.partition(".")[0] / PROFILE

    @contextmanager
    def spoil(_place: Place) -> Iterator[Start]:
        group.mkdir(exist_ok=True)
        write(group / file, str(value))
        yield Start(("sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh"))
        # A lab that stays up has its own groups.
        for pid in (group / "cgroup.procs").read_text().split():
            write(group.parent / "cgroup.procs", pid)
        group.rmdir()

    return spoil


def started(*prefix: str) -> Spoil:
    """A run that another program starts."""
    return lambda place: nullcontext(Start(prefix))


@contextmanager
def no_inotify(_place: Place) -> Iterator[Start]:
    """No inotify instance is left for root (inotify(7)), for at most a quarter of a minute."""
    libc = ctypes.CDLL(None, use_errno=True)
    released = threading.Event()

    def hold() -> None:
        held: list[int] = []
        ends = time.monotonic() + _HELD_FOR
        # Others give some back meanwhile.
        while time.monotonic() < ends and not released.wait(_LOOK_EVERY):
            while (handle := libc.inotify_init()) >= 0:
                held.append(handle)
        for handle in held:
            os.close(handle)

    thread = threading.Thread(target=hold)

    def back() -> None:
        released.set()
        thread.join()

    thread.start()
    yield Start(back=back)


def wrong(fault: Fault, where: str = ".deb") -> Spoil:
    """An archive, the only one that apt knows, that answers in a wrong way."""

    @contextmanager
    def spoil(place: Place) -> Iterator[Start]:
        with archive.up(archive.made(place.folder)) as serving:
            serving.fault, serving.where = fault, where
            sources = place.folder / "sources"
            sources.mkdir()
            (sources / "a.list").write_text(serving.source)
            settings = place.folder / "settings"
            settings.write_text(
                f'Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "{sources}";'
                ' Acquire::http::Proxy "DIRECT"; Acquire::http::Timeout "5"; Acquire::Retries "1";'
            )

            def back() -> None:
                serving.fault = None

            yield Start(environment={"APT_CONFIG": str(settings)}, back=back)

    return spoil


def write(path: Path, text: str) -> None:
    """Write a file of the kernel."""
    path.write_text(text, encoding="ascii")


def run(trial: Trial, place: Place, start: Start, until: str = "") -> Ended:
    """Run the trial's play once; interrupt it when ``until`` is in the cache."""
    play = trial.play
    if not (ROOT / "playbooks" / f"{play}.yml").exists():
        path = place.folder / f"{play}.yml"
        path.write_text(f"- hosts: lab\n  gather_facts: false\n  {_PLAYS.get(play, play)}\n")
        play = str(path)
    runs = place.artifacts / PROFILE
    before = set(runs.glob("*"))
    began = time.monotonic()
    with (
        subprocess.Popen(
            [
                *start.prefix,
                *(sys.executable, str(ROOT / "runner.py"), "--profile", PROFILE, play),
                *(() if play == "teardown" else ("-e", f"lab_network={NETWORK}")),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                **start.environment,
                "LATIHAN_CACHE": str(CACHE if trial.seed is None else place.cache),
                "LATIHAN_STATE": str(place.state),
                "LATIHAN_ARTIFACTS": str(place.artifacts),
                "TMPDIR": str(place.temporary),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
        when(lambda: bool(until) and any(place.cache.glob(until)), process.terminate),
    ):
        output, _ = process.communicate(timeout=_LONGEST)
    seconds = time.monotonic() - began
    for folder in sorted(set(runs.glob("*")) - before - {runs / "latest"}):
        report = folder / "report.json"
        if report.is_file() and report.stat().st_size:
            for failure in json.loads(report.read_text(encoding="utf-8"))["failures"]:
                why = failure["message"], failure["hint"]
                return Ended(process.returncode, *why, seconds, output)
    lines = output.splitlines()
    hints = [number for number, line in enumerate(lines) if "→" in line]
    what = (lines[hints[0] - 1], lines[hints[0]].strip("→ ")) if hints else ("", "")
    return Ended(process.returncode, *what, seconds, output)


def tried(trial: Trial) -> list[str]:
    """One row of the table: what the run says, and how the next one ends."""
    with tempfile.TemporaryDirectory(prefix="latihan-", dir="/var/tmp") as folder:
        place = Place(Path(folder))
        parts = [place.cache, place.temporary, place.artifacts]
        for part in parts:
            mount(part)
        if trial.on_disk:
            mount_disk(place.state, place.temporary / "disk")
        else:
            mount(place.state)
        parts.append(place.state)
        try:
            for name in trial.seed or ():
                subprocess.run(["cp", "-a", CACHE / name, place.cache / name], check=True)
            with trial.spoil(place) as start:
                first = run(trial, place, start)
                half = [path.name for path in place.cache.glob("*/.*.new")]
                start.back()
                second = run(trial, place, replace(start, prefix=()), trial.until)
            goes_on = second.code == (_INTERRUPTED if trial.until else 0)
        finally:
            if trial.play == "provision":
                run(replace(trial, play="teardown"), place, Start())
            for part in reversed(parts):
                subprocess.run(["umount", "--lazy", part], check=True)
    told = first.code in (3, 4) and bool(first.message and first.hint)
    sound = "Traceback" not in first.output and not half and (told or trial.borne)
    log = Path(tempfile.gettempdir()) / f"latihan-resources-{trial.name}.log"
    if not (goes_on and sound):
        log.write_text(first.output + "\n--- next run\n" + second.output, encoding="utf-8")
    return [
        trial.resource,
        trial.step,
        f"{first.code}, {first.seconds:.0f} s",
        f"{first.message} → {first.hint}"
        + (f" LEFT {half}" if half else "")
        + ("" if "Traceback" not in first.output else " TRACEBACK"),
        f"{second.code}, {second.seconds:.0f} s" + ("" if goes_on else f" {second.message}"),
    ]


_APT = ("apt",)
_UNPACKED = "kubernetes/.work/gopath/src/k8s.io/kubernetes/vendor"
_ONE_PORT = """ip link set lo up && echo 40000 40000 > /proc/sys/net/ipv4/ip_local_port_range &&
exec "$@\""""
TRIALS = (
    Trial("disk", "package lists", "machine", full("cache", "apt/lists/partial/*", 8 * MIB), ()),
    Trial("disk", "unpacking", "machine", full("cache", "daemons/.*.new/usr", 20 * MIB), _APT),
    Trial("disk", "unpacking end", "machine", full("cache", "daemons/.*.new/usr", 170 * MIB), _APT),
    Trial("disk", "images", "images", full("cache", "images/.*.new/blobs", 10 * MIB), _APT),
    Trial("disk", "images end", "images", full("cache", "images/.*.new/blobs", 85 * MIB), _APT),
    Trial(
        *("disk", "toolchain", "kubernetes", full("cache", "golang", 100 * MIB)),
        *(_APT, "golang/*/usr"),
    ),
    Trial(
        *("disk", "sources", "kubernetes", full("cache", "kubernetes/.work/source/*", MIB)),
        *(_APT, _UNPACKED),
    ),
    Trial(
        *("disk", "source tree", "kubernetes", full("cache", "kubernetes/.work/gopath", 90 * MIB)),
        *(_APT, _UNPACKED),
    ),
    Trial(
        *("disk", "compiling", "kubernetes", full("cache", "go-build/*", 40 * MIB)),
        *(_APT, "kubernetes/.work/openapi-gen"),
    ),
    Trial("disk", "configuration", "provision", full("state", "*/cluster.json", 8192)),
    Trial("disk", "certificates", "provision", full("state", f"{NODE}/etc/hostname", 40000)),
    Trial("disk", "etcd", "provision", full("state", f"{NODE}/var/lib/etcd", 2 * MIB)),
    Trial("disk", "etcd later", "provision", full("state", f"{NODE}/var/lib/etcd/member/w*", MIB)),
    Trial("disk", "images in a node", "provision", full("state", f"{NODE}/var/lib/c*/*", 65 * MIB)),
    Trial("disk", "kubelet", "provision", full("state", f"{NODE}/var/lib/kubelet/pki", 0)),
    Trial("disk", "report", "provision", full("artifacts", "*/*/ansible.log", 0)),
    Trial("disk", "temporary files", "provision", full("temporary", "latihan-run-*", 0)),
    Trial("disk", "temporary later", "provision", full("temporary", "latihan-run-*", 32 * 1024)),
    Trial("memory", "lab, 300 MiB", "provision", limited("memory.limit_in_bytes", f"{300 * MIB}")),
    Trial("memory", "lab, 100 MiB", "provision", limited("memory.limit_in_bytes", f"{100 * MIB}")),
    Trial("memory", "run, 160 MiB", "provision", grouped("memory.limit_in_bytes", 160 * MIB)),
    Trial("processes", "lab, 100", "provision", limited("pids.max", "100")),
    Trial("processes", "lab, 20", "provision", limited("pids.max", "20")),
    Trial("processes", "run, 1", "provision", grouped("pids.max", 1)),
    Trial("processes", "run, 6", "provision", grouped("pids.max", 6)),
    Trial("processes", "run, 12", "provision", grouped("pids.max", 12)),
    Trial("processes", "run, 20", "provision", grouped("pids.max", 20), borne=True),
    Trial("open files", "run, 20", "provision", started("prlimit", "--nofile=20:20")),
    Trial("inotify", "15 s", "provision", no_inotify),
    Trial(
        *("ports", "one is left", "provision"),
        started("unshare", "--net", "sh", "-c", _ONE_PORT, "sh"),
    ),
    *(
        Trial(
            "slow disk",
            f"{rate} KiB a second",
            "provision",
            slow(rate << 10),
            borne=True,
            on_disk=True,
        )
        for rate in (100, 1000)
    ),
    *(
        Trial("mirror", f"{fault.name.lower()} {where}", "archive", wrong(fault, where), ())
        for where in (".deb", "Packages")
        for fault in Fault
        if fault is not Fault.SLOW
    ),
    Trial("mirror", "slow", "archive", wrong(Fault.SLOW), (), borne=True),
)


def main() -> None:
    """Try what the command line names, or all, and print a table."""
    parser = argparse.ArgumentParser(description="Take resources away in the middle of a run.")
    parser.add_argument("names", nargs="*", help="the trials, or the beginnings of their names")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    options = parser.parse_args()
    chosen = [
        trial
        for trial in TRIALS
        if not options.names or any(trial.name.startswith(name) for name in options.names)
    ]
    if options.list or not chosen:
        print("\n".join(trial.name for trial in TRIALS))
        return
    print("| resource | step | exit code | message | next run |\n|---|---|---|---|---|", flush=True)
    for trial in chosen:
        print(f"| {' | '.join(tried(trial))} |", flush=True)


if __name__ == "__main__":
    main()
