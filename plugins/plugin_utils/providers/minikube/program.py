"""The user's minikube, for one lab: its commands, and what comes of them."""

from __future__ import annotations

import os
import shlex
import time
from functools import cached_property

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import Completed, run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import (
    RUN_VARIABLE,
    Profile,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.progress import Progress
from ansible_collections.latihan.lab.plugins.plugin_utils.common.streaming import stream
from ansible_collections.latihan.lab.plugins.plugin_utils.providers import memory, programs
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.local import LocalSettings
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.minikube import answers
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.programs import in_one_line

NAME = "minikube"
OLDEST = (1, 26)  # The first that takes --subnet.
# Drivers whose nodes are containers of a program with the driver's name.
CONTAINERS = ("docker", "podman")
_STARTS_WITHIN = 1200.0
_STOPS_WITHIN = 300.0
_NOT_FOUND = 85
# minikube's ssh joins its arguments with spaces, and a shell on the node reads them.
_SSH = 'exec "$0" ssh -p "$1" -n "$2" -- sudo "$(shift 2; printf "%q " "$@")"'


class Minikube:
    """The commands of the article, on one profile. The user's own kubeconfig stays as it is."""

    def __init__(self, profile: Profile, settings: LocalSettings) -> None:
        self._profile = profile
        self._settings = settings

    @cached_property
    def path(self) -> str:
        """The program; LabError if there is none."""
        return programs.path_of(NAME, self._settings.program, "cluster_program")

    @property
    def environment(self) -> dict[str, str]:
        """The environment for it."""
        kept = dict(os.environ)
        if self._settings.driver not in CONTAINERS:
            # Its virtual machines are its children, and must outlive the run.
            kept.pop(RUN_VARIABLE, None)
        return {
            **kept,
            "KUBECONFIG": str(memory.kubeconfig(self._profile)),
            "MINIKUBE_WANTUPDATENOTIFICATION": "false",
        }

    def need(self) -> None:
        """See whether it is there, and not too old."""
        said = run([self.path, "version", "-o", "json"], check=False, env=self.environment)
        programs.need_version(NAME, answers.version(said.stdout), OLDEST)

    def exists(self) -> bool:
        """Whether minikube has a profile of the lab's name, or the remains of one."""
        listed = run([self.path, "profile", "list", "--light", "-o", "json"], check=False,
                     env=self.environment)  # fmt: skip
        return self._profile.name in answers.profiles(listed.stdout)

    def create(self) -> None:
        """``minikube start`` as in the article, with what the user chose."""
        asked = self._settings
        network = [f"--subnet={asked.network}"] if asked.driver in CONTAINERS else []
        version = [f"--kubernetes-version={asked.kubernetes}"] if asked.kubernetes else []
        self._start(
            f"--driver={asked.driver}",
            f"--cni={asked.cni}",
            f"--nodes={asked.nodes}",
            *network,
            f"--service-cluster-ip-range={asked.service_network}",
            f"--extra-config=kubeadm.pod-network-cidr={asked.pod_network}",
            *version,
            "--embed-certs",
            *asked.arguments,
        )

    def delete(self) -> None:
        """``minikube delete``."""
        self._do("delete", "delete", "-o", "json")

    def states(self) -> dict[str, bool]:
        """``minikube status``; its exit code says which parts don't run, so it is no failure."""
        said = self._run("status", "-o", "json")
        if said.returncode == _NOT_FOUND:
            return {}
        return answers.states(said.stdout)

    def start(self, node: str) -> None:
        """``minikube start``, or ``minikube node start``."""
        if node:
            self._do(f"start the node {node!r} of", "node", "start", node)
        else:
            self._start()

    def stop(self, node: str) -> None:
        """``minikube stop``, or ``minikube node stop``."""
        if node:
            self._do(f"stop the node {node!r} of", "node", "stop", node)
        else:
            self._do("stop", "stop", "--keep-context-active", "-o", "json")

    def enter(self) -> str:
        """``docker exec``, which passes exit codes on; for other drivers ``minikube ssh``."""
        if self._settings.driver in CONTAINERS:
            engine = programs.path_of(self._settings.driver, "", "cluster_driver")
            return shlex.join([engine, "exec", "{node}"])
        return shlex.join(["bash", "-c", _SSH, self.path, self._profile.name, "{node}"])

    def _start(self, *options: str) -> None:
        progress, lines = Progress("steps of minikube start", 0), list[str]()
        ends = time.monotonic() + seconds(_STARTS_WITHIN)
        fixed = ("--interactive=false", "--wait=all", "-o", "json", "-p", self._profile.name)

        def see(line: str) -> None:
            lines.append(line)
            if (step := answers.step(line)) and step.total >= step.number > progress.done:
                progress.total = step.total
                progress.advance(step.number)

        def look_at_the_clock() -> None:
            if time.monotonic() > ends:
                raise LabError(
                    f"`minikube start` took more than {seconds(_STARTS_WITHIN):g} s and was killed."
                )

        try:
            stream(
                [self.path, "start", *options, *fixed],
                see,
                env=self.environment,
                on_silence=look_at_the_clock,
            )
        except LabError as error:
            if known := answers.failure(lines):
                raise known.error(f"start the profile {self._profile.name!r}") from error
            raise

    def _do(self, what: str, *arguments: str) -> None:
        """Run a command that has to succeed; LabError with minikube's own reason."""
        done = self._run(*arguments)
        if done.returncode == 0:
            return
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        last = in_one_line(lines[-1]) if lines else f"it ended with {done.returncode}"
        known = answers.failure(lines) or answers.MinikubeFailure(last, exit_code=done.returncode)
        raise known.error(f"{what} the profile {self._profile.name!r}")

    def _run(self, *arguments: str) -> Completed:
        return run(
            [self.path, *arguments, "-p", self._profile.name],
            check=False,
            timeout=_STOPS_WITHIN,
            env=self.environment,
        )
