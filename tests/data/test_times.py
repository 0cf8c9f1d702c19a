"""Parts by time: the latest rows are tested, and nothing of a row is known before its time."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nearfar.data import DataOptions, SplitOptions, load_dataset, split_rows
from nearfar.data.options import Limit
from nearfar.data.read.dates import date_layout
from nearfar.data.read.times import parts_by_time, times_of
from nearfar.errors import UserError

ROWS = 200
DAYS = [dt.date(2020, 1, 1) + dt.timedelta(days=(37 * k) % ROWS) for k in range(ROWS)]


def parts_of(cells: list[Any]) -> np.ndarray:
    times = times_of(cells)
    assert times is not None
    return np.array(parts_by_time("when", times).parts)


@pytest.mark.parametrize(
    "written",
    [
        lambda day: day,
        lambda day: day.isoformat(),
        lambda day: f" {day:%d.%m.%Y}",
        lambda day: f"{day:%d %B %Y}",
        lambda day: dt.datetime(day.year, day.month, day.day, 12, tzinfo=dt.UTC).isoformat(),
        lambda day: f"{day.isoformat()} 00:00:00 UTC",
        lambda day: f"{day:%d-%b-%y}",
        lambda day: f"{day:%Y/%m/%d} 07:30",
        lambda day: f"{day:%m/%d/%Y} 12:01 AM",
        lambda day: int(f"{day:%Y%m%d}"),
        lambda day: str(day.toordinal()),
        lambda day: day.toordinal() / 1e5 - 20,
    ],
)
def test_the_latest_fifth_is_tested_however_times_are_written(written: Any) -> None:
    parts = parts_of([written(day) for day in DAYS])
    rank = np.argsort(np.argsort([day.toordinal() for day in DAYS]))
    expected = np.where(rank >= 160, "test", np.where(rank >= 140, "validation", "train"))
    np.testing.assert_array_equal(parts, expected)


@pytest.mark.parametrize("seed", range(20))
def test_no_row_is_later_than_one_of_a_later_part(seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = rng.integers(0, rng.integers(20, 400), size=300).astype(float)
    times[rng.random(300) < 0.1] = np.nan
    parts = np.array(parts_by_time("when", times).parts)
    assert (parts[np.isnan(times)] == "").all()
    train, validation, test = (times[parts == p] for p in ("train", "validation", "test"))
    assert train.max() < validation.min() <= validation.max() < test.min()
    known = np.count_nonzero(~np.isnan(times))
    assert 0.1 * known <= len(test) <= 0.4 * known
    assert 0.05 * known <= len(validation) <= 0.2 * known


@pytest.mark.parametrize("written", ["%Y-%m", "%b %Y", "%B %Y"])
def test_rows_of_a_month_stay_together(written: str) -> None:
    months = [dt.date(2019 + k % 5, 1 + k % 12, 1) for k in range(600)]
    parts = parts_of([f"{month:{written}}" for month in months])
    assert {part for part, m in zip(parts, months, strict=True) if m.year == 2023} == {"test"}
    assert "test" not in {p for p, m in zip(parts, months, strict=True) if m.year < 2023}


def test_an_odd_cell_among_times_is_a_bad_row_by_itself(tmp_path: Path) -> None:
    for cells in ([str(day) for day in DAYS], [day.toordinal() for day in DAYS]):
        data = written(tmp_path, when=[*cells[:-1], "not yet"])
        with pytest.raises(UserError, match=r"row 200.*'when' is 'not yet', no"):
            load_dataset(DataOptions(**data, part="when"), tmp_path)
        dropped = load_dataset(DataOptions(**data, part="when", on_bad_rows="drop"), tmp_path)
        assert len(dataset_parts(dropped)) == ROWS - 1


def test_years_with_a_gap_are_told_as_years(tmp_path: Path) -> None:
    data = written(tmp_path, when=[*(2000 + k // 10 for k in range(ROWS - 1)), None])
    dataset = load_dataset(DataOptions(**data, part="when", on_bad_rows="drop"), tmp_path)
    assert dataset.source["by_time"]["test"] == "2016"


def test_of_few_years_the_last_is_tested_and_no_time_chooses() -> None:
    parts = parts_of([2019 + k % 4 for k in range(ROWS)])
    assert parts.tolist() == [{3: "test"}.get(k % 4, "train") for k in range(ROWS)]


@pytest.mark.parametrize(
    "cells",
    [
        ["train", "test"] * 20,
        [k % 10 for k in range(40)],
        [k % 2 == 0 for k in range(40)],
        ["2020-01-01"] * 20 + ["train"] * 20,
        [2020, 2021, 2022] * 5 + ["old"] * 15,
        [None, ""] * 20,
        [],
    ],
)
def test_what_is_no_time(cells: list[Any]) -> None:
    assert times_of(cells) is None


def test_a_time_of_most_rows_is_refused() -> None:
    times = times_of([2020] * 90 + [2019] * 5 + [2021] * 5)
    assert times is not None
    for found in (times, np.full(100, np.nan), np.zeros(0)):
        with pytest.raises(UserError, match="part 'when': no time in it leaves about the latest"):
            parts_by_time("when", found)


def written(tmp_path: Path, **columns: Any) -> dict[str, Any]:
    frame = pd.DataFrame({"x": np.arange(ROWS) % 7, "y": np.arange(ROWS) * 0.5, **columns})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    return {"source": "table", "path": "rows.csv", "target": "y", "task": "regression"}


def test_rows_are_split_by_time_and_the_time_can_be_learnt_from(tmp_path: Path) -> None:
    data = DataOptions(**written(tmp_path, when=DAYS), part="when")
    dataset = load_dataset(data, tmp_path)
    split = split_rows(dataset, SplitOptions(kind="predefined"), 0)
    ordinals = np.array([day.toordinal() for day in DAYS])
    assert [len(split.train), len(split.validation), len(split.test)] == [140, 20, 40]
    assert ordinals[split.train].max() < ordinals[split.validation].min()
    assert ordinals[split.validation].max() < ordinals[split.test].min()
    assert dataset.source["by_time"] == {
        "column": "when",
        "validation": str(sorted(DAYS)[140]),
        "test": str(sorted(DAYS)[160]),
    }
    named = load_dataset(
        DataOptions(**written(tmp_path, when=DAYS), part="when", features=["x", "when"]), tmp_path
    )
    assert dataset.digest == named.digest


def test_a_row_without_its_time_cannot_be_used(tmp_path: Path) -> None:
    data = written(tmp_path, when=[*DAYS[:-1], None])
    with pytest.raises(UserError, match="part 'when' is missing"):
        load_dataset(DataOptions(**data, part="when"), tmp_path)
    dropped = load_dataset(DataOptions(**data, part="when", on_bad_rows="drop"), tmp_path)
    assert len(dataset_parts(dropped)) == ROWS - 1


def dataset_parts(dataset: Any) -> Any:
    assert set(dataset.parts) == {"train", "validation", "test"}
    return dataset.parts


def test_a_column_of_parts_is_no_feature(tmp_path: Path) -> None:
    data = written(tmp_path, part=["train"] * 150 + ["test"] * 50)
    with pytest.raises(UserError, match="named twice in data, under 'features' and 'part'"):
        load_dataset(DataOptions(**data, part="part", features=["x", "part"]), tmp_path)


def test_what_neither_names_parts_nor_times_is_told_with_both(tmp_path: Path) -> None:
    data = written(tmp_path, fold=np.arange(ROWS) % 5)
    with pytest.raises(UserError, match="allowed: train, validation, test; or in every row a time"):
        load_dataset(DataOptions(**data, part="fold"), tmp_path)


def test_the_latest_rows_that_can_be_used_are_tested(tmp_path: Path) -> None:
    late = [day >= sorted(DAYS)[100] for day in DAYS]
    y = [None if there else 0.5 * k for k, there in enumerate(late)]
    data = DataOptions(**written(tmp_path, when=DAYS, y=y), part="when", on_bad_rows="drop")
    dataset = load_dataset(data, tmp_path)
    assert dataset.parts is not None
    assert sorted(np.unique(dataset.parts, return_counts=True)[1].tolist()) == [10, 20, 70]
    assert dataset.source["by_time"]["test"] == str(sorted(DAYS)[80])
    limit = {"train": 30, "test": 0.5}
    limited = load_dataset(data.model_copy(update={"limit": Limit(**limit)}), tmp_path)
    assert sorted(np.unique(limited.parts, return_counts=True)[1].tolist()) == [10, 10, 30]
    fewer = load_dataset(data.model_copy(update={"limit": Limit(rows=50)}), tmp_path)
    assert sorted(np.unique(fewer.parts, return_counts=True)[1].tolist()) == [5, 10, 35]


@pytest.mark.parametrize(
    ("cells", "doubtful"),
    [
        (["01/02/2020", "03/04/2021"], True),
        (["01-02-2020", "03-04-2021"], True),
        (["01/02/2020", "03/14/2021"], False),
        (["03 May 2020", "04 May 2021"], False),
        (["May 2020", "May 2021"], False),
        (["2020-05", "2021-06"], False),
    ],
)
def test_only_of_days_and_months_that_can_change_places_is_it_told(
    cells: list[str], doubtful: bool
) -> None:
    layout, note = date_layout(cells)
    assert layout
    assert ("day and month can change places" in note) == doubtful


def test_a_class_that_only_comes_later_is_refused_with_a_remedy(tmp_path: Path) -> None:
    kinds = ["new" if day >= dt.date(2020, 7, 1) else "ab"[day.day % 2] for day in DAYS]
    data = {**written(tmp_path, when=DAYS, kind=kinds), "target": "kind", "task": "classification"}
    dataset = load_dataset(DataOptions(**data, part="when"), tmp_path)
    with pytest.raises(UserError, match=r"none for training, for it comes later: leave its rows"):
        split_rows(dataset, SplitOptions(kind="predefined"), 0)
