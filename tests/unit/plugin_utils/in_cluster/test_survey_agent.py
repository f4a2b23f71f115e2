"""The agent of a survey, asked as the lab asks it; all of it on the loopback interface."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.in_cluster import survey_agent
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.objects import PROGRAM

ME = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as found:
        found.bind((ME, 0))
        return int(found.getsockname()[1])


@pytest.fixture(name="environment", scope="module")
def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "SURVEY_PROGRAM": Path(survey_agent.__file__).read_text(encoding="utf-8"),
        "SURVEY_NAME": "me",
        "SURVEY_PORTS": f"{free_port()},{free_port()}",
        "SURVEY_ADDRESSES": ME,
    }


@pytest.fixture(name="ports", scope="module")
def _ports(environment: dict[str, str]) -> Iterator[list[int]]:
    argv = [sys.executable, *PROGRAM[1:]]
    serving = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True)
    assert serving.stdout is not None
    assert serving.stdout.readline() == "serving\n"
    yield [int(port) for port in environment["SURVEY_PORTS"].split(",")]
    serving.terminate()
    assert serving.wait(10) == 0


def test_it_answers_all_in_one_go(environment: dict[str, str], ports: list[int]) -> None:
    first, second = ports
    asks = [
        {"kind": "tcp", "to": ME, "port": first, "times": 2},
        {"kind": "tcp", "to": ME, "port": second},
        {"kind": "udp", "to": ME, "port": first},
        {"kind": "udp", "to": ME, "port": second},
        {"kind": "dns", "to": "localhost"},
    ]
    done = subprocess.run(
        [sys.executable, *PROGRAM[1:], "ask"],
        env=environment,
        input=json.dumps({"timeout": 2, "ask": asks}) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    twice, other, datagram, refused, name = json.loads(done.stdout)
    assert twice["answers"] == [{"name": "me", "seen": ME}] * 2
    assert len(twice["seconds"]) == 2
    assert other["reason"] == "ok"
    assert datagram["answers"] == [{"name": "me", "seen": ME, "length": 8}]
    assert (refused["reason"], refused["answers"]) == ("refused", [])
    assert ME in name["answers"][0]["addresses"]


def test_something_else_that_answers_is_no_agent() -> None:
    with socket.create_server((ME, 0)) as other:
        one = {"kind": "tcp", "to": ME, "port": other.getsockname()[1]}
        taken = socket.create_connection(other.getsockname())
        taken.close()
        (answer,) = survey_agent.ask({"timeout": 0.1, "ask": [one]})
    assert answer["reason"] == "timeout"


def test_the_checksum_of_rfc_1071() -> None:
    # The example of its section 3: the sum is ddf2.
    assert survey_agent.checksum(bytes.fromhex("0001f203f4f5f6f7")) == ~0xDDF2 & 0xFFFF


def test_reasons() -> None:
    missing = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert survey_agent.reason_of(missing) == "no_such_name"
    assert survey_agent.reason_of(socket.gaierror(socket.EAI_AGAIN, "later")) == "unresolved"
    assert survey_agent.reason_of(TimeoutError("timed out")) == "timeout"
    assert survey_agent.reason_of(OSError(113, "No route to host")) == "unreachable"
