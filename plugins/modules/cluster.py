"""Documentation of the action plugin of the same name, which does the work."""

DOCUMENTATION = r"""
module: cluster
short_description: Make, start, stop or remove a Kubernetes cluster
description:
  - Asks a provider for a cluster. Every provider writes the same kind of contract, a file that says
    where the cluster is and how to enter its nodes.
  - The role P(latihan.lab.cluster#role) gets what the provider needs, and passes its options.
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
  profile:
    description: The cluster's name, which is also its first node's name.
    type: str
    required: true
  state_folder:
    description: The folder with the folders of all profiles.
    type: path
    required: true
  provider:
    description: >-
      What makes the cluster. By default this is the provider that made it; for a new cluster, the
      default provider.
    type: str
    default: ""
  state:
    description:
      - C(present) makes the cluster, or starts it if it exists and is stopped.
      - C(started) and C(stopped) start and stop an existing cluster.
      - C(absent) removes all of it, even if it is half made.
    type: str
    choices: [present, started, stopped, absent]
    default: present
  node:
    description: >-
      With C(started) or C(stopped), the one node to start or stop; the default is the whole
      cluster.
    type: str
  nodes:
    description: How many nodes. Required for C(present), like the options below.
    type: int
  network:
    description: The network of the nodes and the lab's host, in CIDR form.
    type: str
  pod_network:
    description: The network of the pods; each node gets a /24 block of it.
    type: str
  service_network:
    description: The network of the services' addresses.
    type: str
  options:
    description: >-
      More options of the provider, for C(present). The role C(latihan.lab.cluster) shows them: it
      has a file of tasks for each provider.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Stop one node
  latihan.lab.cluster:
    profile: latihan
    state_folder: /var/lib/latihan
    state: stopped
    node: latihan-m02
"""

RETURN = r"""
contract:
  description: The file that says how to reach the cluster.
  type: str
  returned: unless the state is C(absent)
"""
