"""Puts each fault of a catalogue into a lab: do outcomes fail, and is the right cause named first?

Run as root: ``.venv/bin/python benchmarks/faults.py``. The exit code is 0 if all are found.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import live
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import (
    checking,
    entries,
    faults,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.faults import Fault
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import asking, read
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import OutcomeResult
from benchmarks.truth import ROOT, runner
from latihan.base.project import from_environment

OUTCOMES = ROOT / "roles" / "outcomes" / "files"
# Those of `verify` that need nothing from earlier steps.
IDS = ("C1", "C2", "C3", "P2", "P7", "P9", "P10", "S1", "S2", "S3", "S4", "S11", "S12")
_SETTLES, _HEALS = 1.5, 40.0
# What is followed if no outcome fails.
_WALKS = (("pod/p1", "pod/p3"), ("pod/p3", "pod/p1"), ("pod/p2", "http://s1/"))


def check(lab: live.Lab) -> dict[str, OutcomeResult]:
    """The outcomes now."""
    known = {each.id: each for each in entries.load(sorted(OUTCOMES.glob("*.yml")))}
    chosen = [known[name].model_copy(update={"within": 0.0}) for name in IDS]
    return {result.id: result for result in checking.check(lab, chosen, {}).results}


def named(failed: Mapping[str, OutcomeResult]) -> dict[str, str]:
    """The first cause of each failed outcome."""
    return {name: each.cause.id if each.cause else "none" for name, each in failed.items()}


def walked(lab: live.Lab) -> list[str]:
    """The first departures of some packets, for faults that no outcome fails for."""
    world = read.world(lab)
    walks = [asking.follow(world, asking.question(world.cluster, *each)) for each in _WALKS]
    return [walk.departures[0].id for walk in walks if walk.departures]


def tried(lab: live.Lab, folder: Path, fault: Fault) -> tuple[bool, str]:
    """Put a fault in, look, and take it out; whether it was found, and a line about it."""
    try:
        faults.put_in(lab, folder, fault)
        time.sleep(_SETTLES)
        results = check(lab)
        failed = {name: each for name, each in results.items() if each.verdict == "fail"}
        causes = named(failed) or dict.fromkeys(["why"], ", ".join(dict.fromkeys(walked(lab))))
    except LabError as error:
        return False, f"{fault.name}: {error.message}"
    finally:
        faults.take_out(lab, folder)
    right = [name for name, cause in causes.items() if cause == fault.cause]
    wrong = {name: cause for name, cause in causes.items() if cause != fault.cause}
    missing = sorted(set(fault.fails) - set(failed))
    said = f"{fault.name}: {fault.cause} named by {', '.join(right) or 'none'}"
    said += f"; not failed: {', '.join(missing)}" if missing else ""
    said += f"; other first causes: {wrong}" if wrong else ""
    return bool(right) and not missing and not wrong, said


def healed(lab: live.Lab) -> bool:
    """Whether all outcomes hold again within some time."""
    deadline = time.monotonic() + _HEALS
    while time.monotonic() < deadline:
        if all(each.verdict == "pass" for each in check(lab).values()):
            return True
        time.sleep(1)
    return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Try each fault, and print a line about it and the score."""
    parser = argparse.ArgumentParser(description="Try each fault of a catalogue.")
    parser.add_argument("names", nargs="*", help="only these faults")
    parser.add_argument("--catalogue", type=Path, default=ROOT / "faults" / "catalogue.yml")
    parser.add_argument("--profile", default="latihan-faults", help="the lab (latihan-faults)")
    parser.add_argument("--network", default="192.168.60.0/24", help="the lab's network")
    parser.add_argument("--standing", action="store_true", help="the lab stands, and stays")
    options = parser.parse_args(arguments)
    known = faults.load(options.catalogue)
    if not options.standing:
        made = runner(options.profile, "full-lab", "-e", f"lab_network={options.network}")
        if made.returncode != 0:
            sys.exit(f"full-lab exited with {made.returncode}:\n{made.stdout}{made.stderr}")
    folder = from_environment().profile(options.profile).folder
    found = 0
    chosen = options.names or list(known)
    for name in chosen:
        lab = live.lab(str(folder / "contract.json"), "default")
        right, said = tried(lab, folder, known[name])
        found += right
        print(f"{'found ' if right else 'MISSED'}  {said}", flush=True)
        if not healed(lab):
            sys.exit(f"The lab does not hold again after {name}.")
    print(f"{found} of {len(chosen)} found")
    if not options.standing:
        runner(options.profile, "teardown")
    return 0 if found == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
