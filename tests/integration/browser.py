"""A real browser, driven by its own protocol (https://chromedevtools.github.io/devtools-protocol).

Debian's chromium alone is enough: no driver, and nothing is downloaded by a test library.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import websocket

Document = dict[str, Any]

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
_PATIENCE = 60.0
_CODES = {"Tab": 9, "Enter": 13}


def chromium() -> str | None:
    """The browser, installed first if possible; None if there is none."""
    found = shutil.which("chromium")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing chromium with apt-get for the tests of the page.")
        # The lab that is made meanwhile may install something too.
        patience = f"DPkg::Lock::Timeout={_PATIENCE:.0f}"
        install = ["apt-get", "-o", patience, "install", "-y", "-q", "--no-install-recommends"]
        install.append("chromium")
        # Lists of packages may be missing or old.
        if not _apt(install) and _apt(["apt-get", "update", "-q"]):
            _apt(install)
        found = shutil.which("chromium")
    return found


def _apt(command: list[str]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return (
        subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0
    )


class Browser:
    """A browser with one page.

    Args:
        program: the browser.
        folder: an empty folder for its profile and its temporary files.
    """

    def __init__(self, program: str, folder: Path) -> None:
        self.events: list[Document] = []
        self._numbers = itertools.count(1)
        self._session = ""
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
            env={**os.environ, "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            port, path = self._address(folder / "DevToolsActivePort")
            self._socket = websocket.create_connection(
                f"ws://127.0.0.1:{port}{path}", timeout=_PATIENCE, suppress_origin=True
            )
            target = self.send("Target.createTarget", url="about:blank")["targetId"]
            attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
            self._session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Network", "Log"):
                self.send(f"{domain}.enable")
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def _address(self, file: Path) -> tuple[str, str]:
        """Where the browser listens: it writes that into its profile."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            lines = file.read_text(encoding="utf-8").split() if file.is_file() else []
            if len(lines) == 2:
                return lines[0], lines[1]
            time.sleep(0.05)
        raise RuntimeError("chromium does not start")

    def close(self) -> None:
        """End the browser."""
        self._socket.close()
        self._process.terminate()
        self._process.wait(timeout=_PATIENCE)

    def send(self, method: str, **parameters: Any) -> Document:
        """Send a command and wait for its answer; events that come meanwhile are kept."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            answer: Document = json.loads(self._socket.recv())
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                result: Document = answer["result"]
                return result
            self.events.append(answer)

    def open(self, page: Path) -> None:
        """Show a page, and forget what the one before did."""
        self.events.clear()
        self.send("Page.navigate", url=page.as_uri())
        end = time.monotonic() + _PATIENCE
        while self.evaluate("document.readyState") != "complete":
            assert time.monotonic() < end, "the page does not load"
            time.sleep(0.05)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if (kind, key) == ("keyDown", "Enter") else {}
            code = _CODES[key]
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key,
                windowsVirtualKeyCode=code, **text,
            )  # fmt: skip

    def screen(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Give the page a screen of that size."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=mobile,
        )  # fmt: skip

    def media(self, kind: str = "screen", scheme: str = "light") -> None:
        """Show the page on a medium (screen, print), light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", media=kind, features=features)

    def seen(self, method: str) -> list[Document]:
        """The events of one kind since the page was opened."""
        self.evaluate("0")
        return [event["params"] for event in self.events if event.get("method") == method]
