"""How long ``verify`` and ``why`` take on a lab with a fault, and how much of the processors.

Run as root: ``.venv/bin/python benchmarks/failing.py``, with the machine to itself.
"""

from __future__ import annotations

import argparse
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


def main() -> int:
    """Measure with each fault, and print a line for each and the medians."""
    parser = argparse.ArgumentParser(description="Measure verify and why on a lab with a fault.")
    parser.add_argument("names", nargs="*", default=FAULTS, help="other faults than ten")
    parser.add_argument("--catalogue", type=Path, default=ROOT / "faults" / "catalogue.yml")
    parser.add_argument("--profile", default="latihan", help="a lab that stands (latihan)")
    options = parser.parse_args()
    times: dict[str, list[tuple[float, float]]] = {"verify": [], "why": []}
    passed = 0
    for fault in options.names:
        put_in = runner(options.profile, "break", fault, "--catalogue", str(options.catalogue))
        if put_in.returncode != 0:
            sys.exit(f"{fault} is not in: {put_in.stdout}{put_in.stderr}")
        for name, arguments in (("verify", ()), ("why", _WALK)):
            code, took, spent = measured(options.profile, name, *arguments)
            times[name].append((took, spent))
            passed += name == "verify" and code == 0
            print(f"{fault}: {name} {code}, {took:.1f} s, {spent:.1f} s of processors", flush=True)
        healed = runner(options.profile, "heal")
        if healed.returncode != 0:
            sys.exit(f"{fault} is still in: {healed.stdout}{healed.stderr}")
    for name, each in times.items():
        took, spent = (statistics.median(part) for part in zip(*each, strict=True))
        print(f"{name}: median {took:.1f} s, {spent:.1f} s of processors")
    return 1 if passed else 0


if __name__ == "__main__":
    sys.exit(main())
