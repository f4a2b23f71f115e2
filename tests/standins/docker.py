"""A stand-in for docker: exec, inspect, start and stop of containers that are nodes."""

from __future__ import annotations

import sys

from tests.standins import ways


def main(arguments: list[str]) -> int:
    """Run a command line."""
    words = [each for each in arguments if each != "--privileged"]
    if words[:1] == ["exec"]:
        node, *command = words[1:]
        ways.become(ways.contract_with(node), node, command)
    return of_containers(words)


def of_containers(words: list[str]) -> int:
    """Look at containers, start or stop them."""
    from tests.standins import backing  # noqa: PLC0415 - slow, and `exec` is asked often

    match words:
        case ["inspect", "--format={{.State.Running}}", *nodes]:
            for node in nodes:
                print(str(backing.states(backing.cluster_with(node))[node]).lower())
        case ["start" | "stop" as verb, *nodes]:
            for node in nodes:
                getattr(backing, verb)(backing.cluster_with(node), node)
                print(node)
        case _:
            print(f"docker: unknown command: {words}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
