"""Documentation of the action plugin of the same name, which does the work."""

DOCUMENTATION = r"""
module: dns_records
short_description: The DNS records of the network around the cluster
description:
  - Sets the records that the name server of the lab's host has besides the names of the lab's
    machines, as an administrator does in a company's DNS.
version_added: "0.1.0"
author:
  - The latihan team
requirements:
  - filelock
  - kubernetes
  - psutil
options:
  contract:
    description:
      - The file in which the provider says where the cluster is.
      - Without it, the task's variable C(lab_contract); the role P(latihan.lab.lab#role) has its
        default, which leads to the lab named by C(lab_profile).
    type: path
  records:
    description: >-
      Addresses by name. C(*.x) stands for all names below C(x), and not for C(x) itself. They
      replace those of before.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Lead every name below svc.lab to one address
  latihan.lab.dns_records:
    records:
      "*.svc.lab": 10.96.1.2
"""

RETURN = r"""
changed:
  description: Whether anything is other than before.
  type: bool
  returned: always
"""
