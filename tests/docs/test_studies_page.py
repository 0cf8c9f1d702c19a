"""The page of shipped studies says of each what its file says."""

import re
from pathlib import Path

import pytest

from nearfar.study.files import shipped_studies
from nearfar.study.load import load_study

PAGE = (Path(__file__).parents[2] / "docs" / "studies.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| `([a-z0-9-]+)` \| ([^|]*\?) \| ([0-9.]+) \| ([0-9.]+|–) \| ([0-9.]+) \|$", re.MULTILINE
)
ROWS = {name: (asks, *minutes) for name, asks, *minutes in ROW.findall(PAGE)}


@pytest.mark.parametrize("name", sorted(shipped_studies()))
def test_question_and_minutes_are_those_of_the_file(name: str) -> None:
    study = load_study(name).study
    expected = [study.minutes.get(profile) for profile in ("full", "efficient", "quick")]  # type: ignore[call-overload]
    said = ["–" if minutes is None else f"{minutes:g}" for minutes in expected]
    assert ROWS[name] == (study.question, *said)


def test_arms_and_stages_that_the_page_names_are_there() -> None:
    table = re.findall(r"^\| `\w+` \| `(cifar10-\w+)` \| (.*) \|$", PAGE, re.MULTILINE)
    assert len(table) == 5
    for name, text in table:
        study = load_study(name).study
        named = set(re.findall(r"`([^`]+)`", text))
        assert named
        assert named <= {*study.arms, *study.stages}
