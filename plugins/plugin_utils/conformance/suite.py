"""Running Kubernetes' end-to-end tests on a lab, from the network of the lab's host."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Reachable,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common import json_text
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import HOST
from ansible_collections.latihan.lab.plugins.plugin_utils.common.progress import Progress
from ansible_collections.latihan.lab.plugins.plugin_utils.common.streaming import stream
from ansible_collections.latihan.lab.plugins.plugin_utils.common.surroundings import direct
from ansible_collections.latihan.lab.plugins.plugin_utils.conformance import results
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import OutcomeResult

_LISTED_WITHIN = 300.0
# Tests with one of these words expect that no other test runs.
_ALONE = ("[Serial]", "[Disruptive]")


@dataclass(frozen=True)
class Choice:
    """Which tests to run, and how many at a time.

    ``focus`` and ``skip`` are regular expressions of Go (RE2); an empty ``skip`` skips nothing.
    """

    focus: str
    skip: str
    workers: int

    @property
    def flags(self) -> list[str]:
        """The tests' flags for it."""
        skip = [f"--ginkgo.skip={self.skip}"] if self.skip else []
        return [f"--ginkgo.focus={self.focus}", *skip]


@dataclass(frozen=True)
class Suite:
    """The tests, and the lab that they run on.

    Args:
        programs: the folder with ``e2e.test`` and ``ginkgo``.
        contract: the lab.
    """

    programs: Path
    contract: Contract

    def run(self, choice: Choice) -> list[OutcomeResult]:
        """Run the chosen tests.

        Returns:
            An outcome for each.

        Raises:
            LabError: the tests can't be run, or none is chosen.
        """
        if choice.workers < 1:
            raise LabError(
                f"{choice.workers} tests can't run at a time.",
                "Set conformance_workers to 1 or more.",
                Kind.INPUT,
            )
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            folder = Path(name)
            tests = results.chosen(self._listed(choice, folder / "listed"))
            if not tests:
                raise LabError(
                    f"No test is chosen by focus {choice.focus!r} and skip {choice.skip!r}.",
                    "They are regular expressions over the tests' names; brackets need a \\.",
                    Kind.INPUT,
                )
            self._remove_earlier()
            failure = self._ran(choice, tests, folder / "ran")
            report = _reports(folder / "ran")
            if failure and not report:
                raise failure
            return results.outcomes(tests, report)

    def _listed(self, choice: Choice, reports: Path) -> results.Report:
        """All tests; those that aren't chosen are skipped."""
        flags = ["--ginkgo.dryRun", "--ginkgo.noColor", f"--report-dir={reports}", *choice.flags]
        done = run(
            [str(self.programs / "e2e.test"), *flags],
            check=False,
            timeout=_LISTED_WITHIN,
            env=_environment(reports.parent),
        )
        listed = _reports(reports)
        if not listed:
            said = (done.stderr + done.stdout).strip().splitlines()
            raise LabError(
                f"The tests can't be listed: {said[-1] if said else 'they say nothing'}",
                "Are focus and skip valid regular expressions?",
                Kind.INPUT,
                done.stdout + done.stderr,
            )
        return listed

    def _ran(self, choice: Choice, tests: Mapping[str, str], reports: Path) -> LabError | None:
        """Run the tests; returns why they ended with a failure, if they did."""
        alone = any(word in name for name in tests.values() for word in _ALONE)
        workers = 1 if alone else min(choice.workers, len(tests))
        progress = Progress("tests run", len(tests))

        def see(line: str) -> None:
            if results.finished(line):
                progress.advance(min(progress.done + 1, progress.total))

        argv = [
            *(str(self.programs / "ginkgo"), f"-nodes={workers}", "-stream", "-noColor"),
            *(f"-focus={choice.focus}", *([f"-skip={choice.skip}"] if choice.skip else [])),
            *(str(self.programs / "e2e.test"), "--", *self._flags(), f"--report-dir={reports}"),
        ]
        try:
            stream([*self._inside(), *argv], see, env=_environment(reports.parent), contain=True)
        except LabError as error:
            if error.kind is Kind.MACHINE:
                raise
            return error
        return None

    def _flags(self) -> list[str]:
        contract = self.contract
        return [
            f"--kubeconfig={contract.kubeconfig}",
            # The kubeconfig's own address is this machine's; the host reaches the API's.
            f"--host=https://{self._api()}",
            f"--kubectl-path={contract.kubectl}",
            "--provider=skeleton",
            "--container-runtime=remote",
            # Nothing can be fetched from the nodes by SSH.
            "--disable-log-dump",
        ]

    def _inside(self) -> Sequence[str]:
        """The command line that enters the host's network, and keeps this machine's files."""
        enter = self.contract.enter(HOST)
        reach = self.contract.host
        if isinstance(reach, Reachable) and reach.process:
            return ("nsenter", f"--net=/proc/{reach.process.pid}/ns/net", "--")
        return enter

    def _api(self) -> str:
        """Address and port of the API in the lab's network."""
        found = self._kubectl("get", "endpoints", "kubernetes", "-n", "default", "-o", "json")
        subset = json_text.read(found)["subsets"][0]
        return f"{subset['addresses'][0]['ip']}:{subset['ports'][0]['port']}"

    def _remove_earlier(self) -> None:
        """Remove the namespaces that an interrupted run left."""
        self._kubectl("delete", "namespaces", "-l", "e2e-run", "--ignore-not-found")

    def _kubectl(self, *arguments: str) -> str:
        return run(self.contract.kubectl_command(*arguments), timeout=300, env=direct()).stdout


def _environment(folder: Path) -> dict[str, str]:
    """The tests' environment: no proxies, and nothing of theirs in the user's home."""
    return {**direct(), "HOME": str(folder), "TMPDIR": str(folder)}


def _reports(folder: Path) -> dict[str, results.Ran]:
    """What the reports in a folder say; nothing if there are none."""
    files = sorted(folder.glob("junit_*.xml"))
    return results.merged(results.read(path.read_bytes(), path.name) for path in files)
