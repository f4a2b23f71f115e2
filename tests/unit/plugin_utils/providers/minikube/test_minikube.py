"""The provider for minikube: what it reads in minikube's answers, and what it refuses.

The minikube here is a script that prints what a test says; the one in tests/standins has a cluster.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import Wanted
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.local import LocalSettings
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.minikube import answers
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.minikube.program import (
    OLDEST,
    Minikube,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.minikube.provider import (
    PROVIDER,
)
from tests.wrong import mutations

NETWORKS = ("192.168.49.0/24", "10.244.0.0/16", "10.96.0.0/12")
ASKED = LocalSettings(2, *NETWORKS, driver="docker", cni="calico")
GOOD = {
    "version": json.dumps({"minikubeVersion": "v1.38.1", "commit": "c"}),
    "profile": json.dumps({"valid": [{"Name": "other"}], "invalid": []}),
}


def event(kind: str, **data: str) -> str:
    return json.dumps({"specversion": "1.0", "type": f"io.k8s.sigs.minikube.{kind}", "data": data})


def minikube(folder: Path, said: dict[str, str], code: int = 0) -> Path:
    """A minikube that prints a text by its first argument, and notes how it was called."""
    cases = "".join(
        f"{word}) printf '%s\\n' {shlex.quote(text)};;\n" for word, text in said.items()
    )
    path = folder / "minikube"
    path.write_text(
        f'#!/bin/sh\necho "$@" >> {folder}/asked\ncase "$1" in\n{cases}'
        f'start|stop|delete|node) exit {code};;\nesac\n[ "$1" != start ] || exit {code}\n'
    )
    path.chmod(0o755)
    return path


def wanted(folder: Path, **more: object) -> Wanted:
    options = {
        "driver": "docker",
        "cni": "calico",
        "program": str(folder / "minikube"),
        "kubectl": "true",
        **more,
    }
    return Wanted(2, *NETWORKS, options=options)


def refusal(folder: Path, **more: object) -> LabError:
    with pytest.raises(LabError) as told:
        PROVIDER.make(Profile("uji", folder / "state"), wanted(folder, **more), check=False)
    assert "\n" not in told.value.message
    return told.value


def test_what_minikube_answers() -> None:
    assert answers.version(GOOD["version"]) == (1, 38, 1)
    listed = {"valid": [{"Name": "a"}], "invalid": [{"Name": "b", "Config": None}]}
    assert answers.profiles(json.dumps(listed)) == {"a", "b"}
    one = {"Name": "a", "Host": "Running", "APIServer": "Paused"}
    assert answers.states(json.dumps(one)) == {"a": True}
    assert answers.states(json.dumps([one, {"Name": "a-m02", "Host": "Stopped"}])) == {
        "a": True,
        "a-m02": False,
    }
    assert answers.states("null") == {}


@pytest.mark.parametrize("text", ["", "minikube version: v1.5", "[]", "{}", '{"valid": [{}]}', "7"])
def test_an_answer_of_another_kind_is_named(text: str) -> None:
    with pytest.raises(LabError, match="The answer of `minikube version` can't be read"):
        answers.version(text)
    if text != "{}":
        with pytest.raises(LabError, match="The answer of `minikube profile list` can't be read"):
            answers.profiles(text)
    if text != "[]":
        with pytest.raises(LabError, match="The answer of `minikube status` can't be read"):
            answers.states(text)


def test_any_other_answer_is_refused_or_read() -> None:
    """Never a traceback, whatever part of an answer is missing, of another type or unknown."""
    nodes = [{"Name": "a", "Host": "Running"}, {"Name": "b", "Host": "Stopped"}]
    listed = {"valid": [{"Name": "a"}], "invalid": [{"Name": "b"}]}
    step = json.loads(event("step", currentstep="1", totalsteps="2", message="m"))
    error = json.loads(event("error", message="m", exitcode="14", advice="a"))
    read = ((answers.states, nodes), (answers.profiles, listed),
            (answers.version, {"minikubeVersion": "v1.38.1"}), (answers.step, step),
            (lambda text: answers.failure([text]), error))  # fmt: skip
    for reader, document in read:
        for _name, wrong in mutations(document):
            with contextlib.suppress(LabError):
                reader(json.dumps(wrong))


def test_steps_and_errors_are_read_from_the_events() -> None:
    step = event("step", currentstep="3", totalsteps="19", message="Starting\n node ", name="n")
    assert answers.step(step) == answers.StartStep(3, 19, "Starting node")
    assert answers.step(event("step", currentstep="", totalsteps="")) == answers.StartStep(0, 0, "")
    assert answers.step(event("info", message="x")) is None
    assert answers.step("! a warning of docker's") is None
    first = event("error", message="a first error")
    last = event("error", message="No docker.", exitcode="69", advice="Install it.", name="X")
    assert answers.failure([step, first, "text", last]) == answers.MinikubeFailure(
        "No docker", "Install it.", 69
    )
    assert answers.failure([step]) is None


@pytest.mark.parametrize(
    ("code", "kind"), [(14, Kind.INPUT), (26, Kind.MACHINE), (69, Kind.MACHINE), (80, Kind.STEP)]
)
def test_whose_trouble_a_failure_is(code: int, kind: Kind) -> None:
    assert answers.MinikubeFailure("why", exit_code=code).error("start it").kind is kind


def test_when_a_tunnel_is_open() -> None:
    status = "Status:\t\n\tmachine: a\n    errors: \n\t\tminikube: no errors\n"
    assert answers.tunnel_trouble("") is None
    assert answers.tunnel_trouble(status) is None
    assert answers.tunnel_trouble(f"{status}\t\trouter: no errors\n") == ""
    refused = f"{status}\t\trouter: sudo: a password is required\n"
    assert answers.tunnel_trouble(refused) == "router: sudo: a password is required"
    assert answers.tunnel_trouble(f"{refused}{status}\t\trouter: no errors\n") == ""
    assert answers.tunnel_trouble("✅  Tunnel successfully started\n") == ""


def test_no_program_and_an_old_one_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path).message == f"There is no program '{tmp_path}/minikube'."
    minikube(tmp_path, {**GOOD, "version": '{"minikubeVersion": "v1.25.2"}'})
    error = refusal(tmp_path)
    assert error.message == "minikube 1.25.2 is too old for the lab."
    assert error.hint.startswith(f"Install minikube {OLDEST[0]}.{OLDEST[1]} or newer")
    assert error.kind is Kind.MACHINE


def test_a_profile_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    minikube(tmp_path, {**GOOD, "profile": '{"valid": [], "invalid": [{"Name": "uji"}]}'})
    error = refusal(tmp_path)
    assert error.message.startswith("There is a minikube profile 'uji' that this lab didn't make")
    assert error.kind is Kind.INPUT
    asked = (tmp_path / "asked").read_text()
    assert "start" not in asked
    assert "delete" not in asked
    assert not PROVIDER.remove(Profile("uji", tmp_path / "state"), check=False)
    assert (tmp_path / "asked").read_text() == asked


def test_a_start_that_fails_gives_minikubes_own_reason_and_leaves_nothing(tmp_path: Path) -> None:
    why = event("error", message="Exiting: the docker driver\nis not healthy.", exitcode="69",
                advice="Start the Docker service")  # fmt: skip
    minikube(tmp_path, {**GOOD, "start": why}, code=69)
    error = refusal(tmp_path)
    said = "minikube can't start the profile 'uji': Exiting: the docker driver is not healthy."
    assert (error.message, error.hint, error.kind) == (
        said,
        "Start the Docker service",
        Kind.MACHINE,
    )
    assert not (tmp_path / "state" / "uji").exists()
    started = next(
        line for line in (tmp_path / "asked").read_text().splitlines() if line.startswith("start")
    )
    for option in ("--driver=docker", "--cni=calico", "--nodes=2", "-o json -p uji"):
        assert option in started


def test_a_lab_that_was_made_differently_is_refused(tmp_path: Path) -> None:
    minikube(tmp_path, GOOD)
    PROVIDER.memory.save(Profile("uji", tmp_path / "state"), ASKED)
    error = refusal(tmp_path, cni="flannel", arguments=["--memory=4g"])
    assert "cni is 'calico', not 'flannel'; arguments is (), not ('--memory=4g',)" in error.message
    assert error.kind is Kind.INPUT


def test_virtual_machines_are_entered_by_ssh(tmp_path: Path) -> None:
    """What minikube's ssh joins with spaces, the node's shell has to split as it was."""
    path = tmp_path / "minikube"
    path.write_text('#!/bin/sh\nshift 7\nexec sh -c "$*"\n')  # ssh -p P -n N -- sudo
    path.chmod(0o755)
    tool = Minikube(Profile("uji", tmp_path), replace(ASKED, driver="kvm2", program=str(path)))
    words = [*shlex.split(tool.enter()), "sh", "-c", "echo '1  2' \"$0\"", "a b"]
    words[words.index("{node}")] = "uji-m02"
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "1  2 a b\n"
    assert shlex.split(tool.enter())[-2:] == ["uji", "{node}"]


def test_options_that_there_are_not(tmp_path: Path) -> None:
    minikube(tmp_path, GOOD)
    error = refusal(tmp_path, unheard_of=1)
    assert error.message.startswith("The options of the provider 'minikube' are wrong")
