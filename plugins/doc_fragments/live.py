"""The options of all modules in the action group ``live``: which lab, and which namespace."""

from __future__ import annotations


class ModuleDocFragment:
    """Where Ansible looks for a documentation fragment."""

    DOCUMENTATION = r"""
options:
  contract:
    description:
      - The file in which the provider says where the cluster is.
      - The default is the task's variable C(lab_contract). The role P(latihan.lab.lab#role) sets
        its default, which is the contract of the lab C(lab_profile).
    type: path
  namespace:
    description:
      - The namespace whose pods, services and endpoints are meant.
      - The default is the task's variable C(lab_namespace), which is C(default) if nothing sets it.
    type: str
"""
