"""Documentation of the action plugin ``kubernetes``; the work is done on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes
short_description: Provide the programs of Kubernetes
description:
  - Puts kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy and kubectl
    into a folder of the cache, from one of three sources, and runs each to check it.
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
        C(path) uses an existing folder.
      - C(auto) uses what is in the cache, else the release if its server answers at once, else
        Debian's source if that has the version.
    type: str
    choices: [auto, release, debian, path]
    default: auto
  version:
    description:
      - The version. C(debian) can build only the version of Debian's source.
      - C(auto) is the newest release whose checksum the lab knows, what Debian's source has, or
        what is in the folder, as the source is.
    type: str
    default: auto
  release_url:
    description: The base URL of the official releases, or of a mirror.
    type: str
    default: https://dl.k8s.io
  release_sha512:
    description:
      - The SHA-512 of the version's archive for servers, in hexadecimal. If it is empty, it is the
        one that the lab knows.
    type: str
    default: ""
  path:
    description: The folder with the programs, for C(source=path).
    type: path
    default: ""
  answer:
    description: How long to wait for the first answer of the release's server, in seconds.
    type: float
    default: 4
  download:
    description: How long the download may take, in seconds.
    type: float
    default: 600
"""

EXAMPLES = r"""
- name: Build Kubernetes from Debian's source
  latihan.lab.kubernetes:
    cache: /var/cache/latihan
    source: debian
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
  description: The version that they report.
  type: str
  returned: always
"""
