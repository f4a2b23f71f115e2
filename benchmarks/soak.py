"""Kills full-lab at points spread evenly over a run, and sees whether the lab survives it.

Run as root: ``.venv/bin/python benchmarks/soak.py``. At each point something of a run is killed:
its process, its group, one of Ansible's workers, one of the lab's daemons, or all, as a reboot
does; or the run is interrupted with Ctrl-C. After that, ``full-lab`` has to pass on what is there,
or ``teardown`` has to leave nothing, in turns. The exit code is 0 if it was so at every point.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import psutil

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from ansible_collections.latihan.lab.plugins.plugin_utils.common import environments
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import (
    HOST,
    Profile,
    second_of,
)
from latihan.base import project
from latihan.run import stragglers

ROOT = Path(__file__).parents[1]
STATE = project.from_environment().state
PROVIDER = providers.named(providers.DEFAULT)
_COMMANDS = ("full-lab", "teardown")
_ENDS_WITHIN = 600.0
_SETTLES_WITHIN = 15.0


@dataclass(frozen=True)
class Run:
    """A ``full-lab`` that runs in a session of its own; ``said`` takes what it prints."""

    profile: str
    process: subprocess.Popen[bytes]
    said: IO[bytes]

    def text(self) -> str:
        """What it has printed."""
        self.said.seek(0)
        return self.said.read().decode(errors="replace")


@dataclass(frozen=True)
class Point:
    """One kill: its number, the second of the run, what is killed, and the command after it."""

    number: int
    second: float
    victim: str
    command: str


def programs(name: str, space: str = "") -> Callable[[Run], list[int]]:
    """The lab's processes (of that space) whose command line has that word."""

    def find(run: Run) -> list[int]:
        return [pid for pid in in_groups(f"{run.profile}/{space}") if name in f"{_title(pid)} "]

    return find


def in_groups(group: str) -> set[int]:
    """The processes in a lab's control group; some write over the environment that marks them."""
    return {
        int(pid)
        for pattern in (f"latihan/{group}", f"pids/latihan/{group}")
        for folder in Path("/sys/fs/cgroup").glob(pattern)
        for members in folder.rglob("cgroup.procs")
        for pid in members.read_text(encoding="ascii").split()
    }


def _title(pid: int) -> str:
    with suppress(psutil.Error):
        return " ".join(psutil.Process(pid).cmdline()[:4])
    return ""


def of_run(profile: str) -> list[int]:
    """What runs on a lab started: Ansible, its workers, and their programs."""
    mark = f"{STATE / profile}:"
    return [
        pid
        for pid in psutil.pids()
        if environments.of(pid).get(stragglers.RUN_VARIABLE, "").startswith(mark)
    ]


def workers(run: Run) -> list[int]:
    """Ansible's workers and their programs."""
    return of_run(run.profile)


def firsts(run: Run) -> list[int]:
    """The first process of each space: number 1 of a PID namespace right below this one."""
    return [pid for pid in of_lab(run.profile) if _numbers(pid)[1:] == ["1"]]


def _numbers(pid: int) -> list[str]:
    """A process's numbers in its PID namespaces (proc(5), NSpid)."""
    with suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        return next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
    return []


def of_lab(profile: str) -> list[int]:
    """The processes of a lab."""
    return PROVIDER.processes(Profile(profile, STATE))


def everything(run: Run) -> list[int]:
    """What a reboot ends: the run and the lab."""
    alive = [run.process.pid] if run.process.poll() is None else []
    return [*alive, *of_run(run.profile), *of_lab(run.profile)]


# By what is killed, its processes; one of them is chosen if not all of them are meant.
ONE: dict[str, Callable[[Run], list[int]]] = {
    "worker": workers,
    "etcd": programs("/etcd"),
    "kube-apiserver": programs("/kube-apiserver"),
    "kubelet": programs("/kubelet"),
    "containerd": programs("/containerd "),
    "shim": programs("containerd-shim"),
    "kube-proxy": programs("/kube-proxy"),
    "first process": firsts,
    "DNS pod": programs("cluster_dns"),
    "registry": programs("nginx", HOST),
    "name server": programs("dnsmasq"),
}
VICTIMS = ("runner", "group", "Ctrl-C", "reboot", *ONE)


def plan(points: int, duration: float, seed: int) -> list[Point]:
    """Which point kills what: every victim as often as any other, in an order of chance."""
    chance = random.Random(seed)
    victims = [VICTIMS[number % len(VICTIMS)] for number in range(points)]
    chance.shuffle(victims)
    seconds = [(number + 0.5) * duration / points for number in range(points)]
    commands = [_COMMANDS[number % len(_COMMANDS)] for number in range(points)]
    return list(map(Point, range(1, points + 1), seconds, victims, commands))


