"""What all of the action group ``live`` take: which lab is meant, and which part of it."""

from __future__ import annotations


class ModuleDocFragment:
    """Where Ansible looks for a documentation fragment."""

    DOCUMENTATION = r"""
options:
  contract:
    description:
      - The file in which the provider says where the cluster is.
      - Without it, the task's variable C(lab_contract); the role P(latihan.lab.lab#role) has its
        default, which leads to the lab named by C(lab_profile).
    type: path
  namespace:
    description:
      - The namespace whose pods, services and endpoints are meant.
      - Without it, the task's variable C(lab_namespace), which is C(default) if nothing sets it.
    type: str
"""
