"""Conditions in records: read, matched by patterns, shortened for readers."""

import doctest

import pytest

from nearfar.records import conditions
from nearfar.records.conditions import is_pattern, joined, matching, pairs_of, shortened, varying

GRID = [f"corruption={c};severity={s};split=x" for c in ("fog", "blur") for s in (0, 2, 10)]


def test_the_examples_hold() -> None:
    assert doctest.testmod(conditions).failed == 0


def test_pairs_and_conditions_are_the_same() -> None:
    assert joined(pairs_of("b=2;a=1")) == "a=1;b=2"
    assert pairs_of("") == {}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("corruption=*;severity=2;split=x", [GRID[1], GRID[4]]),
        ("corruption=fog;severity=2|10;split=x", [GRID[1], GRID[2]]),
        ("corruption=*;severity=2", []),
        ("corruption=fog;severity=*;split=y", []),
        (GRID[3], [GRID[3]]),
    ],
)
def test_a_pattern_stands_for_conditions_with_the_same_axes(pattern: str, found: list[str]) -> None:
    assert matching(pattern, GRID) == found
    assert is_pattern(pattern) == (pattern not in GRID)


def test_what_all_conditions_share_is_left_out() -> None:
    assert varying(GRID) == {"corruption": ["fog", "blur"], "severity": ["0", "2", "10"]}
    assert shortened(GRID[2], GRID) == "corruption=fog;severity=10"
    assert shortened(GRID[0], GRID[:1]) == ""
