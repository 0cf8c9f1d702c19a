"""Columns in whatever unit they come: which vary, and which float32 would blur."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nearfar
from nearfar.data import Columns, DataOptions, Preparation, Vectors, load_dataset
from nearfar.data.inputs.columns import Column
from nearfar.data.scales import Scales

X = np.random.default_rng(0).normal(size=(60, 2))


@pytest.mark.parametrize(
    ("scale", "offset", "blurred"),
    [
        (1.0, 0.0, False),
        (0.05, 0.0, False),
        (1e6, 0.0, False),
        (1.0, 1000.0, False),
        (1e-3, 0.0, True),
        (1e-7, 0.0, True),
        (1e-50, 0.0, True),
        (1e20, 0.0, True),
        (100.0, 1.7e9, True),
    ],
)
def test_columns_that_float32_would_blur_are_prepared(
    tmp_path: Path, scale: float, offset: float, blurred: bool
) -> None:
    table = pd.DataFrame({"a": X[:, 0], "b": offset + scale * X[:, 1], "y": X[:, 0]})
    assert Scales.of(table[["a", "b"]].to_numpy()).blurred_in_float32() is blurred
    table.to_csv(tmp_path / "t.csv", index=False)
    options = DataOptions(source="table", path="t.csv", target="y")
    inputs = load_dataset(options, tmp_path).inputs
    assert isinstance(inputs, Columns if blurred else Vectors)


def test_columns_whose_squares_are_below_float64_are_prepared() -> None:
    numbers = np.arange(12.0)
    cells = {"small": 1e-200 * numbers, "none": 5e-324 * numbers, "usual": numbers}
    columns = Columns([Column(name, "number", values) for name, values in cells.items()])
    prepared = Preparation.fit(columns, np.arange(12), numbers[:, None])
    values = prepared.apply_to_own(columns).values.numpy()
    assert prepared.names == ["small", "usual"]
    assert np.allclose(values[:, 0], values[:, 1])


def test_what_does_not_vary_blurs_nothing() -> None:
    for constant in (0.0, 0.1, 1e-9, 1e12):
        rows = np.stack([X[:, 0], np.full(60, constant)], axis=1)
        assert Scales.of(rows).varies.tolist() == [True, False]
        assert not Scales.of(rows).blurred_in_float32()


def test_numbers_do_not_hang_on_the_unit(tmp_path: Path) -> None:
    y = X[:, 0] + X[:, 1]
    made: dict[str, Any] = {}
    for name, rows in {"metres": X * 1e-6, "micrometres": X}.items():
        frame = pd.DataFrame(rows, columns=["a", "b"])
        given = {"profile": "smoke", "quiet": True, "repeats": 2, "out": tmp_path / name}
        result = nearfar.compare(frame, y, arms=["columns ridge", "columns SVR"], **given)
        means = result.table.set_index("arm")["mean"]
        made[name] = [means["columns ridge"], means["columns SVR"]]
        assert result.model("columns ridge").predict(frame.head(2)) == pytest.approx(y[:2], abs=0.1)
    assert made["metres"] == pytest.approx(made["micrometres"], rel=0.15, abs=1e-4)
