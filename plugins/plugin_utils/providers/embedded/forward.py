"""Forwards connections from 127.0.0.1 on this machine to the cluster's API inside the lab.

Run in the network namespace of the lab's host, as ``python3 -m ...forward FD ADDRESS PORT
CGROUP``. FD is a socket that listens on the machine's own loopback: a socket stays in the network
namespace that it was opened in (network_namespaces(7)). CGROUP is the lab's control group, so that
this process doesn't end with the service or session that made the lab.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from functools import partial

from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.cgroups import join


async def relay(
    address: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Relay one connection to the API, until both directions have ended."""
    try:
        far_reader, far_writer = await asyncio.open_connection(address, port)
    except OSError:  # The API isn't up: the client sees a closed connection, and tries again.
        writer.close()
        return
    await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))


async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy one direction to its end, then close the target."""
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except OSError:  # One side hung up; closing the target ends the other one.
        pass
    finally:
        target.close()


async def serve(fd: int, address: str, port: int) -> None:
    """Serve until the process ends."""
    listener = socket.socket(fileno=fd)
    server = await asyncio.start_server(partial(relay, address, port), sock=listener)
    await server.serve_forever()


if __name__ == "__main__":
    join(sys.argv[4], os.getpid())
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
