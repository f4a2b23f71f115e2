"""Documentation of the action plugin ``facts``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: facts
short_description: Read the lab's live facts
description:
  - Reads nodes, pods, services and endpoints from the API, interfaces and routes inside the nodes,
    and who has which address. Outcomes are written over this document.
version_added: "0.1.0"
author:
  - The latihan team
extends_documentation_fragment:
  - latihan.lab.live
options:
  keep:
    description: Just these facts, as name and JMESPath expression. Empty for all of them.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Remember who p1 is
  latihan.lab.facts:
    contract: /var/lib/latihan/latihan/contract.json
    keep:
      uid: pods.p1.uid
"""

RETURN = r"""
facts:
  description: The whole document.
  type: dict
  returned: when nothing is to be kept
kept:
  description: The facts that were asked for, by name.
  type: dict
  returned: when something is to be kept
"""
