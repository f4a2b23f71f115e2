"""Which engines fit, and what a person reads if one doesn't."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from latihan.container import engine
from latihan.container.engine import ContainerError, EngineInfo

# The fields that are read, of what `info --format '{{json .}}'` printed.
DOCKER = {
    "ServerVersion": "20.10.24+dfsg1",
    "OSType": "linux",
    "SecurityOptions": ["name=seccomp,profile=default"],
}
PODMAN = {
    "host": {"os": "linux", "security": {"rootless": False, "seccompEnabled": True}},
    "version": {"APIVersion": "4.3.1", "Version": "4.3.1"},
}
FITS = EngineInfo("docker", (20, 10), rootless=False, system="linux")


def test_an_engine_is_known_by_its_answer_not_by_its_name() -> None:
    assert engine.parsed(json.dumps(DOCKER)) == FITS
    assert engine.parsed(json.dumps(PODMAN)) == EngineInfo("podman", (4, 3), False, "linux")
    for said in ("", "null", "[]", "{}", '{"ServerVersion": ""}', '{"host": {}}'):
        assert engine.parsed(said) is None


@pytest.mark.parametrize("option", ["name=rootless", "name=userns"])
def test_a_user_namespace_is_seen(option: str) -> None:
    said = json.dumps(DOCKER | {"SecurityOptions": ["name=cgroupns", option]})
    about = engine.parsed(said)
    assert about is not None
    assert "without root" in engine.unfit(about)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        (FITS, ""),
        (
            EngineInfo("docker", (19, 3), False, "linux"),
            "Docker 19.3 is too old: the lab needs 20.10",
        ),
        (EngineInfo("podman", (3, 4), False, "linux"), "Podman 3.4 is too old: the lab needs 4.0"),
        (EngineInfo("docker", (28, 2), False, "windows"), "Switch it to Linux containers."),
        (EngineInfo("podman", (5, 0), True, "linux"), "`podman machine set --rootful`"),
    ],
)
def test_what_an_engine_lacks(about: EngineInfo, words: str) -> None:
    said = engine.unfit(about)
    assert words in said
    assert bool(said) == bool(words)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\nerrors",
            "Docker doesn't answer: ERROR: Cannot connect",
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///x",
            "You may not use Docker's socket. Run it as root",
        ),
        ("", "Docker doesn't work here: it printed nothing."),
    ],
)
def test_an_engine_that_does_not_answer(said: str, words: str) -> None:
    assert engine.unreachable("docker", said).startswith(words)


def test_a_complaint_in_the_answer() -> None:
    said = json.dumps({"ServerVersion": "", "OSType": "", "ServerErrors": ["Cannot connect to x"]})
    assert engine.parsed(said) is None
    assert engine.complaint(said) == "Cannot connect to x"
    assert engine.complaint("something else") == "something else"


def test_the_reason_is_one_line() -> None:
    said = (
        "docker: Error response from daemon: OCI runtime create failed: operation not permitted.\n"
        "See 'docker run --help'.\n"
    )
    assert engine.reason(said).endswith("operation not permitted.")
    assert engine.reason("unknown flag: --cgroupns\n") == "unknown flag: --cgroupns."


def test_engines_that_are_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, code, words in (
        ("lxc", 2, "takes docker or podman."),
        ("", 2, "takes docker or podman."),
        ("docker", 3, "Install Docker, or name the other engine."),
    ):
        with pytest.raises(ContainerError, match=words) as refused:
            engine.find(name)
        assert refused.value.code == code
