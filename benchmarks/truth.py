"""Runs verify again and again on a healthy lab, idle and busy: any failure is a false alarm.

Run as root: ``.venv/bin/python benchmarks/truth.py``. The exit code is 0 if there was none.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from latihan.base.project import from_environment

ROOT = Path(__file__).parents[1]
_SPIN = "while True: pass"


def runner(profile: str, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook to its end."""
    return subprocess.run(
        [sys.executable, str(ROOT / "runner.py"), "--profile", profile, name, *options],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep that many processes spinning meanwhile."""
    spinning = [subprocess.Popen([sys.executable, "-c", _SPIN]) for _ in range(processes)]
    try:
        yield
    finally:
        for each in spinning:
            each.kill()
            each.wait()


def verify(profile: str) -> tuple[int, list[str]]:
    """Run ``verify``; its exit code, and the outcomes that don't pass, with their reasons."""
    done = runner(profile, "verify")
    path = from_environment().artifacts(profile) / "latest" / "report.json"
    outcomes = json.loads(path.read_text(encoding="utf-8"))["outcomes"]
    wrong = [f"{each['id']} {each['reason']}" for each in outcomes if each["verdict"] != "pass"]
    return done.returncode, wrong


def main() -> int:
    """Verify, and print a line for each load and each false alarm."""
    parser = argparse.ArgumentParser(description="Look for false alarms of verify.")
    parser.add_argument("--runs", type=int, default=50, help="how often under each load (50)")
    parser.add_argument("--busy", type=int, nargs="*", default=[0, 2], metavar="N",
                        help="how many processes spin meanwhile (0 2)")  # fmt: skip
    parser.add_argument("--profile", default="latihan-truth", help="the lab (latihan-truth)")
    parser.add_argument("--network", default="192.168.61.0/24", help="the lab's network")
    options = parser.parse_args()
    made = runner(options.profile, "full-lab", "-e", f"lab_network={options.network}")
    if made.returncode != 0:
        sys.exit(f"full-lab exited with {made.returncode}:\n{made.stdout}{made.stderr}")
    alarms = 0
    for load in options.busy:
        with busy(load):
            started, wrong = time.monotonic(), 0
            for number in range(1, options.runs + 1):
                code, failed = verify(options.profile)
                if code or failed:
                    wrong += 1
                    print(
                        f"{load} busy, run {number}: exit {code}: {'; '.join(failed)}", flush=True
                    )
        each = (time.monotonic() - started) / options.runs
        print(f"{load} busy: {options.runs} runs, {wrong} wrong, {each:.1f} s each", flush=True)
        alarms += wrong
    runner(options.profile, "teardown")
    return 1 if alarms else 0


if __name__ == "__main__":
    sys.exit(main())
