"""Secrets in text."""

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.secrets import (
    masked,
    without_passwords,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:hush@proxy:3128/", "http://user:***@proxy:3128/"),
        ("deb https://u:hu@sh@m/debian x", "deb https://u:***@m/debian x"),
        ("a=https://:hush@m b=http://m/", "a=https://:***@m b=http://m/"),
        ("http://192.0.2.2:80/a@b", "http://192.0.2.2:80/a@b"),
        ("user@host, http://user@host/", "user@host, http://user@host/"),
    ],
)
def test_a_password_in_a_url_is_masked(text: str, shown: str) -> None:
    assert without_passwords(text) == masked(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("db_password=hush lab_nodes=2", "db_password=*** lab_nodes=2"),
        ("DB-PASSWD='hush hush' a=b", "DB-PASSWD=*** a=b"),
        ('{"api_token": "hu\\"sh", "a": "b"}', '{"api_token": ***, "a": "b"}'),
        ("{secrets: [hush, hush], a: b}", "{secrets: ***, a: b}"),
        ("{a: b, 'ssh_key': hush}", "{a: b, 'ssh_key': ***}"),
        ("api_key_file=/k key=hush keys=hush", "api_key_file=*** key=*** keys=***"),
        ("monkey=1 keyboard=2 turnkeys=3", "monkey=1 keyboard=2 turnkeys=3"),
        ("Unknown key: x. A secret is x.", "Unknown key: x. A secret is x."),
    ],
)
def test_a_value_whose_name_is_secret_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown
