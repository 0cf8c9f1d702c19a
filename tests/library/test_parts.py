"""Parts that a caller names of the rows: which are tested, or when each was."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nearfar

ROWS = 80
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 2))
Y = X[:, 0] + RNG.normal(size=ROWS) / 10
ARMS = {"ridge": {"fit": {"encoder": "identity", "head": "ridge"}}}
DAYS = [dt.datetime(2024, 1, 1) + dt.timedelta(days=(37 * k) % ROWS) for k in range(ROWS)]
LATEST = {str(k + 1) for k in range(ROWS) if (37 * k) % ROWS >= 64}


def compared(out: Path, *given: Any, **options: Any) -> nearfar.Result:
    return nearfar.compare(
        *given, out=out, profile="smoke", quiet=True, arms=ARMS, repeats=1, **options
    )


def ids_of_tests(result: nearfar.Result) -> set[str]:
    return {str(row.id) for row in result.splits.itertuples() if row.part == "test"}


@pytest.mark.parametrize(
    "parts",
    [
        DAYS,
        np.array(DAYS, dtype="datetime64[ns]"),
        pd.Series(DAYS),
        [day.date() for day in DAYS],
        [day.timestamp() for day in DAYS],
        [day - DAYS[0] for day in DAYS],
        np.array(DAYS, dtype="datetime64[ns]") - np.datetime64("2020-01-01"),
        pd.Series(DAYS).dt.to_period("D"),
    ],
)
def test_the_latest_rows_are_tested(tmp_path: Path, parts: Any) -> None:
    result = compared(tmp_path, X, Y, parts=parts)
    assert ids_of_tests(result) == LATEST
    assert any(note.startswith("The latest rows are tested, those from ") for note in result.notes)


def test_times_of_a_column_stay_what_is_learnt_from(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "sold on": DAYS})
    for name, parts in {"named": "sold on", "given": DAYS}.items():
        result = compared(tmp_path / name, frame, Y, parts=parts)
        assert ids_of_tests(result) == LATEST
        assert any(note.startswith("The latest rows are tested") for note in result.notes)
        (study,) = (tmp_path / name).glob("*/study.yaml")
        assert "- sold on" in study.read_text(encoding="utf-8")


def test_parts_by_name_are_no_feature(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = np.where(np.arange(ROWS) < 60, "train", "test")
    result = nearfar.compare(X, Y, parts=parts, out=tmp_path, profile="smoke", arms=ARMS, repeats=1)
    assert ids_of_tests(result) == {str(k) for k in range(61, ROWS + 1)}
    assert "parts as the data give them: 60 train, 20 test" in capsys.readouterr().err


def test_what_is_found_is_turned_off_and_told_as_python_says_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.DataFrame({"a": X[:, 0], "patient": np.arange(ROWS) // 4, "day": DAYS})
    options: dict[str, Any] = {"profile": "smoke", "arms": ARMS, "repeats": 1}
    nearfar.compare(frame, Y, out=tmp_path / "found", **options)
    told = capsys.readouterr().err
    assert "groups='none' turns it off" in told
    assert "parts='day' learns from the earliest and tests on the latest" in told
    nearfar.compare(frame, Y, groups="none", out=tmp_path / "off", **options)
    assert "'patient' stay in one part" not in capsys.readouterr().err


def test_the_latest_rows_with_a_target_are_tested(tmp_path: Path) -> None:
    y = np.where([(37 * k) % ROWS >= 40 for k in range(ROWS)], np.nan, Y)
    assert ids_of_tests(compared(tmp_path, X, y, parts=DAYS)) == {
        str(k + 1) for k in range(ROWS) if 32 <= (37 * k) % ROWS < 40
    }


@pytest.mark.parametrize("key", ["parts", "groups", "names"])
@pytest.mark.parametrize("given", [5, set(DAYS), {"day": DAYS}, (day for day in DAYS)])
def test_what_is_no_list_is_refused(tmp_path: Path, key: str, given: Any) -> None:
    with pytest.raises(nearfar.UserError, match=f"{key}: .* is no list: give a value for every"):
        compared(tmp_path, X, Y, **{key: given})


def test_a_table_of_one_column_is_that_column(tmp_path: Path) -> None:
    assert ids_of_tests(compared(tmp_path, X, Y, parts=pd.DataFrame({"day": DAYS}))) == LATEST


def test_only_a_split_by_time_is_told_as_one(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": X[:, 0], "y": Y, "day": DAYS})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    study = """
study: by-time
data: {source: table, path: rows.csv, features: [a], target: y, part: day}
split: {kind: predefined}
baseline: ridge
axes: {seed: {role: repeat, values: 1}}
arms: {ridge: {fit: {encoder: identity, head: ridge}}}
"""
    told = {}
    for kind in ("predefined", "random"):
        text = study
        if kind == "random":
            text = text.replace("{kind: predefined}", "{kind: random}").replace(", part: day", "")
        (tmp_path / f"{kind}.yaml").write_text(text, encoding="utf-8")
        result = nearfar.run(tmp_path / f"{kind}.yaml", out=tmp_path / kind, quiet=True)
        told[kind] = any("The latest rows are tested" in note for note in result.notes)
    assert told == {"predefined": True, "random": False}
