"""Puts each fault of a catalogue into a lab: do outcomes fail, and is the right cause named first?

Run as root: ``.venv/bin/python benchmarks/faults.py``. The exit code is 0 if all are found.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import facts, live
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import (
    checking,
    entries,
    faults,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.faults import Fault
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import asking, read
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    Cause,
    OutcomeResult,
)
from benchmarks.truth import ROOT, runner
from latihan.base.project import from_environment

OUTCOMES = ROOT / "roles" / "outcomes" / "files"
_VERIFY = ROOT / "playbooks" / "verify.yml"
# It needs what an earlier step remembered, and asks the API alone.
_NOT_HERE = "P4"
_SETTLES, _HEALS = 1.5, 40.0
_TRIES = 3
# What is followed if no outcome fails.
_WALKS = (("pod/p1", "pod/p3"), ("pod/p3", "pod/p1"), ("pod/p2", "http://s1/"))


def ids() -> list[str]:
    """The outcomes that ``verify`` checks."""
    (play,) = yaml.safe_load(_VERIFY.read_text(encoding="utf-8"))
    (chosen,) = (
        each["vars"]["outcomes_ids"]
        for each in play["tasks"]
        if "outcomes_ids" in each.get("vars", {})
    )
    return [each for each in chosen if each != _NOT_HERE]


def check(lab: live.Lab, names: Collection[str] = ()) -> dict[str, OutcomeResult]:
    """The outcomes now; only some of them if they are named."""
    known = {each.id: each for each in entries.load(sorted(OUTCOMES.glob("*.yml")))}
    chosen = [known[name].model_copy(update={"within": 0.0}) for name in names or ids()]
    return {result.id: result for result in checking.check(lab, chosen, {}).results}


@dataclass(frozen=True)
class Tried:
    """What was seen of a fault: which outcomes failed, and the first causes that they named."""

    missing: list[str]
    right: list[str]
    wrong: dict[str, str]
    trouble: str = ""

    @property
    def found(self) -> bool:
        """Whether all outcomes failed that must, and each that failed named the fault."""
        return bool(self.right) and not (self.missing or self.wrong or self.trouble)

    @property
    def line(self) -> str:
        """It in one line."""
        if self.trouble:
            return self.trouble
        said = f"named by {', '.join(self.right) or 'none'}"
        said += f"; not failed: {', '.join(self.missing)}" if self.missing else ""
        return said + (f"; other first causes: {self.wrong}" if self.wrong else "")


@dataclass(frozen=True)
class Named:
    """What was named: its id, and where and what it is."""

    id: str
    said: str

    def meets(self, fault: Fault, known: object) -> bool:
        """Whether it is the fault."""
        return self.id == (fault.cause or self.id) and bool(
            re.search(faults.filled(fault.says, known), self.said)
        )


def named(cause: Cause | None) -> Named:
    """The first cause of a failed outcome."""
    return Named(cause.id, f"{cause.place}: {cause.cause}") if cause else Named("none", "")


def walked(lab: live.Lab) -> dict[str, Named]:
    """The first departures of some packets, for faults that no outcome fails for."""
    world = read.world(lab)
    walks = {
        " to ".join(each): asking.follow(world, asking.question(world.cluster, *each))
        for each in _WALKS
    }
    firsts = {said: walk.departures[0] for said, walk in walks.items() if walk.departures}
    return {
        said: Named(each.id, f"{each.place}: {each.actual}, not {each.expected}")
        for said, each in firsts.items()
    }


def tried(lab: live.Lab, folder: Path, fault: Fault) -> Tried:
    """Put a fault in, look, and take it out."""
    known = facts.gather(lab.api, lab.contract, lab.namespace).plain()
    try:
        faults.put_in(lab, folder, fault)
        time.sleep(_SETTLES)
        seen = check(lab)
        for _again in range(_TRIES):
            # A machine that is too busy to say has said nothing of the fault.
            unsaid = [name for name in fault.fails if seen[name].verdict == "skip"]
            seen |= check(lab, unsaid) if unsaid else {}
        failed = {name: each for name, each in seen.items() if each.verdict == "fail"}
        # Routers may leave out an answer, which verify gives some seconds for.
        unexplained = [name for name, each in failed.items() if not each.cause]
        for name, each in check(lab, unexplained).items() if unexplained else ():
            if each.verdict == "pass":
                del failed[name]
        causes = {name: named(each.cause) for name, each in failed.items()} or walked(lab)
    except LabError as error:
        return Tried([], [], {}, error.message)
    finally:
        faults.take_out(lab, folder)
    right = [name for name, each in causes.items() if each.meets(fault, known)]
    return Tried(
        missing=sorted(set(fault.fails) - set(failed)),
        right=right,
        wrong={
            name: f"{each.id} ({each.said})" for name, each in causes.items() if name not in right
        },
    )


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
    chosen = options.names or list(known)
    seen, unhealed = [], []
    for name in chosen:
        lab = live.lab(str(folder / "contract.json"), "default")
        found = tried(lab, folder, known[name])
        seen.append(found)
        print(f"{'found ' if found.found else 'MISSED'}  {name}: {found.line}", flush=True)
        if not healed(lab):
            unhealed.append(name)
            print(f"The lab does not hold again after {name}.", flush=True)
    failed = sum(not (each.missing or each.trouble) for each in seen)
    right = sum(each.found for each in seen)
    wrong = sum(bool(each.wrong) for each in seen)
    print(f"Of {len(chosen)} faults {failed} fail what they must, {right} are found. ", end="")
    print(f"For {wrong} some failed outcome names something else first, or nothing.")
    if not options.standing:
        runner(options.profile, "teardown")
    return 0 if right == len(chosen) and not unhealed else 1


if __name__ == "__main__":
    sys.exit(main())
