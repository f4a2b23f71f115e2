"""Documentation of the action plugin ``kubernetes``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes
short_description: Bring the programs of Kubernetes
description:
  - Brings kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy, kubeadm and
    kubectl into a folder of the cache, from one of three sources, and proves them by running them.
version_added: "0.1.0"
author:
  - The latihan team
requirements:
  - filelock
options:
  cache:
    description: The folder in which the programs are kept.
    type: path
    required: true
  source:
    description:
      - C(release) downloads the official archive, C(debian) builds Debian's source package,
        C(path) takes a folder that is there.
      - C(auto) takes what is in the cache, else the release where its server answers at once, else
        Debian's source.
    type: str
    choices: [auto, release, debian, path]
    default: auto
  version:
    description: The version. Debian's source has one version, so that is what can be built.
    type: str
    default: v1.20.2
  release_url:
    description: The address below which the official releases are; a mirror will do.
    type: str
    default: https://dl.k8s.io
  release_sha512:
    description: The SHA-512 of the version's archive for servers, in hexadecimal.
    type: str
    required: true
  path:
    description: The folder with the programs, for C(source=path).
    type: path
    default: ""
  answer:
    description: Seconds in which the release's server has to answer.
    type: float
    default: 4
  download:
    description: Seconds that the download may take.
    type: float
    default: 600
"""

EXAMPLES = r"""
- name: Bring Kubernetes
  latihan.lab.kubernetes:
    cache: /var/cache/latihan
    source: debian
    release_sha512: ""
"""

RETURN = r"""
bin:
  description: The folder with the programs.
  type: str
  returned: always
source:
  description: Where they come from, C(release), C(debian) or C(path).
  type: str
  returned: always
version:
  description: The version that they tell.
  type: str
  returned: always
"""
