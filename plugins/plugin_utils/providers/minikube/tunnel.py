"""``minikube tunnel``: opened, closed, or kept open in the foreground.

It ends cleanly on SIGINT alone, so a small program of the lab's keeps it: run as
``tunnel PROFILE-FOLDER PROGRAM``, it passes SIGTERM on as SIGINT.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common import processes
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import seconds
from ansible_collections.latihan.lab.plugins.plugin_utils.common.processes import Process
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import (
    RUN_VARIABLE,
    Profile,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers import memory
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.minikube import answers

LOG, HELD = "tunnel.log", "tunnel.json"
_COLLECTIONS = Path(__file__).parents[7]
_OPENS_WITHIN = 60.0
_CLOSES_WITHIN = 60.0
_LOOK_EVERY = 0.1


@dataclass(frozen=True)
class MinikubeTunnel:
    """The tunnel of a lab; minikube's is for the services of all namespaces."""

    profile: Profile
    program: str

    @property
    def argv(self) -> list[str]:
        """The command that keeps it open in the foreground, until SIGINT or SIGTERM."""
        module = f"{__package__}.tunnel"
        return [sys.executable, "-P", "-m", module, str(self.profile.folder), self.program]

    def is_open(self) -> bool:
        """Whether it is open."""
        return self._held() is not None

    def open(self) -> None:
        """Open it in the background, and wait until minikube says that all is well."""
        log = self.profile.folder / LOG
        kept = {name: value for name, value in os.environ.items() if name != RUN_VARIABLE}
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**kept, "PYTHONPATH": str(_COLLECTIONS)},
                start_new_session=True,
            )
        ends = time.monotonic() + seconds(_OPENS_WITHIN)
        while (trouble := answers.tunnel_trouble(said := _text(log))) is None:
            if process.poll() is not None or time.monotonic() > ends:
                lines = said.strip().splitlines() or ["it printed nothing"]
                trouble = lines[-1].strip().rstrip(".")
                break
            time.sleep(_LOOK_EVERY)
        if trouble:
            self.close()
            raise LabError(
                f"The tunnel can't be opened: {trouble}.",
                "minikube sets a route with sudo, which must not ask for a password.",
                detail=said,
            )

    def close(self) -> None:
        """Close it; minikube takes its route and the addresses away."""
        held, ends = self._held(), time.monotonic() + seconds(_CLOSES_WITHIN)
        if held is None:
            return
        os.kill(held.pid, signal.SIGTERM)
        while held.runs:
            if time.monotonic() > ends:
                raise LabError(
                    f"minikube tunnel, process {held.pid}, doesn't end within "
                    f"{seconds(_CLOSES_WITHIN):g} s.",
                    f"End it by hand, then look at {self.profile.folder / LOG}.",
                )
            time.sleep(_LOOK_EVERY)

    def _held(self) -> Process | None:
        """The process that keeps it open; None if none does."""
        try:
            held = Process(**json.loads(_text(self.profile.folder / HELD)))
        except (ValueError, TypeError):
            return None
        return held if held.runs else None


def keep(folder: Path, program: str) -> int:
    """Keep the tunnel of a lab open until a signal ends it; returns minikube's exit code."""
    profile = Profile(folder.name, folder.parent)
    environment = {**os.environ, "KUBECONFIG": str(memory.kubeconfig(profile))}
    own = processes.of(os.getpid())
    held = folder / HELD
    held.write_text(json.dumps(asdict(own) if own else {}) + "\n", encoding="utf-8")
    argv = [program, "tunnel", "-p", profile.name]
    asked: list[int] = []
    with subprocess.Popen(argv, env=environment, process_group=0) as tunnel:

        def end(number: int, _frame: object) -> None:
            asked.append(number)
            tunnel.send_signal(signal.SIGINT)

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        returned = tunnel.wait()
    held.unlink(missing_ok=True)
    return 0 if asked else returned


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(keep(Path(sys.argv[1]), sys.argv[2]))
