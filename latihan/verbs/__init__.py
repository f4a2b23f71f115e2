"""The built-in commands: everything that is not a playbook."""

from latihan.verbs.base import Context, Verb
from latihan.verbs.cluster import KUBECTL, SHELL, TUNNEL, URL
from latihan.verbs.docs import DOCS
from latihan.verbs.doctor import DOCTOR
from latihan.verbs.listing import LIST
from latihan.verbs.reporting import REPORT
from latihan.verbs.status import STATUS
from latihan.verbs.testing import TEST

VERBS: dict[str, Verb] = {
    "list": LIST,
    "status": STATUS,
    "doctor": DOCTOR,
    "kubectl": KUBECTL,
    "shell": SHELL,
    "url": URL,
    "tunnel": TUNNEL,
    "report": REPORT,
    "test": TEST,
    "docs": DOCS,
}

__all__ = ["VERBS", "Context", "Verb"]
