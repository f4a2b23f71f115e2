"""Documentation of the action plugin ``wait``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wait
short_description: Wait until something is true of the cluster
description:
  - Watches nodes, pods, services and endpoints, and continues as soon as every expression is true.
  - When the time is up, it says which expression isn't true and what was last seen, such as a
    pod's phase, the scheduler's message or why a container waits.
  - Does nothing in check mode.
version_added: "0.1.0"
author:
  - The latihan team
requirements:
  - jmespath
  - kubernetes
  - pydantic
extends_documentation_fragment:
  - latihan.lab.live
options:
  until:
    description: JMESPath expressions on the lab's facts. All must become true.
    type: list
    elements: str
    required: true
  query:
    description: Facts to return, as name and JMESPath expression, read when all are true.
    type: dict
    default: {}
  timeout:
    description: How long to wait, in seconds.
    type: int
    default: 60
  required:
    description: Whether the task fails when the time is up. If not, see RV(unmet).
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Wait for a pod
  latihan.lab.wait:
    until:
      - pods.p1.ready
    query:
      uid: pods.p1.uid
"""

RETURN = r"""
waited_s:
  description: How long it took, in seconds.
  type: float
  returned: when not in check mode
unmet:
  description: What was still not true when the time was up; empty if all became true.
  type: str
  returned: when not in check mode
answers:
  description: What the expressions of O(query) yield, by name.
  type: dict
  returned: always
"""
