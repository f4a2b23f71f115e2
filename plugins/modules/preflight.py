"""Documentation of the action plugin ``preflight``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Check the machine and the lab's values before anything is touched
description:
  - Checks that the user's values are valid (name, free address ranges) and that the machine can
    run the lab (root, system, control groups, namespaces, memory, disk).
  - Fails with the first thing that is wrong, and says what to do. It changes nothing.
version_added: "0.1.0"
author:
  - The latihan team
options:
  cache:
    description: The folder in which binaries and images are kept.
    type: path
    required: true
  state:
    description: The folder with the folders of all labs.
    type: path
    required: true
  profile:
    description: The name of the lab.
    type: str
    default: latihan
  nodes:
    description: How many nodes it has.
    type: int
    default: 2
  networks:
    description: Address ranges, by the name of the variable that a user would set.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Check the machine
  latihan.lab.preflight:
    cache: /var/cache/latihan
    state: /var/lib/latihan
    networks:
      lab_network: 192.168.49.0/24
"""

RETURN = r"""
checks:
  description: What was checked, each with C(name), C(ok), C(message), C(hint) and C(warning).
  type: list
  elements: dict
  returned: success
"""
