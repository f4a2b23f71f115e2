"""Documentation of the action plugin ``info``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: info
short_description: Read the lab's live facts
description:
  - Reads nodes, pods, services and endpoints from the API, interfaces and routes inside the nodes,
    and who has which address. The expressions of outcomes use this document.
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
  query:
    description: The facts to return, as name and JMESPath expression; empty for all.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Remember who p1 is
  latihan.lab.info:
    query:
      uid: pods.p1.uid
"""

RETURN = r"""
facts:
  description: The whole document.
  type: dict
  returned: without O(query)
answers:
  description: What the expressions of O(query) yield, by name.
  type: dict
  returned: with O(query)
"""
