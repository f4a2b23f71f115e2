"""Documentation of the action plugin ``validate``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: validate
short_description: Check manifests and outcomes before they are used
description:
  - Reads manifests and files with outcomes. If one isn't valid, the task fails with its file and
    line, before anything is sent to a cluster.
version_added: "0.1.0"
author:
  - The latihan team
requirements:
  - jmespath
  - kubernetes
  - pydantic
options:
  manifests:
    description: Kubernetes manifests, or folders of them; the default is those of all roles.
    type: list
    elements: path
    default: []
  outcomes:
    description: Files with outcomes; the default is those of the collection.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Check what the role will apply
  latihan.lab.validate:
    manifests: ["{{ role_path }}/files"]
"""

RETURN = r"""
manifests:
  description: The manifests that were read.
  type: list
  elements: str
  returned: success
objects:
  description: How many objects are in them.
  type: int
  returned: success
ids:
  description: The ids of the outcomes that were read.
  type: list
  elements: str
  returned: success
"""
