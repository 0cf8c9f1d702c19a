"""YAML 1.2's core schema, and what is refused because of its size."""

import math
from typing import Any

import pytest

from nearfar.errors import UserError
from nearfar.plain_yaml import DEEPEST, LONGEST, from_yaml, parse_yaml, to_yaml

VALUES: dict[str, Any] = {
    "010": 10,
    "0o17": 15,
    "0x1F": 31,
    "+12": 12,
    "1:30": "1:30",
    "1_000": "1_000",
    "1e-3": 0.001,
    "5.": 5.0,
    ".5": 0.5,
    "-.INF": -math.inf,
    "yes": "yes",
    "off": "off",
    "True": True,
    "~": None,
    "": None,
    "2020-01-01": "2020-01-01",
    "!!str 5": "5",
    "<<": "<<",
}


@pytest.mark.parametrize(("text", "value"), VALUES.items())
def test_plain_values(text: str, value: Any) -> None:
    found = parse_yaml(f"a: {text}", "it")["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("value", [*VALUES, *VALUES.values(), "a: b", "é\n", 1e22, 1e-7])
def test_what_is_written_comes_back(value: Any) -> None:
    found = from_yaml(to_yaml({"a": value}))["a"]
    assert found == value
    assert type(found) is type(value)


REFUSED = {
    "a: !!python/object:os.system x": "the tag 'python/object:os.system'",
    "a: !!binary aGk=": "the tag 'binary'",
    "a: !!int x": "'x' is no whole number",
    "a: " + "9" * 5000: "5000 digits",
    "a: &a [*a]": "*a at line 1 stands inside itself",
    "a: " + "[" * 400 + "]" * 400: f"more than {DEEPEST} deep",
    "a: *b": "undefined alias",
    "--- 1\n--- 2": "document",
    "#" * (LONGEST + 1): "characters",
    "{a: 1, a: 2}": "'a' stands twice",
}


@pytest.mark.parametrize(("text", "why"), REFUSED.items(), ids=range(len(REFUSED)))
def test_refused_in_a_line(text: str, why: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_yaml(text, "it")
    message = str(caught.value)
    assert message.startswith("it")
    assert why in message
    assert "\n" not in message


def test_aliases_count_as_often_as_they_stand() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for level in range(1, 9):
        inner = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} [{inner}]")
    assert parse_yaml("\n".join(lines[:3]), "it")["a2"][0][0] == [1] * 10
    with pytest.raises(UserError, match="more than 100,000 values by line 5"):
        parse_yaml("\n".join(lines), "it")
