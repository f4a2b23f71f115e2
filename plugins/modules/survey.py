"""Documentation of the action plugin ``survey``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: survey
short_description: Measure who reaches whom in a cluster's network
description:
  - Makes two pods on each node that takes pods, one in the pod network and one in the node's
    network, and services for the first, in the lab's namespace. Each pod asks all the others, and
    the services, at the same time; what isn't as it should be is asked again, up to four times.
  - Returns what was found as matrices, which outcomes take as C(vars). Judges nothing itself.
  - What it makes stays, so that a diagnosis can look at it, until the state is C(absent). The pods
    end by themselves after half an hour.
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
  state:
    description:
      - C(present) removes what an earlier survey left, makes everything and asks.
      - C(absent) removes it.
    type: str
    choices: [present, absent]
    default: present
  seed:
    description: By what nodes and pairs are chosen if there are more than the survey is of.
    type: int
    default: 1
  nodes:
    description: How many nodes take part at most.
    type: int
    default: 50
  pairs:
    description:
      - How many pairs of nodes are asked at most; each direction is a pair.
      - Each node asks one other and is asked by one other in any case.
    type: int
    default: 1000
  port:
    description:
      - The port where the pods answer; those in a node's network answer there on that node. They
        use the next one too.
    type: int
    default: 18471
  outside:
    description: Names outside the cluster that the pods are to resolve.
    type: list
    elements: str
    default: []
  replace_images:
    description:
      - Images to use instead of others. That of the pods is C(python:3.11-slim); any other has to
        have C(python3), 3.10 or newer, in its PATH.
      - The default is the task's variable C(lab_images).
    type: dict
"""

EXAMPLES = r"""
- name: Measure the network
  latihan.lab.survey:
  register: found

- name: Show who does not reach whom
  ansible.builtin.debug:
    msg: "{{ found.matrices.values() | map(attribute='wrong') | flatten }}"

- name: Remove the pods and services
  latihan.lab.survey:
    state: absent
"""

RETURN = r"""
matrices:
  description:
    - What was found, by the matrix's name, such as C(pod_tcp). C(rows) asked and C(columns) were
      asked; each of the C(cells) has its C(reason) and whether that is C(right), which is null if
      it could not be measured. C(measured) counts those that could, C(wrong) has a sentence for
      each that isn't right, C(unmeasured) says why others could not be measured, and C(latency)
      has percentiles in seconds.
  type: dict
  returned: if the state is present
sample:
  description: How many nodes and pairs were surveyed, and how they were chosen.
  type: str
  returned: if the state is present
skipped_nodes:
  description: The nodes that did not take part, each with its reason.
  type: list
  elements: str
  returned: if the state is present
"""
