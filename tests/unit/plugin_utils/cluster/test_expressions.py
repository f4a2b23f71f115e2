"""Expressions are strict: what isn't there proves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import (
    ExpressionError,
    MissingFactError,
    compiled,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.templates import template

LAB: dict[str, Any] = {
    "pods": {
        "p1": {"ip": "10.1.0.2", "node": "a", "ready": True, "port": 30080},
        "p2": {"ip": "10.1.0.3", "node": "a", "ready": False},
        "stuck": {"ip": None, "node": None, "ready": False},
    },
    "nodes": {"a": {"ip": "192.168.0.2", "labels": {"name": "latihan"}}},
    "addresses": {"10.1.0.2": {"owner": "pod/p1"}},
    "empty": [],
}


@pytest.mark.parametrize(
    "source",
    [
        "pods.p1.ip == '10.1.0.2'",
        "lookup(nodes, pods.p1.node).ip == '192.168.0.2'",
        "values(pods)[?node == root().pods.p1.node].ip == ['10.1.0.2', '10.1.0.3']",
        "same([pods.p1.ip, pods.p2.ip], ['10.1.0.3', '10.1.0.2'])",
        "every(&starts_with(ip, '10.'), [pods.p1, pods.p2])",
        "between(`30000`, pods.p1.port, `32767`)",
        "in_network(pods.p1.ip, '10.1.0.0/16')",
        "owner(pods.p1.ip) == 'pod/p1'",
        "absent(pods, 'p9')",
        "pods.stuck.ip == `null`",
        "empty == `[]`",
        "contains(pairs(nodes.a.labels), 'name=latihan')",
        "unique([`2`, `1`, `2`]) == [`1`, `2`]",
        "split(' ', 'a b')[1] == 'b'",
        "trim(' a\n') == 'a'",
        "trim('') == ''",
        "contains(empty, 'x') == `false`",
        "contains(['', 'x'], '')",
        "contains(`[null]`, `null`)",
        "type(pods.p9) == 'null' && not_null(pods.p9.ip, 'x') == 'x'",
        "(pods.p9.ip || 'none') == 'none' && (pods.p9.ready || pods.p1.ready)",
        "length(values(pods)[?contains(['30080', `30080`], port)]) == `1`",
        "length(values(pods)[?contains('10.1.0.2', ip)]) == `1`",
    ],
)
def test_holds(source: str) -> None:
    assert compiled(source).holds(LAB) == (True, "")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("pods.p1.ip == '10.1.0.9'", 'on the left "10.1.0.2", on the right "10.1.0.9"'),
        ("pods.p8.ip == pods.p9.ip", "pods.p8.ip is missing"),
        ("pods.p1.ip != pods.p9.ip", "pods.p9.ip is missing"),
        ("[pods.p8.ip] == [pods.p9.ip]", "has a gap"),
        ("empty == values(pods)[?node == 'z']", "is missing"),
        ("same(empty, empty)", "both lists are empty"),
        ("every(&ready, empty)", "the list is empty"),
        ("every(&ready, values(pods))", "it is false"),
        ("every(&ip == '10.1.0.2', [pods.stuck])", "ip is missing"),
        ("length(nothing) == `0`", "nothing is missing"),
        ("length(pods.p1.port) == `0`", "length() takes string or array or object, not 30080"),
        ("contains(['10.1.0.2'], pods.p9.ip) == `false`", "pods.p9.ip is missing"),
        (
            "contains([pods.p8.ip, pods.p9.ip], 'x') == `false`",
            "[pods.p8.ip, pods.p9.ip] has a gap",
        ),
        ("contains(pods.p1.ip, pods.stuck.ip) == `false`", "pods.stuck.ip is missing"),
        (
            "contains(pods.p1.ip, pods.p1.port) == `false`",
            "looks for text in a text, not for 30080",
        ),
        ("contains(pods.p1.ip, trim(' '))", 'trim(" ") is missing'),
        ("starts_with(pods.p1.ip, trim(' '))", 'trim(" ") is missing'),
        ("same([pods.p8.ip], [pods.p9.ip])", "[pods.p8.ip] has a gap"),
        ("contains(to_array(pods.p9.ip), 'x') == `false`", "pods.p9.ip is missing"),
        ("contains(to_string(pods.p9.ip), 'x') == `false`", "pods.p9.ip is missing"),
        ("length(cross([pods.p8.ip], [pods.p9.ip])) == `1`", "[pods.p8.ip] has a gap"),
        ("length(unique([pods.p8.ip, pods.p9.ip])) == `1`", "has a gap"),
        ("every(&ready, [{ready: pods.p9.ready}]) == `false`", "ready is missing"),
        ("!(pods.p9.ready || pods.p2.ready)", "pods.p9.ready is missing"),
        ("length(values(pods)[?node != root().pods.p9.node]) == `3`", "pods.p9.node is missing"),
        (
            "length(values(pods)[?contains(ip, root().pods.p9.ip)]) == `0`",
            "pods.p9.ip is missing",
        ),
        ("split(trim(' '), 'a b') == ['a b']", "split() needs text"),
        ("pods.p1.ip", "it is"),
        ("pods", "it is"),
        ("lookup(nodes, 'z').ip == 'x'", "'z' not found; there is a"),
        ("owner('1.2.3.4') == 'pod/p1'", "nothing of the lab has the address 1.2.3.4"),
        ("in_network('none', '10.0.0.0/8')", "does not appear to be"),
        ("pods.p1.ready && pods.p2.ready", "pods.p2.ready is not true"),
        ("!(pods.p9.ready)", "is missing"),
    ],
)
def test_does_not_hold_and_says_why(source: str, why: str) -> None:
    holds, told = compiled(source).holds(LAB)
    assert not holds
    assert why in told


@pytest.mark.parametrize("source", ["pods.", "foo(", "nothing_such(pods)", "pods..ip"])
def test_an_expression_that_is_none(source: str) -> None:
    with pytest.raises(ExpressionError):
        compiled(source)


def test_what_an_expression_starts_from() -> None:
    assert compiled("pods.p1.ip == lookup(nodes, pods.p2.node).ip").paths() == {
        ("pods", "p1", "ip"),
        ("nodes",),
        ("pods", "p2", "node"),
    }
    assert compiled("every(&ready, values(pods)[?node == 'a'])").paths() == {("pods",)}


def test_text_with_expressions() -> None:
    text = template("${pods.p1.ip} of ${ {n: pods.p1.node} }, ready ${pods.p2.ready}")
    assert text.value(LAB) == '10.1.0.2 of {"n": "a"}, ready no'


def test_a_lone_expression_keeps_its_type() -> None:
    assert template("${pods.p1.port}").value(LAB) == 30080


def test_text_about_what_is_not_there() -> None:
    text = template("p9 has ${pods.p9.ip}")
    assert text.text(LAB) == "p9 has (unknown)"
    with pytest.raises(MissingFactError):
        text.value(LAB)


def test_an_expression_without_end() -> None:
    with pytest.raises(ExpressionError, match="no closing brace"):
        template("${pods.p1.ip")
