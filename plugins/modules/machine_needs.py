"""Documentation of the action plugin ``machine_needs``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: machine_needs
short_description: Choose what a lab machine must be sent
description:
  - Compares what the machine says of itself with what a lab needs, and fails if it can't have one.
version_added: "0.1.0"
author:
  - The latihan team
options:
  seen:
    description: >-
      What the machine says - its C(python), C(memory) and C(disk) in bytes, the digest of its
      C(project), and the folders of the cache that are C(missing).
    type: dict
    required: true
  python:
    description: The oldest Python that the lab runs with.
    type: str
    required: true
  archives:
    description: The archives that there are, as C(latihan.lab.machine_archives) returns them.
    type: list
    elements: dict
    default: []
  project:
    description: The project's archive.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Refuse an old Python
  latihan.lab.machine_needs:
    seen: {python: "3.9", memory: 4000000000, disk: 9000000000, project: "", missing: []}
    python: "3.11"
"""

RETURN = r"""
archives:
  description: The archives to send.
  type: list
  elements: dict
  returned: success
"""
