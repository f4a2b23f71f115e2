"""Images that can't be pulled."""

from __future__ import annotations

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import (
    ContainerInfo,
    PodInfo,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.unpulled import Pulls, Unpulled


def pod(reason: str, message: str = "", state: str = "waiting") -> PodInfo:
    container = ContainerInfo(name="c1", image="nope", state=state, reason=reason, message=message)
    return PodInfo(name="p1", uid="1", containers={"c1": container})


def test_between_two_attempts_the_registrys_words_are_kept() -> None:
    pulls = Pulls(12)
    assert pulls.see([pod("ErrImagePull", "nope: not found")], 100) is None
    assert pulls.due(100) == 12
    assert pulls.see([pod("ImagePullBackOff", "Back-off")], 105) is None
    assert pulls.see([pod("ImagePullBackOff", "Back-off")], 112) == Unpulled(
        "p1", "nope", 100, "nope: not found"
    )


def test_without_those_words_the_kubelets_count() -> None:
    pulls = Pulls(0)
    unpulled = pulls.see([pod("ImagePullBackOff", "Back-off")], 1)
    assert unpulled is not None
    assert unpulled.words == "Back-off"


def test_an_attempt_that_succeeds_begins_anew() -> None:
    pulls = Pulls(12)
    pulls.see([pod("ErrImagePull", "i/o timeout")], 100)
    assert pulls.see([pod("", state="running")], 110) is None
    assert pulls.due(110) is None
    assert pulls.see([pod("ErrImagePull", "i/o timeout")], 111) is None
    assert pulls.due(111) == 12


def test_another_reason_to_wait_is_none() -> None:
    assert Pulls(0).see([pod("ContainerCreating"), pod("CrashLoopBackOff")], 1) is None
