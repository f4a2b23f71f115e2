"""Documentation of the action plugin ``probe``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: probe
short_description: Probe the network without judging
description:
  - Runs probes, all at the same time, then reads logs, and returns what was seen. A step uses it to
    remember how something was before it changes it.
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
  probes:
    description: Probes by name, written as in an outcome.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: See what p1 serves
  latihan.lab.probe:
    probes:
      page:
        from: pod/p2/p2-c2
        http: http://${pods.p1.ip}/
"""

RETURN = r"""
probes:
  description: For each name the list of results, with C(reason), C(output), C(status) and more.
  type: dict
  returned: always
"""
