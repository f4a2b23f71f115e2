"""``kubectl``, ``shell``, ``url`` and ``status`` on a cluster that is only a contract."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Missing,
    Node,
    Reach,
    Reachable,
    Stopped,
    write,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common import processes as numbered
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from latihan.base import locks, processes
from latihan.base.project import Project
from latihan.cli import main
from latihan.commands import status
from latihan.commands.url import urls

EMBEDDED = providers.named(providers.DEFAULT)
NODES = (
    Node("latihan", "192.0.2.2", Reachable(("env", "NODE=one"))),
    Node("latihan-m02", "192.0.2.3", Stopped()),
)


def contract(**fields: Any) -> Contract:
    usual: dict[str, Any] = {
        "profile": "latihan",
        "provider": "embedded",
        "kubeconfig": "/k/config",
        "kubectl": "kubectl",
        "host_address": "192.0.2.1",
        "host": Reachable(("env", "NODE=host")),
        "nodes": NODES,
    }
    return Contract(**{**usual, **fields})


def service(name: str, kind: str, *ports: int) -> dict[str, Any]:
    listed = [{"port": 80, **({"nodePort": port} if port else {})} for port in ports]
    return {"metadata": {"name": name}, "spec": {"type": kind, "ports": listed}}


@pytest.fixture
def up(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A cluster whose kubectl is a script with that body."""
    monkeypatch.setattr("os.geteuid", lambda: 0)

    def make(script: str) -> None:
        kubectl = tmp_path / "kubectl"
        kubectl.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        kubectl.chmod(0o755)
        project.profile("latihan").folder.mkdir(parents=True)
        write(project.contract("latihan"), contract(kubectl=str(kubectl)))

    return make


