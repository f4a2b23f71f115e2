"""The built-in commands: everything that is not a playbook."""

from latihan.commands.command import Context, Verb

# Only names here: a command's module is imported when it is used, so that `kubectl` starts at once.
VERBS: dict[str, Verb] = {
    "list": Verb("Show the playbooks, the commands and the providers.", "listing"),
    "status": Verb("Show the lab: nodes, API, memory, the last run's verdict.", "status"),
    "doctor": Verb("Check whether this machine can hold a lab.", "doctor"),
    "kubectl": Verb("Run kubectl on the lab's cluster; all that follows goes to it.", "kubectl"),
    "shell": Verb("Open a shell on a node or on the lab's host, or run a command there.", "shell"),
    "url": Verb("Print an address of a service that answers from the lab's host.", "url"),
    "tunnel": Verb("Give services of type LoadBalancer their addresses until Ctrl-C.", "tunnel"),
    "report": Verb("Print what the last run, or the named one, proved.", "report"),
    "test": Verb("Lint the project and run its tests.", "test"),
    "docs": Verb("Bring the roles' README files up to date with their options.", "docs"),
}

__all__ = ["VERBS", "Context", "Verb"]
