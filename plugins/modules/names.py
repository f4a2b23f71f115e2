"""Documentation of the action plugin of the same name, which does the work."""

DOCUMENTATION = r"""
module: names
short_description: The DNS records of the network around the cluster
description:
  - Sets the records that the name server of the lab's host has besides the names of the lab's
    machines, as an administrator does in a company's DNS.
author: The latihan team
options:
  contract:
    description: The contract of the cluster.
    type: path
    required: true
  records:
    description: >-
      Addresses by name. C(*.x) stands for all names below C(x), and not for C(x) itself. They
      replace those of before.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Lead every name below svc.lab to one address
  latihan.lab.names:
    contract: /var/lib/latihan/latihan/contract.json
    records:
      "*.svc.lab": 10.96.1.2
"""

RETURN = r""" # """
