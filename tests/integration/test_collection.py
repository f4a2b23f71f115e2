"""A stranger's playbook uses the installed collection on a lab that stands."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.artifact import Installed
from tests.integration.labs import STATE, Lab

NAMESPACE = "stranger"
# A stranger need not have an inventory.
ENVIRONMENT = {
    "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    "ANSIBLE_LOCALHOST_WARNING": "false",
    "LATIHAN_STATE": str(STATE),
}
PLAY = """
- hosts: localhost
  gather_facts: false
  vars:
    lab_profile: {profile}
    lab_namespace: {namespace}
  roles:
    - latihan.lab.pods
  post_tasks:
    - latihan.lab.info:
        query:
          pods: keys(pods)
      register: seen
    - ansible.builtin.assert:
        that: seen.answers.pods | sort == ['p1', 'p2']
    - latihan.lab.verdict:
        ids: [P1, P2, P3, P4, P5, P6, P7]
"""


@pytest.fixture
def namespace(lab: Lab) -> Iterator[str]:
    """A Kubernetes namespace of its own, in which pods can be made."""
    lab.kubectl("create", "namespace", NAMESPACE)
    until = time.monotonic() + 20
    while "default" not in lab.kubectl("-n", NAMESPACE, "get", "serviceaccounts"):
        assert time.monotonic() < until
        time.sleep(0.1)
    yield NAMESPACE
    lab.kubectl("-n", NAMESPACE, "delete", "pods", "--all", "--force", "--grace-period=0")
    lab.kubectl("delete", "namespace", NAMESPACE)


def test_a_strangers_playbook_makes_pods(installed: Installed, lab: Lab, namespace: str) -> None:
    play = installed.place / "play.yml"
    play.write_text(PLAY.format(profile=lab.profile, namespace=namespace), encoding="utf-8")
    said = installed.run("ansible-playbook", play, "-v", **ENVIRONMENT)
    assert "All 7 outcomes hold" in said
    # Those of the lab itself are as they were.
    assert "p3" in lab.kubectl("get", "pods")
