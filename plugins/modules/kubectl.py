"""Documentation of the action plugin ``kubectl``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubectl
short_description: Run kubectl as a person would type it
description:
  - Runs the lab's own kubectl with its kubeconfig.
  - Manifests named by C(-f) are read first. One that doesn't parse ends the task with file and line
    before anything is sent.
  - Whether anything changed is read from what kubectl says, such as C(created) or C(unchanged).
  - In check mode the server is asked what it would do, where the command can do that.
version_added: "0.1.0"
author:
  - The latihan team
extends_documentation_fragment:
  - latihan.lab.live
options:
  argv:
    description: The words after C(kubectl).
    type: list
    elements: str
    required: true
  expect_failure:
    description: Whether the command has to be refused. One that isn't is a failure then.
    type: bool
    default: false
  reads:
    description: Whether the command changes nothing, where that can't be seen, as with C(exec).
    type: bool
    default: false
  timeout:
    description: Seconds until it is given up.
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
  description: The API's own words for a refusal, where C(-v=8) is among the words.
  type: dict
  returned: always
"""
