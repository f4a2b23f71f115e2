"""Documentation of the action plugin ``wait``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wait
short_description: Wait until something is true of the cluster
description:
  - Watches nodes, pods, services and endpoints, and goes on as soon as every expression is true.
  - When the time is over it tells which expression isn't true and what was last seen, such as a
    pod's phase, the scheduler's words or why a container waits.
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
    description: JMESPath expressions over the lab's facts. All have to be true.
    type: list
    elements: str
    required: true
  query:
    description: Facts to hand over, as name and JMESPath expression, read when all is true.
    type: dict
    default: {}
  timeout:
    description: Seconds until it is given up.
    type: int
    default: 60
  required:
    description: Whether it is an error when the time is over. If not, the result tells of it.
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
  description: Seconds that it took.
  type: float
  returned: when not in check mode
unmet:
  description: What was still not true when the time was over; empty where all became true.
  type: str
  returned: when not in check mode
answers:
  description: What the expressions of O(query) yield, by name.
  type: dict
  returned: always
"""
