"""Documentation of the action plugin ``outcomes``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: outcomes
short_description: Check outcomes on the live lab
description:
  - Reads outcomes from files and checks the entries before anything runs. A bad one ends the task
    with file, line and field.
  - Probes the network for all of them at the same time and compares what is seen with what the
    live facts say should be seen.
  - The task stays ok when an outcome doesn't hold, so that a run tells of all of them.
    M(latihan.lab.verdict) at the end fails the run.
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
  files:
    description: Files with outcomes; those of the collection if none are given.
    type: list
    elements: path
    default: []
  ids:
    description: The outcomes to check. Empty for all that the files have.
    type: list
    elements: str
    default: []
  vars:
    description: Values from the steps before, which the outcomes know as C(vars).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Check the paths between pods
  latihan.lab.outcomes:
    ids: [P7, P9]
"""

RETURN = r"""
outcomes:
  description: For each outcome its verdict and all that it was judged by, as C(report.json) has it.
  type: list
  elements: dict
  returned: always
facts:
  description:
    - The different moments of the lab that outcomes were judged by, each as M(latihan.lab.info)
      tells it. An outcome's C(moment) is the place of its own in this list.
  type: list
  elements: dict
  returned: when the outcomes were checked
ansible_facts:
  description: What the play goes on with.
  type: dict
  returned: when the outcomes were checked
  contains:
    outcomes_results:
      description: >-
        The verdicts of all outcomes that were checked so far in the run, by id;
        M(latihan.lab.verdict) reads them.
      type: dict
"""
