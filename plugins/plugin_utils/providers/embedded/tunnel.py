"""The lab's load balancer for its users: opened, closed, or kept open in the foreground."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import HOST, Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import cgroups, spaces

READY = "The tunnel is open."
_PROGRAM = f"{__package__}.balancer"
_LOOK_EVERY = 0.05


@dataclass(frozen=True)
class EmbeddedTunnel:
    """The tunnel of a lab for one namespace's services; an empty ``namespace`` means all."""

    profile: Profile
    namespace: str = ""

    @property
    def name(self) -> str:
        """Its name in its process's environment, and that of its files."""
        return f"tunnel-{self.namespace}" if self.namespace else "tunnel"

    @property
    def argv(self) -> list[str]:
        """The command that keeps it open in the foreground, until SIGINT or SIGTERM."""
        return [sys.executable, "-P", "-m", _PROGRAM, str(self.profile.contract), self.namespace]

    def is_open(self) -> bool:
        """Whether it is open."""
        return bool(self._pids())

    def open(self) -> None:
        """Open it in the background, and wait until it is open.

        Raises:
            LabError: it ended at once; the message says why.
        """
        log = self.profile.folder / f"{self.name}.log"
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=spaces.environment(self.profile, self.name),
                cwd="/",
                start_new_session=True,
            )
        # It must not end with the session or service that opened it.
        cgroups.join(cgroups.of(self.profile.name, HOST), process.pid)
        while READY not in (said := log.read_text(encoding="utf-8")):
            if process.poll() is not None:
                lines = said.strip().splitlines() or ["it printed nothing"]
                raise LabError(f"The tunnel can't be opened: {lines[-1]}", detail=said)
            time.sleep(_LOOK_EVERY)

    def close(self) -> None:
        """Close it; it removes its routes and addresses before it ends."""
        pids = self._pids()
        spaces.terminate(pids)
        spaces.wait_gone(pids)

    def _pids(self) -> list[int]:
        return spaces.processes(self.profile.name, self.profile.state, space=self.name)
