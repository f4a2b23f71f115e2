"""Documentation of the action plugin of the same name, which does the work."""

DOCUMENTATION = r"""
module: dns_records
short_description: Set the DNS records of the network around the cluster
description:
  - Sets the records of the name server on the lab's host, as an administrator does in a company's
    DNS. The names of the lab's machines stay.
version_added: "0.1.0"
author:
  - The latihan team
requirements:
  - cryptography
  - filelock
  - kubernetes
  - psutil
  - pydantic
  - supervisor
options:
  contract:
    description:
      - The file in which the provider says where the cluster is.
      - The default is the task's variable C(lab_contract). The role P(latihan.lab.lab#role) sets
        its default, which is the contract of the lab C(lab_profile).
    type: path
  records:
    description: >-
      Addresses by name. C(*.x) means all names below C(x), but not C(x) itself. They replace the
      earlier records.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Resolve every name below svc.lab to one address
  latihan.lab.dns_records:
    records:
      "*.svc.lab": 10.96.1.2
"""

RETURN = r"""
changed:
  description: Whether anything changed.
  type: bool
  returned: always
"""
