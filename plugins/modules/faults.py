"""Documentation of the action plugin ``faults``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: faults
short_description: Take faults out of a lab
description:
  - Takes out what C(runner.py break) put into a lab, as C(runner.py heal) does. If the lab doesn't
    exist, or no fault is in place, nothing happens.
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
  must:
    description: Whether it fails if the lab's API doesn't answer; the faults then stay noted.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Take out what was put in to be found
  latihan.lab.faults:
"""

RETURN = r"""
out:
  description: The titles of the faults that were taken out.
  type: list
  elements: str
  returned: success
"""
