"""Documentation of the action plugin ``machine_record``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: machine_record
short_description: Note what becomes of a lab machine
description:
  - Writes C(machine.json) into the machine's folder on the controller. Without O(result) and
    O(ended) the machine's turn has just come.
  - If the machine has no lab that holds, it sets the fact C(lab_machine_trouble), a line that says
    what is wrong and what to do.
version_added: "0.1.0"
author:
  - The latihan team
requirements:
  - pydantic
options:
  folder:
    description: The folder of the room; the machine's is in it.
    type: path
    required: true
  machine:
    description: The machine's name.
    type: str
    required: true
  address:
    description: Where it is reached.
    type: str
    required: true
  keep:
    description: Whether what was fetched from the machine before stays, when its turn comes.
    type: bool
    default: false
  result:
    description: The result of the task that failed.
    type: dict
    default: {}
  step:
    description: The name of that task.
    type: str
    default: ""
  unit:
    description: Whether the machine has systemd, which starts the lab after a reboot.
    type: bool
    default: false
  ended:
    description: How the lab's run there ended.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Note that the machine's turn has come
  latihan.lab.machine_record:
    folder: artifacts/room
    machine: pc1
    address: 192.0.2.11
"""

RETURN = r"""
ansible_facts:
  description: The fact C(lab_machine_trouble).
  type: dict
  returned: when the machine has no lab that holds
"""
