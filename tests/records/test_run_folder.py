"""A run folder: the study comes back as it was written, JSON and samples too."""

from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from nearfar.errors import UserError
from nearfar.plain_yaml import from_yaml, to_yaml
from nearfar.records.run import RunFolder


def test_what_is_not_a_run_is_refused_and_the_runs_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a run folder; found here: none"):
        RunFolder.open(tmp_path / "nothing" / "x")
    RunFolder(tmp_path / "esol-full").write_study({"study": "esol"})
    with pytest.raises(UserError, match=r"found here: .*esol-full"):
        RunFolder.open(tmp_path / "esol-quick")
    (tmp_path / "esol.yaml").write_text("study: esol")
    with pytest.raises(UserError, match=r"found here: .*esol-full"):
        RunFolder.open(tmp_path / "esol.yaml")
    with pytest.raises(UserError, match=r"did you mean .*esol-full\? found here"):
        RunFolder.open(tmp_path / "esol")
    RunFolder(tmp_path / "new" / "runs" / "mine-full").write_study({"study": "mine"})
    with pytest.raises(UserError, match=r"did you mean .*runs/mine-full\? found here"):
        RunFolder.open(tmp_path / "new" / "mine")
    assert RunFolder.open(tmp_path / "esol-full").study() == {"study": "esol"}


def test_a_run_shares_its_stages_with_its_neighbours(tmp_path: Path) -> None:
    assert RunFolder(tmp_path / "a").store == RunFolder(tmp_path / "b").store
    assert RunFolder(tmp_path / "a").study() is None


TEXTS = [
    "1e3",
    "1E-3",
    "-2e5",
    "1_0",
    "0x1",
    "on",
    "null",
    "~",
    "",
    " a",
    "a: b",
    "a #b",
    "é\n",
    "1.0",
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_stays_text(text: str) -> None:
    value = {"arms": {text: [text]}}
    assert from_yaml(to_yaml(value)) == value


@pytest.mark.parametrize("number", [1e-3, 1e-10, 1e22, 0.1, 3, -5, 0.0])
def test_numbers_stay_numbers(number: Any) -> None:
    back = from_yaml(to_yaml([number]))
    assert back == [number]
    assert type(back[0]) is type(number)


def test_keys_keep_their_order() -> None:
    value = {"b": 1, "a": {"d": 2, "c": 3}}
    assert to_yaml(value) == "b: 1\na:\n  d: 2\n  c: 3\n"


def test_json_has_no_infinities_and_comes_back(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.read_json("summary.json") == {}
    folder.write_json("summary.json", {"ä": [1, None, 0.5]})
    assert folder.read_json("summary.json") == {"ä": [1, None, 0.5]}
    with pytest.raises(ValueError, match="JSON"):
        folder.write_json("summary.json", {"a": float("inf")})
    assert folder.read_json("summary.json") == {"ä": [1, None, 0.5]}


def test_samples_come_back_in_their_order(tmp_path: Path) -> None:
    columns = {"id": ["2", "1"], "name": ["", "b"], "smiles": ["C", "CC"]}
    RunFolder(tmp_path).write_samples(columns)
    assert parquet.read_table(tmp_path / "samples.parquet").to_pydict() == columns


@pytest.mark.parametrize("text", ["{", "[]", '{"cells": 3}', "\0"])
def test_a_damaged_plan_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"plan\.json: is damaged; 'nearfar run' of the study"):
        RunFolder(tmp_path).plan()