def run(project: Project, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command line in its own process: some commands become another program."""
    code = (
        "import os, sys; from pathlib import Path; from latihan.cli import main;"
        "from latihan.base.project import Project; os.geteuid = lambda: 0;"
        "sys.exit(main(sys.argv[4:], Project(*map(Path, sys.argv[1:4]))))"
    )
    folders = map(str, (project.root, project.cache, project.state))
    return subprocess.run(
        [sys.executable, "-c", code, *folders, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )


PROXIES = {"HTTPS_PROXY": "http://192.0.2.9:1", "all_proxy": "socks5://192.0.2.9:1"}
SEEN = 'echo "seen: $HTTPS_PROXY$all_proxy:$PATH"'


def test_what_speaks_to_the_lab_needs_no_path_and_uses_no_proxy(
    project: Project, up: Callable[[str], None]
) -> None:
    up(f"{SEEN} >&2; exit 1")
    usual = {**PROXIES, "PATH": "/nowhere"}
    assert "seen: :" in run(project, "kubectl", "get", "pods", **usual).stderr
    assert "seen: :" in run(project, "url", "s1", **usual).stderr
    entered = run(project, "shell", "latihan", "--", "sh", "-c", SEEN, **usual).stdout
    assert "seen: :" in entered
    # The system's tools are found all the same, on a node too.
    assert ":/nowhere:/usr/local/sbin:" in entered


def test_kubectl_gets_all_arguments_and_gives_its_exit_code(
    project: Project, up: Callable[[str], None]
) -> None:
    up('echo "$@"; exit 7')
    done = run(project, "kubectl", "get", "pods", "--profile", "x", "-o", "wide", "--help")
    assert done.returncode == 7
    assert done.stdout.split() == [
        "--kubeconfig=/k/config",
        *("get", "pods", "--profile", "x", "-o", "wide", "--help"),
    ]


def test_a_kubectl_that_is_gone_is_named(project: Project, up: Callable[[str], None]) -> None:
    up("true")
    write(project.contract("latihan"), contract(kubectl="/no/such/kubectl"))
    done = run(project, "kubectl", "get", "pods")
    assert done.returncode == 3
    assert "/no/such/kubectl can't be run" in done.stderr


def test_shell_runs_a_command_where_it_is_told_to(
    project: Project, up: Callable[[str], None]
) -> None:
    up("true")
    asked = ("--", "sh", "-c", "echo in $NODE; exit 3")
    for name, said in (("latihan", "in one"), ("host", "in host")):
        done = run(project, "shell", name, *asked)
        assert (done.stdout.strip(), done.returncode) == (said, 3)
    stopped = run(project, "shell", "latihan-m02")
    assert stopped.returncode == 2
    assert "is stopped" in stopped.stderr
    unknown = run(project, "shell", "latihan-m03")
    assert unknown.returncode == 2
    assert "latihan, latihan-m02" in unknown.stderr


def test_nobody_enters_what_has_the_numbers_of_a_lab_now(
    project: Project, up: Callable[[str], None]
) -> None:
    up("true")
    process = numbered.of(os.getpid())
    assert process is not None
    gone = Reachable(("env",), replace(process, started=process.started - 1))
    nodes = tuple(replace(node, reach=gone) for node in NODES)
    write(project.contract("latihan"), contract(host=gone, nodes=nodes))
    for name, said in (("latihan", "The node 'latihan' is stopped"), ("host", "The lab 'latihan'")):
        done = run(project, "shell", name, "--", "echo", "entered")
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert "runner.py start" in done.stderr
    assert "stopped" in run(project, "status").stdout
    tunnel = run(project, "tunnel")
    assert tunnel.returncode == 2
    assert "is stopped" in tunnel.stdout


@pytest.mark.parametrize("name", ["cache", "state"])
def test_nothing_is_read_that_another_user_may_have_written(
    project: Project, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder: Path = getattr(project, name)
    folder.mkdir()
    folder.chmod(0o777)
    assert main(["status"], project) == 3
    assert f"{folder} can be written by other users" in capsys.readouterr().err.replace("\n", " ")


def test_a_result_that_can_not_be_written_is_an_error(project: Project) -> None:
    code = (
        "import sys; from pathlib import Path; from latihan.cli import main;"
        "from latihan.base.project import Project;"
        "sys.exit(main(['list'], Project(*map(Path, sys.argv[1:4]))))"
    )
    folders = map(str, (project.root, project.cache, project.state))
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-c", code, *folders],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert done.stderr.startswith("runner.py: No space is left on a disk.\n")


def test_a_provider_may_have_no_way_in(project: Project, up: Callable[[str], None]) -> None:
    up("true")
    write(project.contract("latihan"), contract(host=Missing("There is no host.")))
    done = run(project, "shell", "host", "--", "echo", "entered")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("runner.py: There is no host.\n")


def test_url_is_of_the_first_node_that_runs() -> None:
    found = [service("s1", "NodePort", 30080, 30081), service("s2", "LoadBalancer", 31000)]
    assert list(urls(contract(), found, "s1")) == [
        "http://192.0.2.2:30080",
        "http://192.0.2.2:30081",
    ]
    stopped = contract(nodes=NODES[::-1])
    assert list(urls(stopped, found, "s2")) == ["http://192.0.2.2:31000"]


def test_url_refuses_what_has_no_address_outside() -> None:
    found = [service("s1", "ClusterIP", 0), service("web", "NodePort", 30080)]
    with pytest.raises(LabError, match="ClusterIP"):
        list(urls(contract(), found, "s1"))
    with pytest.raises(LabError, match="no service 'wbe'") as caught:
        list(urls(contract(), found, "wbe"))
    assert "web" in caught.value.hint


def test_url_and_status_read_the_cluster(
    project: Project,
    up: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    nodes = [{"metadata": {"name": node.name}, "status": ready} for node in NODES]
    answers = {"services": [service("s1", "NodePort", 30080)], "nodes": nodes}
    for name, items in answers.items():
        (tmp_path / name).write_text(json.dumps({"items": items}), encoding="utf-8")
    up(f'case "$*" in *services*) cat {tmp_path}/services;; *) cat {tmp_path}/nodes;; esac')
    assert main(["url", "s1"], project) == 0
    assert capsys.readouterr().out == "http://192.0.2.2:30080\n"
    # One node is stopped.
    assert main(["status"], project) == 1
    said = capsys.readouterr().out
    assert "answers" in said
    assert "stopped" in said
    write(project.contract("latihan"), contract(kubectl=str(tmp_path / "kubectl"), nodes=NODES[:1]))
    assert main(["status"], project) == 0


def test_a_cluster_that_does_not_answer(
    project: Project, up: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    up("echo refused >&2; exit 1")
    assert main(["url", "s1"], project) == 4
    assert "doesn't answer: refused" in capsys.readouterr().err
    assert main(["status"], project) == 1
    assert "does not answer" in capsys.readouterr().out


def test_status_without_a_cluster(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert main(["status"], project) == 1
    assert "There is no cluster 'latihan'" in capsys.readouterr().out
    project.profile("latihan").folder.mkdir(parents=True)
    assert main(["status"], project) == 1
    assert "The cluster 'latihan' is only half made." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("reach", "ready", "said"),
    [
        (Stopped(), "True", "stopped"),
        (Reachable(()), "True", "Ready"),
        (Reachable(()), "False", "not ready"),
        (Reachable(()), "Unknown", "not ready"),
        (Missing(""), None, "unknown"),
        (Missing(""), "True", "Ready"),
    ],
)
def test_states(reach: Reach, ready: str | None, said: str) -> None:
    assert status.state(reach, ready) == said


def test_memory_is_of_the_processes_and_their_descendants() -> None:
    script = "sleep 60 & sleep 60 & wait"
    with subprocess.Popen(["sh", "-c", script], start_new_session=True) as parent:
        deadline = time.monotonic() + 10
        while (used := processes.usage([parent.pid])).processes < 3:
            assert time.monotonic() < deadline
        assert used.memory > 0
        assert processes.usage([parent.pid, os.getpid()]).processes > 3
        os.killpg(parent.pid, signal.SIGKILL)
    assert processes.usage([parent.pid]) == processes.Usage(0, 0)


def test_a_tunnel_ends_well_when_asked_to(
    project: Project, up: Callable[[str], None], tmp_path: Path
) -> None:
    up("true")
    (tmp_path / "pretended.py").write_text(
        "import signal, sys, time\n"
        "signal.signal(15, lambda *_: sys.exit('put away'))\n"
        "print('open', sys.argv[1], flush=True)\n"
        "time.sleep(60)\n",
        encoding="utf-8",
    )
    code = (
        "import sys; from pathlib import Path; from latihan.cli import main;"
        "from latihan.base.project import Project;"
        "from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import "
        "tunnel;"
        "tunnel._PROGRAM = 'pretended';"
        "sys.exit(main(['tunnel'], Project(*map(Path, sys.argv[1:4]))))"
    )
    folders = map(str, (project.root, project.cache, project.state))
    with subprocess.Popen(
        [sys.executable, "-c", code, *folders],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == f"open {project.contract('latihan')}\n"
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=20)
    assert said == "put away\n"
    assert program.returncode == 0


@pytest.fixture
def teardown(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with a playbook to take labs down, on a machine on which no run works."""
    play = "---\n- name: Take the lab down\n  hosts: lab\n"
    (project.playbooks / "teardown.yml").write_text(play, encoding="utf-8")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("latihan.run.stragglers.marked_labs", set)


@pytest.mark.usefixtures("teardown")
def test_all_labs_of_the_machine(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those with processes count wherever their folders are; other folders are no labs."""
    elsewhere = project.root / "elsewhere"
    (project.state / "of-a-test").mkdir(parents=True)
    (project.state / "photos").mkdir()
    (project.state / "photos" / "cat.jpeg").touch()
    (project.state / "way-out").symlink_to(elsewhere)
    (elsewhere / "of-a-test-2").mkdir(parents=True)
    marks = {"LATIHAN_PROFILE": "of-a-test-2", "LATIHAN_STATE_FOLDER": str(elsewhere)}
    with subprocess.Popen(["sleep", "60"], env=marks) as process:
        mine = {lab for lab in providers.labs(project.state) if project.root in lab.state.parents}
        mine |= {lab for lab in providers.labs(project.state) if lab.state == project.state}
        assert mine == {Profile("of-a-test", project.state), Profile("of-a-test-2", elsewhere)}
        # Labs of this machine that are none of the test's stay as they are.
        monkeypatch.setattr(providers, "labs", lambda state: dict.fromkeys(mine, EMBEDDED))
        assert main(["status", "--all"], project) == 1
        said = capsys.readouterr().out
        assert said.count("half made") == 2
        with locks.lock_profile(project.locks, "of-a-test", "somebody's run"):
            assert main(["teardown", "--all"], project) == 2
        assert "of-a-test stays: The profile 'of-a-test' is in use" in capsys.readouterr().out
        assert process.wait(timeout=5) == -signal.SIGKILL
    assert not (elsewhere / "of-a-test-2").exists()
    assert main(["teardown", "--all"], project) == 0
    assert {path.name for path in project.state.iterdir()} == {"photos", "way-out"}


@pytest.mark.usefixtures("teardown")
def test_a_machine_without_labs(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(providers, "labs", lambda state: {})
    for command in ("status", "teardown"):
        assert main([command, "--all"], project) == 0
        assert "There is no lab on this machine." in capsys.readouterr().out
