"""Documentation of the action plugin ``verdict``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verdict
short_description: End a run with the verdict on its outcomes
description:
  - Fails if an outcome that M(latihan.lab.outcomes) checked earlier in the run doesn't hold, if
    none was checked, or if all were skipped. If an outcome was checked more than once, a fail
    counts before a pass, and a pass before a skip.
version_added: "0.1.0"
author:
  - The latihan team
requirements:
  - jmespath
  - pydantic
options:
  ids:
    description: Outcomes that must have been checked.
    type: list
    elements: str
    default: []
  hosts:
    description: Other hosts of the inventory whose outcomes count too.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Report the verdict
  latihan.lab.verdict:
"""

RETURN = r"""
checked:
  description: The ids of the outcomes that were checked.
  type: list
  elements: str
  returned: success
"""
