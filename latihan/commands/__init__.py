"""The built-in commands: everything that is not a playbook."""

from latihan.commands.command import Command, Context

# Only names here: a command's module is imported when it is used, so that `kubectl` starts at once.
_ALL = (
    Command("list", "List the playbooks, commands and providers.", "listing"),
    Command("status", "Show the lab's nodes, API and memory, and the last verdict."),
    Command("doctor", "Check whether this machine can run a lab."),
    Command("kubectl", "Run kubectl on the lab's cluster, with all arguments that follow."),
    Command("kubeconfig", "Print the lab's kubeconfig, or put it into your own."),
    Command("shell", "Open a shell, or run a command, on a node or the lab's host."),
    Command("why", "Show the way of a packet, expected and actual, and where they part."),
    Command("break", "Put a fault into the lab, for somebody to find.", "breaking"),
    Command("exercise", "Let somebody find and mend a fault, with hints, and note how it went."),
    Command("heal", "Take faults out of the lab again.", "healing"),
    Command("url", "Print where a service answers from the lab's host."),
    Command("image", "Load, list, build or remove images of your own."),
    Command("tunnel", "Give LoadBalancer services external addresses until Ctrl-C."),
    Command("report", "Show what a run proved, or what changed between two runs."),
    Command("lab-machines", "Make a lab on each machine of a room, over SSH.", "machines"),
    Command("lab-machines-verify", "Check the labs of a room again, over SSH.", "machines"),
    Command("lab-machines-exercise", "Begin an exercise on a room's machines.", "machines"),
    Command("lab-machines-records", "Collect how the exercises of a room went.", "machines"),
    Command("lab-machines-reset", "Take off a room's machines what was put there.", "machines"),
    Command("bundle", "Write all that a lab needs into one archive, for a machine offline."),
    Command("room", "Write the page of a room anew, from what was fetched from its machines."),
    Command("completion", "Print what a shell needs to complete these command lines."),
    Command("test", "Lint the project and run its tests."),
    Command("docs", "Update the tables of variables in the roles' README files."),
)
COMMANDS = {command.name: command for command in _ALL}

__all__ = ["COMMANDS", "Command", "Context"]
