"""How long a room takes: to send, to send again, and for its labs, with the controller or without.

Run as root: ``.venv/bin/python benchmarks/room.py``, with the machine to itself. The room is that
of ``runner.py test room``, so all its machines have the same processors.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.room.rig import Machine, Room, room
from tests.room.test_room import lab_machines

AGAIN, RATIO = 10.0, 1.3
# A command that needs all that is sent, and then does next to nothing.
_LEAST = ("-e", "lab_machine_playbook=list")


def timed(what: str, work: Callable[[], object]) -> float:
    """Do something, and print how long it took and how busy the machine was before; seconds."""
    load, began = os.getloadavg()[0], time.monotonic()
    work()
    took = time.monotonic() - began
    print(f"{what}: {took:.1f} s (load {load:.1f} before)", flush=True)
    return took


def by_controller(made: Room, *options: str) -> None:
    """Run ``lab-machines``."""
    done = lab_machines(made, "lab-machines", *options)
    if done.code != 0:
        sys.exit(f"lab-machines exited with {done.code}:\n{done.out}")


def by_themselves(made: Room, *words: str) -> None:
    """Run a command on all machines at once, without the controller."""

    def on(machine: Machine) -> None:
        machine.inside("latihan", "--profile", f"room-{machine.name}", *words)

    with ThreadPoolExecutor() as pool:
        list(pool.map(on, made.machines.values()))


def main() -> int:
    """Measure, and print what is asked of a room; the exit code is 0 if it is kept."""
    parser = argparse.ArgumentParser(description="Measure a room of lab machines.")
    parser.add_argument("--machines", type=int, default=3, help="how many (default: 3)")
    parser.add_argument("--rounds", type=int, default=1, help="of labs (default: 1; 0 sends only)")
    parser.add_argument("--suite", default="bookworm", help="their system (default: bookworm)")
    options = parser.parse_args()
    with room({f"m{each}": options.suite for each in range(options.machines)}) as made:
        one = ("--limit", "m0")
        timed("One bare machine", lambda: by_controller(made, *_LEAST, *one))
        timed("All machines, one not bare", lambda: by_controller(made, *_LEAST))
        again = statistics.median(
            timed("One machine again", lambda: by_controller(made, *_LEAST, *one)) for _ in range(3)
        )
        timed("All machines again", lambda: by_controller(made, *_LEAST))
        ratios = []
        for _ in range(options.rounds):
            # First, so that what a machine does once counts against the controller.
            together = timed("Labs by lab-machines", lambda: by_controller(made))
            by_themselves(made, "teardown")
            apart = timed("The same labs by themselves", lambda: by_themselves(made, "full-lab"))
            by_themselves(made, "teardown")
            ratios.append(together / apart)
    print(f"Sending again takes {again:.1f} s (at most {AGAIN} s).")
    for ratio in ratios:
        print(f"Labs by lab-machines take {ratio:.2f} times as long (at most {RATIO}).")
    return 0 if again <= AGAIN and all(each <= RATIO for each in ratios) else 1


if __name__ == "__main__":
    sys.exit(main())
