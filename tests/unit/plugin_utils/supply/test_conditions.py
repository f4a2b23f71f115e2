"""What doctor says of containers, WSL, limits and AppArmor, by what their kernels say."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import conditions
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.conditions import Conditions

# Debian 12 with systemd, as root in a session.
HEALTHY = Conditions(
    kernel="6.1.0-37-amd64\n",
    mounts="""\
sysfs /sys sysfs rw,nosuid,nodev,noexec,relatime 0 0
cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate,memory_recursiveprot 0 0
/dev/vda1 / ext4 rw,relatime,errors=remount-ro 0 0
""",
    limits="""\
Limit                     Soft Limit           Hard Limit           Units
Max file size             unlimited            unlimited            bytes
Max stack size            8388608              unlimited            bytes
Max address space         unlimited            unlimited            bytes
""",
    group_processes="2\n3\n",
    group_passes_on="cpuset cpu io memory pids\n",
)
# A machine whose control groups are of version 1, below a tmpfs that systemd makes read-only.
VERSION_1 = """\
tmpfs /sys/fs/cgroup tmpfs ro,nosuid,nodev,noexec,mode=755 0 0
cgroup /sys/fs/cgroup/cpuset cgroup rw,nosuid,nodev,noexec,relatime,cpuset 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,nosuid,nodev,noexec,relatime,xattr,name=systemd 0 0
"""
IN_DOCKER = "cgroup /sys/fs/cgroup cgroup2 ro,nosuid,nodev,noexec,relatime 0 0\n"


@pytest.mark.parametrize("seen", [HEALTHY, Conditions(), replace(HEALTHY, mounts=VERSION_1)])
def test_nothing_is_said_of_a_healthy_machine(seen: Conditions) -> None:
    assert [*conditions.judge(seen)] == []
    assert conditions.confinement("unconfined\n") == conditions.confinement("") == []


@pytest.mark.parametrize(
    ("seen", "ok", "said", "advice"),
    [
        (
            replace(HEALTHY, kmsg="No such file or directory"),
            False,
            "/dev/kmsg can't be read (No such file or directory), and the kubelet ends without it.",
            "--device /dev/kmsg",
        ),
        (
            replace(HEALTHY, mounts=IN_DOCKER),
            False,
            "Control groups are mounted read-only: /sys/fs/cgroup.",
            "writable",
        ),
        (
            replace(HEALTHY, mounts=VERSION_1.replace("cpuset cgroup rw", "cpuset cgroup ro")),
            False,
            "Control groups are mounted read-only: /sys/fs/cgroup/cpuset.",
            "writable",
        ),
        (
            replace(HEALTHY, group_events="populated 1\nfrozen 0\n", group_passes_on="\n"),
            False,
            (
                "The control group of this container has processes, so it can't pass on the"
                " controllers cpu, cpuset, memory, pids."
            ),
            "Move its processes into a group below it",
        ),
        (
            replace(HEALTHY, kernel="4.4.0-19041-Microsoft\n"),
            False,
            "This is WSL 1, which has no namespaces.",
            "wsl --set-version",
        ),
        (
            replace(HEALTHY, kernel="5.15.167.4-microsoft-standard-WSL2\n"),
            True,
            "This is WSL 2, where the lab was never tried.",
            "virtual machine",
        ),
        (
            replace(
                HEALTHY, limits="Max address space         1073741824           unlimited bytes\n"
            ),
            True,
            "The address space of a program is limited to 1073741824 bytes.",
            "ulimit -v unlimited",
        ),
    ],
)
def test_what_is_wrong_is_said(seen: Conditions, ok: bool, said: str, advice: str) -> None:
    (check,) = conditions.judge(seen)
    assert (check.ok, check.message, check.warning) == (ok, said, ok)
    assert advice in check.hint
    assert check.kind is Kind.MACHINE


# The first of a container's namespace, whose processes were moved below it.
@pytest.mark.parametrize(
    "seen",
    [
        replace(HEALTHY, group_events="populated 1\n", group_processes=""),
        replace(HEALTHY, group_events="populated 1\n"),
    ],
)
def test_a_container_that_passes_its_controllers_on_is_fine(seen: Conditions) -> None:
    assert [*conditions.judge(seen)] == []


def test_a_profile_of_apparmor_is_named() -> None:
    (check,) = conditions.confinement("docker-default (enforce)\n")
    assert check.warning
    assert "'docker-default'" in check.message
    assert conditions.confinement("chrome (unconfined)\n") == []
    assert conditions.confinement("system_u:system_r:init_t:s0\n") == []


def test_it_reads_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = conditions.read()
    assert "cgroup" in seen.mounts
    assert seen.limits.startswith("Limit")
    assert seen.kmsg == ""
    monkeypatch.setattr(conditions, "KMSG", tmp_path / "kmsg")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert conditions.read().kmsg == "No such file or directory"
