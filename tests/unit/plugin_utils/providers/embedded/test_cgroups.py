"""The lab's control groups, of version 1 and 2, in plain files that play the kernel's."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import cgroups

GROUP = cgroups.of("uji", "uji-m02")


class Kernel:
    """What the kernel does when something is written, as far as it decides what works.

    Args:
        root: the folder that plays /sys/fs/cgroup.
        refuses: controllers that can't be passed on.
    """

    def __init__(self, root: Path, refuses: frozenset[str] = frozenset()) -> None:
        self.root = root
        self.refuses = refuses

    def make(self, group: Path, has: str) -> None:
        """Make a group of version 2 that has these controllers."""
        os.makedirs(group, exist_ok=True)  # noqa: PTH103 - Path.mkdir calls this
        files = {"controllers": has, "subtree_control": "", "procs": ""}
        for name, text in (files | ({} if group == self.root else {"events": ""})).items():
            put(group / f"cgroup.{name}", text)

    def write(self, file: Path, text: str) -> None:
        """Write as the kernel would take it."""
        group = file.parent
        if file.name == "cgroup.subtree_control":
            name = text.removeprefix("+")
            if name in self.refuses:
                raise OSError(errno.EBUSY, "Device or resource busy")
            # The constraint that spares only the root.
            if (group / "cgroup.events").exists() and (group / "cgroup.procs").read_text():
                raise OSError(errno.EBUSY, "Device or resource busy")
            assert name in (group / "cgroup.controllers").read_text().split()
            text = f"{file.read_text()} {name}".strip()
        if file.name == "cgroup.procs" and (group / "cgroup.subtree_control").exists():
            assert not (group / "cgroup.subtree_control").read_text(), "it passes controllers on"
        put(file, text)


def put(file: Path, text: str) -> None:
    with file.open("w", encoding="ascii") as opened:
        opened.write(text)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cgroups, "CGROUPS", tmp_path)
    return tmp_path


def version_2(
    root: Path, monkeypatch: pytest.MonkeyPatch, has: str, refuses: frozenset[str] = frozenset()
) -> Kernel:
    kernel = Kernel(root, refuses)
    kernel.make(root, has)

    def mkdir(path: Path, **ignored: Any) -> None:
        if not path.exists():
            kernel.make(path, (path.parent / "cgroup.subtree_control").read_text())

    def write(path: Path, text: str) -> None:
        kernel.write(path, text)

    monkeypatch.setattr(Path, "write_text", write)
    monkeypatch.setattr(Path, "mkdir", mkdir)
    return kernel


def passes_on(group: Path) -> set[str]:
    return set((group / "cgroup.subtree_control").read_text().split())


def test_version_2_passes_controllers_down_to_a_leaf(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        version_2(root, patch, "cpuset cpu io memory hugetlb pids")
        # Of the machine's first group, which systemd has processes in.
        put(root / "cgroup.procs", "1\n")
        cgroups.join(GROUP, 17)
        cgroups.join(GROUP, 18)  # Again, as the process that waits for PID 1 does.
    space = root / GROUP
    for group in (root, root / "latihan", root / "latihan" / "uji", space):
        assert passes_on(group) == {"cpuset", "cpu", "io", "memory", "hugetlb", "pids"}
    assert (space / "cgroup.procs").read_text() == ""
    assert (space / "space" / "cgroup.procs").read_text() == "18"
    assert passes_on(space / "space") == set()


def test_a_controller_that_the_kubelet_does_not_need_may_be_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        version_2(root, patch, "cpuset cpu memory pids rdma misc", frozenset({"rdma"}))
        cgroups.join(GROUP, 17)
    assert passes_on(root / GROUP) == {"cpuset", "cpu", "memory", "pids", "misc"}


def test_one_that_it_needs_may_not(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        version_2(root, patch, "cpuset cpu memory pids", frozenset({"memory"}))
        with pytest.raises(OSError, match="busy") as refused:
            cgroups.join(GROUP, 17)
    assert refused.value.filename == str(root / "cgroup.subtree_control")


def test_version_1_has_a_group_in_every_hierarchy(root: Path) -> None:
    for name in ("cpu,cpuacct", "cpuset", "memory", "systemd", "unified"):
        (root / name).mkdir()
        (root / name / "cgroup.procs").write_text("")
    (root / "cpu").symlink_to("cpu,cpuacct")
    for setting, value in (("cpuset.cpus", "0-3\n"), ("cpuset.mems", "0\n")):
        (root / "cpuset" / setting).write_text(value)
        # The kernel makes these with the group.
        group = root / "cpuset"
        for part in Path(GROUP).parts:
            group /= part
            group.mkdir(exist_ok=True)
            (group / setting).write_text("\n")
    cgroups.join(GROUP, 17)
    for name in ("cpu,cpuacct", "cpuset", "memory", "systemd", "unified"):
        assert (root / name / GROUP / "cgroup.procs").read_text() == "17"
    assert (root / "cpuset" / GROUP / "cpuset.cpus").read_text() == "0-3\n"


def test_removing_a_lab_leaves_the_others(root: Path) -> None:
    (root / "memory" / cgroups.of("other", "host")).mkdir(parents=True)
    (root / "memory" / "cgroup.procs").write_text("")
    (root / "memory" / GROUP / "kubepods" / "burstable").mkdir(parents=True)
    assert cgroups.remove(cgroups.of("uji"))
    assert not cgroups.remove(cgroups.of("uji"))
    assert (root / "memory" / "latihan" / "other" / "host").is_dir()
    assert cgroups.remove(cgroups.of("other"))
    assert not (root / "memory" / "latihan").exists()
    assert (root / "memory").is_dir()


def test_a_group_that_goes_while_its_processes_are_listed(root: Path) -> None:
    (root / "cgroup.controllers").write_text("cpu")
    pods = root / GROUP / "kubepods" / "one"
    pods.mkdir(parents=True)
    (pods / "cgroup.procs").symlink_to("gone")
    assert cgroups.container_inits(GROUP) == []


# In a mount namespace: the machine's own hierarchy of version 2, whatever controllers it has.
ON_THE_KERNEL = f"""
import os, subprocess
from pathlib import Path
from {cgroups.__name__} import CGROUPS, join, of, remove

group = CGROUPS / of("of-a-test", "one")
programs = [subprocess.Popen(["sleep", "60"]) for _ in range(2)]
for each in programs:
    join(of("of-a-test", "one"), each.pid)
members = (group / "space" / "cgroup.procs").read_text().split()
assert members == [str(each.pid) for each in programs], members
has = (CGROUPS / "cgroup.controllers").read_text()
for level in (group, group.parent):
    assert (level / "cgroup.subtree_control").read_text() == has
assert (group / "space" / "cgroup.controllers").read_text() == has
for each in programs:
    each.kill()
    each.wait()
join(of("of-a-test", "one"), programs[0].pid)
assert remove(of("of-a-test"))
assert not group.parent.exists()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_the_kernel_takes_what_is_done_with_version_2() -> None:
    mount = f"umount -R {cgroups.CGROUPS}; mount -t cgroup2 none {cgroups.CGROUPS}"
    argv = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        f'{mount} || exit 77; exec "$@"',
        "sh",
        sys.executable,
    ]
    done = subprocess.run([*argv, "-c", ON_THE_KERNEL], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip(f"version 2 can't be mounted here: {done.stderr}")
    assert done.returncode == 0, done.stderr
