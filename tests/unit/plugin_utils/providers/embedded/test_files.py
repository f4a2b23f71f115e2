"""The programs of a node: what they offer, and to whom."""

from __future__ import annotations

import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import files, layout
from tests.unit.plugin_utils.providers.embedded.test_layout import SETTINGS


def test_a_port_that_asks_for_no_certificate_is_on_loopback() -> None:
    words = [
        word
        for program in files.control_plane_programs(layout.plan(SETTINGS))
        for word in program.argv
    ]
    assert words.count("--insecure-port=0") == words.count("--port=0") == 1
    assert not any("http://" in word for word in words)
    assert {"--client-cert-auth=true", "--peer-client-cert-auth=true"} <= set(words)
    scheduler = yaml.safe_load(files.render("kube-scheduler.yaml"))
    for name in ("healthzBindAddress", "metricsBindAddress"):
        assert scheduler[name].startswith("127.0.0.1:")
