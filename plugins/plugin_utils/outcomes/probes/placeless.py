"""Probes that start nowhere in the lab: this process asks the cluster's API."""

from __future__ import annotations

import time

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import RefusedError
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.surroundings import short_lived
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import Probe, Raw

_KUBECTL_SECONDS = 20.0


def kubectl(lab: Lab, probe: Probe) -> Raw:
    """What a kubectl command prints."""
    time.sleep(probe.pause)
    words = [probe.target] if isinstance(probe.target, str) else list(probe.target)
    argv = lab.contract.kubectl_command("-n", lab.namespace, *words)
    try:
        done = run(argv, check=False, timeout=_KUBECTL_SECONDS, env=short_lived())
    except LabError as error:
        return Raw(error=error.message)
    return Raw(done.stdout, done.stderr, done.returncode, done.duration)


def log(lab: Lab, probe: Probe) -> Raw:
    """The log of POD/CONTAINER."""
    time.sleep(probe.pause)
    started = time.monotonic()
    pod, _, container = probe.text.partition("/")
    query = [("container", container)] if container else []
    try:
        text = lab.api.text(f"/api/v1/namespaces/{lab.namespace}/pods/{pod}/log", query)
    except RefusedError as error:
        return Raw(stderr=error.message, exit_code=1, seconds=time.monotonic() - started)
    except LabError as error:
        return Raw(error=error.message)
    return Raw(text, "", 0, time.monotonic() - started)
