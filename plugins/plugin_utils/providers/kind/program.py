"""The user's kind, for one lab: its commands, and those of the program that runs its containers."""

from __future__ import annotations

import os
import shlex
from functools import cached_property
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind as ErrorKind
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import Completed, run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers import (
    memory,
    programs,
    reading,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.kind import answers
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.local import LocalSettings

NAME = "kind"
OLDEST = (0, 11)  # The first whose configuration and kubeconfig are as they are today.
_MAKES_WITHIN = 1200.0
_ANSWERS_WITHIN = 120.0
_WAIT = "5m"


class KindProgram:
    """The commands of kind on one cluster. The user's own kubeconfig stays as it is."""

    def __init__(self, profile: Profile, settings: LocalSettings) -> None:
        self._profile = profile
        self._settings = settings

    @cached_property
    def path(self) -> str:
        """The program; LabError if there is none."""
        return programs.path_of(NAME, self._settings.program, "cluster_program")

    @cached_property
    def engine(self) -> str:
        """The program that runs the containers; LabError if there is none."""
        return programs.path_of(self._settings.driver, "", "cluster_driver")

    @property
    def environment(self) -> dict[str, str]:
        """The environment for it: it takes the engine by this variable alone."""
        return {**os.environ, "KIND_EXPERIMENTAL_PROVIDER": self._settings.driver}

    def need(self) -> None:
        """See whether it is there, and not too old, and whether its options make sense."""
        cni = self._settings.cni
        if cni != answers.KINDNET and not Path(cni).is_file():
            raise LabError(
                f"cluster_cni is {cni!r}, which kind doesn't bring.",
                f"Use {answers.KINDNET}, or the whole path of a manifest that installs one.",
                ErrorKind.INPUT,
            )
        said = run([self.path, "version", "-q"], check=False, env=self.environment)
        programs.need_version(NAME, answers.version(said.stdout), OLDEST)
        _path = self.engine

    def exists(self) -> bool:
        """Whether kind has a cluster of the lab's name."""
        return self._profile.name in answers.listed(
            self._do("list its clusters", "get", "clusters")
        )

    def create(self) -> None:
        """``kind create cluster``; then the control plane takes pods too."""
        image = [f"--image={self._settings.kubernetes}"] if self._settings.kubernetes else []
        path = memory.kubeconfig(self._profile)
        options = ["--config=-", f"--kubeconfig={path}", *self._name, *image]
        own = self._settings.cni == answers.KINDNET
        # Without a network no node becomes ready.
        wait = [f"--wait={_WAIT}"] if own else []
        self._do(
            f"make the cluster {self._profile.name!r}",
            *("create", "cluster", *options, *wait, *self._settings.arguments),
            within=_MAKES_WITHIN,
            stdin=answers.config(self._settings),
        )
        if not own:
            kubectl = [self._settings.kubectl, f"--kubeconfig={path}"]
            run([*kubectl, "apply", "-f", self._settings.cni], timeout=_ANSWERS_WITHIN)
        api = Api(path)
        for node in api.get(reading.NODES).get("items") or []:
            taints = node["spec"].get("taints") or []
            if (kept := answers.without_control_plane(taints)) != taints:
                where = f"{reading.NODES}/{node['metadata']['name']}"
                api.patch(where, {"spec": {"taints": kept}})

    def delete(self) -> None:
        """``kind delete cluster``."""
        path = memory.kubeconfig(self._profile)
        what = f"remove the cluster {self._profile.name!r}"
        self._do(what, "delete", "cluster", f"--kubeconfig={path}", *self._name)

    def states(self) -> dict[str, bool]:
        """``kind get nodes``, which lists stopped ones too; the engine knows which those are."""
        nodes = answers.listed(self._do("list its nodes", "get", "nodes", *self._name))
        if not nodes:
            return {}
        said = self._engine("inspect", "--format={{.State.Running}}", *nodes).stdout.split()
        return {node: runs == "true" for node, runs in zip(nodes, said, strict=True)}

    def start(self, node: str) -> None:
        """Start the containers; kind has no command for that."""
        self._engine("start", *self._meant(node))

    def stop(self, node: str) -> None:
        """Stop the containers; kind has no command for that."""
        self._engine("stop", *self._meant(node))

    def enter(self) -> str:
        """The engine's ``exec``, with the rights that the container itself has."""
        return shlex.join([self.engine, "exec", "--privileged", "{node}"])

    @property
    def _name(self) -> list[str]:
        return [f"--name={self._profile.name}"]

    def _meant(self, node: str) -> list[str]:
        return [node] if node else list(self.states())

    def _engine(self, *arguments: str) -> Completed:
        return run([self.engine, *arguments], timeout=_ANSWERS_WITHIN)

    def _do(
        self, what: str, *arguments: str, within: float = _ANSWERS_WITHIN, stdin: str = ""
    ) -> str:
        """What kind prints; LabError with its own reason if it fails, as it always does with 1."""
        argv = [self.path, *arguments]
        done = run(argv, check=False, timeout=within, env=self.environment, stdin=stdin)
        if done.returncode != 0:
            why = answers.reason(done.stderr)
            raise LabError(f"kind can't {what}: {why}.", detail=done.stderr.strip())
        return done.stdout
