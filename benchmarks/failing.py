"""How long ``verify`` and ``why`` take on a sound lab and on broken ones, in all and of processors.

Run as root: ``.venv/bin/python benchmarks/failing.py``, with the machine to itself.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import time
from pathlib import Path

from benchmarks.truth import ROOT, runner

# Ten of different layers, and two places to ask about.
FAULTS = (
    "drop-web", "another-target", "no-endpoint-chain", "kube-proxy-frozen", "blackhole",
    "wrong-neighbour", "small-uplink", "no-forwarding", "resolv-conf", "target-port",
)  # fmt: skip
_WALK = ("pod/p2", "http://s1/")


def measured(profile: str, name: str, *arguments: str) -> tuple[int, float, float]:
    """Run a command; its exit code, how long it took, and the processor time of what it started."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = runner(profile, name, *arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.returncode, time.monotonic() - began, spent


def both(profile: str, state: str, times: dict[str, list[tuple[float, float]]]) -> int:
    """Measure ``verify`` and ``why``, print a line for each, and return the exit code of verify."""
    codes = []
    for name, arguments in (("verify", ()), ("why", _WALK)):
        load = os.getloadavg()[0]
        code, took, spent = measured(profile, name, *arguments)
        times.setdefault(name, []).append((took, spent))
        codes.append(code)
        said = f"{took:.1f} s, {spent:.1f} s of processors (load {load:.1f})"
        print(f"{state}: {name} {code}, {said}", flush=True)
    return codes[0]


def main() -> int:
    """Measure without a fault, then with each, and print a line for each and the medians."""
    parser = argparse.ArgumentParser(description="Measure verify and why on a lab with a fault.")
    parser.add_argument("names", nargs="*", default=FAULTS, help="other faults than ten")
    parser.add_argument("--catalogue", type=Path, default=ROOT / "faults" / "catalogue.yml")
    parser.add_argument("--profile", default="latihan", help="a lab that stands (latihan)")
    options = parser.parse_args()
    times: dict[str, list[tuple[float, float]]] = {}
    wrong = int(both(options.profile, "sound", {}) != 0)
    for fault in options.names:
        put_in = runner(options.profile, "break", fault, "--catalogue", str(options.catalogue))
        if put_in.returncode != 0:
            sys.exit(f"{fault} is not in: {put_in.stdout}{put_in.stderr}")
        wrong += both(options.profile, fault, times) == 0
        healed = runner(options.profile, "heal")
        if healed.returncode != 0:
            sys.exit(f"{fault} is still in: {healed.stdout}{healed.stderr}")
    for name, each in times.items():
        took, spent = (statistics.median(part) for part in zip(*each, strict=True))
        slowest = max(took for took, _spent in each)
        print(f"{name}: median {took:.1f} s, at most {slowest:.1f} s, {spent:.1f} s of processors")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
