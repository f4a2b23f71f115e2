"""Many HTTP probes by one curl, against a real server on loopback."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes import readers, together
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.batch import batch, split
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.kinds import KINDS
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import (
    Probe,
    Raw,
    Reading,
    place,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import HttpYield

HOME = place("host")


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404 if self.path == "/none" else 200)
        self.end_headers()
        self.wfile.write(f"page {self.path}\nand a second line".encode())

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    request_queue_size = 64


@pytest.fixture
def server() -> Iterator[str]:
    with Server(("127.0.0.1", 0), Pages) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def http(url: str, **more: object) -> Probe:
    return Probe("x", "http", HOME, url, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_each_gets_its_own_answer(server: str, shell: str) -> None:
    urls = [f"{server}/{number}" for number in range(9)]
    urls += [f"{server}/none", "http://127.0.0.1:1/", f"{server}/3", f"{server}/a?b=[1]&c='d'"]
    probes = [http(url) for url in urls]
    probes.insert(4, Probe("y", "exec", HOME, ("echo", "between")))
    made = batch(probes)
    assert made.together
    assert 4 in made.alone
    done = subprocess.run([shell, "-c", made.script], capture_output=True, text=True, check=True)
    raws = split(made, done.stdout)
    assert raws.pop(4).stdout == "between\n"
    read = [KINDS["http"].read(raw) for raw in raws]
    for url, reading in zip(urls, read, strict=True):
        if server in url:
            assert isinstance(reading.yields, HttpYield)
            page = f"page {url.removeprefix(server)}\nand a second line"
            assert (reading.yields.body, reading.yields.remote_ip) == (page, "127.0.0.1")
    assert [one.reason for one in read] == ["ok"] * 9 + ["http_404", "refused", "ok", "ok"]
    assert raws[10].exit_code == 7


def test_one_that_failed_stays_failed_though_it_works_when_asked_again() -> None:
    fields = "0 7 0.1 000   0 Couldn't connect to server"
    again = "@m g0.0.why\n* Connected to 10.0.0.1\n< HTTP/1.1 200 OK\n"
    (raw,) = together.raws([fields, "", again], 1, "@m", "")
    assert readers.http(raw) == Reading("error", "curl: Couldn't connect to server")


def test_the_same_url_is_never_asked_over_one_connection() -> None:
    assert together.groups([http("http://s1/")] * 20) == []
    mixed = [http(f"http://p{number % 10}/") for number in range(20)]
    assert together.groups(mixed) == [list(range(10))]


def test_only_alike_ones_are_asked_together() -> None:
    few = [http(f"http://p{number}/") for number in range(7)]
    slow = [http(f"http://p{number}/", timeout=9.0) for number in range(8)]
    odd = [http('http://p/"')] * 1
    assert together.groups([*few, *odd]) == []
    assert together.groups([*few, *slow, *odd]) == [list(range(7, 15))]


def test_a_curl_that_can_not_do_it_lacks_the_tool() -> None:
    (raw,) = together.raws(["", "", ""], 1, "@m", "")
    assert readers.broken(raw) == Reading("no_tool", "this curl can't ask in parallel")


def test_a_group_that_is_cut_off() -> None:
    probes = [http(f"http://127.0.0.1:1/{number}") for number in range(8)]
    made = batch(probes, "@m")
    raws = split(made, "told\n@m\nbody\n@m\n", "the container is gone")
    assert raws == [Raw(error="the container is gone")] * 8