def runner(profile: str, name: str, network: str) -> list[str]:
    """The command line of a playbook on that lab."""
    network_of = ["-e", f"lab_network={network}"] if name == "full-lab" else []
    return [sys.executable, str(ROOT / "runner.py"), "--profile", profile, name, *network_of]


def begin(profile: str, network: str) -> Run:
    """Start ``full-lab``."""
    said: IO[bytes] = TemporaryFile()  # noqa: SIM115 - it lives as long as the run
    process = subprocess.Popen(
        runner(profile, "full-lab", network),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return Run(profile, process, said)


def kill(run: Run, victim: str, chance: random.Random) -> bool:
    """Kill one; False if there is none (yet)."""
    match victim:
        case "runner":
            run.process.kill()
        case "group":
            os.killpg(run.process.pid, signal.SIGKILL)
        case "Ctrl-C":
            os.killpg(run.process.pid, signal.SIGINT)
        case "reboot":
            # A few times, since what is killed first may have been starting something.
            while found := everything(run):
                for pid in found:
                    _end(pid)
                time.sleep(0.05)
        case _:
            found = ONE[victim](run)
            if not found:
                return False
            _end(chance.choice(found))
    return True


def _end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def left(profile: str) -> Iterator[str]:
    """What is left of a lab that was taken down."""
    for name in (profile, second_of(profile)):
        yield from (f"process {pid}" for pid in of_lab(name))
        for pattern in (f"latihan/{name}", f"*/latihan/{name}"):
            yield from map(str, Path("/sys/fs/cgroup").glob(pattern))
        if (STATE / name).exists():
            yield str(STATE / name)
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
        yield from (line for line in mounts if f"{STATE / name}/" in line)
    yield from (f"process {pid} of a run" for pid in of_run(profile))


def survive(point: Point, profile: str, network: str, seed: int) -> tuple[str, str]:
    """One point: run, kill, run again; how the killed run ended, and what is wrong (or nothing)."""
    subprocess.run(runner(profile, "teardown", network), cwd=ROOT, capture_output=True, check=True)
    chance = random.Random(f"{seed} {point.number}")
    run = begin(profile, network)
    with suppress(subprocess.TimeoutExpired):
        run.process.wait(point.second)
    while run.process.poll() is None and not kill(run, point.victim, chance):
        time.sleep(0.1)
    try:
        code = run.process.wait(_ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(run.process.pid, signal.SIGKILL)
        return "didn't end", f"the killed run goes on: {run.text()[-300:]}"
    ended = f"exit {code}" if code >= 0 else signal.Signals(-code).name
    if "Traceback" in run.text():
        return ended, f"a traceback: {run.text()[-600:]}"
    after = subprocess.run(
        runner(profile, point.command, network),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if after.returncode != 0:
        return (
            ended,
            f"{point.command} ended with {after.returncode}: {after.stdout[-1500:]}{after.stderr}",
        )
    stays = list(left(profile)) if point.command == "teardown" else []
    return ended, ", ".join(stays)


def main(arguments: Sequence[str] | None = None) -> int:
    """Survive all points and print a line for each."""
    parser = argparse.ArgumentParser(description="Kill full-lab at points spread over a run.")
    parser.add_argument("--points", type=int, default=60, help="how many points (60)")
    parser.add_argument("--duration", type=float, default=80, help="seconds of a whole run (80)")
    parser.add_argument("--seed", type=int, default=1, help="decides what is killed when (1)")
    parser.add_argument("--only", type=int, nargs="*", help="the numbers of the points (all)")
    parser.add_argument("--profile", default="latihan-soak", help="the lab (latihan-soak)")
    parser.add_argument("--network", default="192.168.60.0/24", help="the lab's network")
    options = parser.parse_args(arguments)
    survived, points = 0, plan(options.points, options.duration, options.seed)
    chosen = [point for point in points if not options.only or point.number in options.only]
    for point in chosen:
        started = time.monotonic()
        ended, wrong = survive(point, options.profile, options.network, options.seed)
        survived += not wrong
        print(
            f"{point.number:>3} {point.second:5.1f} s  {point.victim:<15} {ended:<10} "
            f"{point.command:<9} {wrong or 'well'} ({time.monotonic() - started:.0f} s)",
            flush=True,
        )
    subprocess.run(runner(options.profile, "teardown", options.network), cwd=ROOT, check=True)
    print(f"{survived} of {len(chosen)}")
    return 0 if survived == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
