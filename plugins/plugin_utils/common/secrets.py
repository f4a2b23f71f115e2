"""Secrets in text that is shown or kept: they are replaced by ``***``."""

from __future__ import annotations

import re

_MASK = "***"
# RFC 3986: //USER:PASSWORD@HOST; a password that isn't encoded may have more signs @ in it.
_URL = re.compile(r"(?<=//)(?P<user>[^/\s:@'\"]*):[^/\s'\"]+@")
_NAME = (
    r"[\w-]*(?:passw|passphrase|secret|token|credential|apikey)[\w-]*"
    r"|(?:[\w-]+[_-])?keys?(?:[_-][\w-]+)?"
)
_VALUE = r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|\[[^\]]*\]|\{[^}]*\}|[^\s,}'\"]+"
# NAME=VALUE, and NAME: VALUE in JSON and in YAML's flow style.
_SETTING = re.compile(
    rf"(?<![\w-])(?P<before>(?:{_NAME})=|(?P<quote>[\"'])(?:{_NAME})(?P=quote)\s*:\s*"
    rf"|(?<=[{{,])\s*(?:{_NAME}):\s+)(?:{_VALUE})",
    re.IGNORECASE,
)


def without_passwords(text: str) -> str:
    """Text without the passwords of its URLs."""
    return _URL.sub(rf"\g<user>:{_MASK}@", text)


def masked(text: str) -> str:
    """Text without the passwords of its URLs, and without values whose names say they are secret.

    Such a name has password, passphrase, secret, token, credential or apikey in it, or the word key
    or keys between underscores or hyphens.
    """
    return _SETTING.sub(rf"\g<before>{_MASK}", without_passwords(text))
