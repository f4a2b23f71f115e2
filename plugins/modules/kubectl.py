"""Documentation of the action plugin ``kubectl``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubectl
short_description: Run kubectl as a person would type it
description:
  - Runs the lab's own kubectl with its kubeconfig.
  - Manifests named by C(-f) are read first. If one isn't valid, the task fails with its file and
    line before anything is sent.
  - What kubectl prints, such as C(created) or C(unchanged), decides whether anything changed.
  - What a manifest makes is adapted to the lab. A pod with the annotation C(latihan.lab/node) runs
    on the lab's node with that number; one that selects C(name=latihan) selects O(node_label).
  - In check mode the server is asked what it would do, if the command can do that.
version_added: "0.1.0"
author:
  - The latihan team
requirements:
  - pydantic
extends_documentation_fragment:
  - latihan.lab.live
options:
  argv:
    description: The words after C(kubectl).
    type: list
    elements: str
    required: true
  expect_failure:
    description: Whether the command must be refused; the task then fails if it isn't.
    type: bool
    default: false
  reads:
    description: Set it if the command changes nothing and that can't be seen, as with C(exec).
    type: bool
    default: false
  replace_images:
    description: >-
      Images to use instead of those that manifests and C(--image) name, by that name. The default
      is the task's variable C(lab_images).
    type: dict
  node_label:
    description: >-
      The label that the lab puts on a node. The default is the task's variable C(lab_node_label).
    type: str
  timeout:
    description: How long the command may take, in seconds.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Run a pod
  latihan.lab.kubectl:
    argv: [run, p1, --image=nginx, --port=80]
"""

RETURN = r"""
command:
  description: What a person would type.
  type: str
  returned: always
stdout:
  description: What it printed.
  type: str
  returned: always
stderr:
  description: What it printed as errors.
  type: str
  returned: always
rc:
  description: Its exit code.
  type: int
  returned: always
refusal:
  description: The Status with which the API refused, if O(argv) has C(-v=8).
  type: dict
  returned: always
"""
