"""Measures all pairs of N pods over HTTP, compared with one ``kubectl exec`` for each probe.

Run as root, with warm caches: ``.venv/bin/python benchmarks/all_pairs.py``. The outcome is in
``all_pairs.yml`` and is checked in the way of ``verify``. ``kubectl exec`` is measured on a sample,
in the same run, on the same pods.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import live, waiting
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import compiled
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import PodInfo
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import checking, entries
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Verdict

ROOT = Path(__file__).parents[1]
PROFILE = "latihan-bench"
NAMESPACE = "pairs"
_MOST_ON_A_NODE = 100
# Otherwise the runtime copies 9,900 lines of access log, which are not part of a probe.
_UNLOGGED = """sed -i 's/access_log .*;/access_log off;/' /etc/nginx/nginx.conf
exec nginx -g 'daemon off;'"""


def pods(count: int, *, logged: bool, places: Sequence[str] = ()) -> str:
    """The manifest of ``count`` pods, each with a web server and a container that sends probes.

    Each is on the node in its place of ``places``, if there are any.
    """
    web: dict[str, Any] = {"name": "web", "image": "nginx"}
    if not logged:
        web["command"] = ["sh", "-c", _UNLOGGED]
    return yaml.safe_dump_all(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"pod{number}", "namespace": NAMESPACE},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                **({"nodeName": places[number]} if places else {}),
                "containers": [
                    web,
                    {"name": "tools", "image": "amazon/amazon-ecs-network-sidecar"},
                ],
            },
        }
        for number in range(count)
    )


def runner(name: str, *arguments: str) -> None:
    """Run a playbook on the benchmark's lab; ends the benchmark if it fails."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "runner.py"), name, "--profile", PROFILE, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{name} exited with {done.returncode}:\n{done.stdout}{done.stderr}")


def seconds(work: Callable[[], object]) -> float:
    """How long something takes, in seconds."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def kubectl(lab: Lab, *arguments: str, stdin: str = "") -> None:
    """Run kubectl; ends the benchmark if it fails."""
    argv = lab.contract.kubectl_command(*arguments)
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(argv)} exited with {done.returncode}:\n{done.stdout}{done.stderr}")


def ready(lab: Lab, count: int) -> dict[str, PodInfo]:
    """Wait for the pods; returns them as they are in the lab's info."""
    until = [compiled(f"length(values(pods)[?ready]) == `{count}`")]
    waited = waiting.wait(lab.api, lab.contract, NAMESPACE, waiting.Goal(until, timeout=600))
    if waited.unmet:
        sys.exit(waited.unmet)
    return waited.facts.pods


def check(lab: Lab) -> None:
    """Check the outcome once."""
    (entry,) = entries.load([Path(__file__).with_suffix(".yml")])
    (result,) = checking.check(lab, [entry], {}).results
    if result.verdict is not Verdict.PASS:
        sys.exit(result.reason)


def ask(lab: Lab, running: dict[str, PodInfo]) -> None:
    """Send one probe with ``kubectl exec``."""
    first, second = random.sample(list(running.values()), 2)
    curl = ("curl", "-s", "-o", "/dev/null", "--connect-timeout", "2", f"http://{second.ip}/")
    kubectl(lab, "-n", NAMESPACE, "exec", first.name, "-c", "tools", "--", *curl)


def main() -> None:
    """Measure, print a table, and remove the lab."""
    parser = argparse.ArgumentParser(description="Measure all pairs of N pods.")
    parser.add_argument("--pods", type=int, default=100, help="how many pods (100)")
    parser.add_argument("--rounds", type=int, default=5, help="how many rounds (5)")
    parser.add_argument("--sample", type=int, default=20, help="how many kubectl probes (20)")
    parser.add_argument("--log", action="store_true", help="let the pods log each request")
    options = parser.parse_args()
    nodes = max(2, -(-options.pods // _MOST_ON_A_NODE))
    try:
        runner("provision", "-e", json.dumps({"lab_nodes": nodes}))
        state = Path(os.environ.get("LATIHAN_STATE", "/var/lib/latihan"))
        lab = live.lab(str(state / PROFILE / "contract.json"), NAMESPACE)
        kubectl(lab, "create", "namespace", NAMESPACE)
        kubectl(lab, "apply", "-f", "-", stdin=pods(options.pods, logged=options.log))
        running = ready(lab, options.pods)
        ours = [seconds(lambda: check(lab)) for _ in range(options.rounds)]
        theirs = [seconds(lambda: ask(lab, running)) for _ in range(options.sample)]
    finally:
        runner("teardown")
    probes = options.pods * (options.pods - 1)
    middle, each = statistics.median(ours), statistics.median(theirs)
    print(
        f"{os.cpu_count()} cores, {options.pods} pods on {nodes} nodes, {probes} probes, "
        f"{'each logged' if options.log else 'none logged'}\n"
    )
    print("| What | median | range | per probe |\n|---|---|---|---|")
    for what, found, per in (
        (f"the outcome, {len(ours)} rounds", ours, middle / probes),
        (f"`kubectl exec`, {len(theirs)} probes", theirs, each),
    ):
        spread = f"{min(found):.2f} to {max(found):.2f} s"
        print(f"| {what} | {statistics.median(found):.2f} s | {spread} | {1000 * per:.2f} ms |")
    print(f"\n{each * probes / middle:.0f} times faster.")


if __name__ == "__main__":
    main()
