"""Documentation of the action plugin ``outcomes``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: outcomes
short_description: Check outcomes on the live lab
description:
  - Reads outcomes from files and checks the entries before anything runs. If one isn't valid, the
    task fails with its file, line and field.
  - Probes the network for all of them at the same time, and compares what is seen with what the
    live facts say should be seen.
  - The task doesn't fail if an outcome doesn't hold, so that a run reports all of them.
    M(latihan.lab.verdict) fails the run at its end.
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
    description: Files with outcomes; the default is those of the collection.
    type: list
    elements: path
    default: []
  ids:
    description: The outcomes to check; empty for all in the files.
    type: list
    elements: str
    default: []
  vars:
    description: Values from earlier steps, which the outcomes use as C(vars).
    type: dict
    default: {}
  seed:
    description:
      - By what nodes are chosen if there are more than O(most_nodes).
      - The default is the task's variable C(lab_seed), which is 1 if nothing sets it.
    type: int
  most_nodes:
    description:
      - How many nodes an outcome asks at most. Those where the lab's pods run are always asked. The
        outcome says so if it asked a part of them.
      - The default is the task's variable C(lab_most_nodes), which is 50 if nothing sets it.
    type: int
  standing:
    description:
      - Whether nobody has just changed the lab. An outcome that fails is then not waited for any
        longer once it is known that nothing in a cluster puts its cause right by itself.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Check the paths between pods
  latihan.lab.outcomes:
    ids: [P7, P9]
"""

RETURN = r"""
outcomes:
  description: For each outcome its verdict and what it is based on, as in C(report.json).
  type: list
  elements: dict
  returned: always
facts:
  description:
    - The different facts that outcomes were judged by, each as M(latihan.lab.info) returns them.
      An outcome's C(moment) is the place of its facts in this list.
  type: list
  elements: dict
  returned: when the outcomes were checked
ansible_facts:
  description: What later tasks of the play use.
  type: dict
  returned: when the outcomes were checked
  contains:
    outcomes_results:
      description: >-
        The verdicts of all outcomes that the run has checked so far, by id. M(latihan.lab.verdict)
        reads them.
      type: dict
"""
