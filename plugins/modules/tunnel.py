"""Documentation of the action plugin of the same name, which does the work."""

DOCUMENTATION = r"""
module: tunnel
short_description: Gives services of type LoadBalancer their addresses, as long as it runs
description:
  - Starts or stops the lab's load balancer, which works as C(minikube tunnel) does. The lab's host
    gets a route to each service of type LoadBalancer, which gets its ClusterIP as its external
    address.
author: The latihan team
options:
  contract:
    description: The contract of the cluster.
    type: path
    required: true
  namespace:
    description: The namespace whose services get addresses; empty for all.
    type: str
    default: ""
  state:
    description: Whether it runs.
    type: str
    choices: [started, stopped]
    default: started
"""

EXAMPLES = r"""
- name: Open the tunnel
  latihan.lab.tunnel:
    contract: /var/lib/latihan/latihan/contract.json
"""

RETURN = r""" # """
