"""The rows that an ONNX file is checked on lie where the model's data lie: what is broken shows."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from made_models import fit_spec, image_schema, made_model, solve_spec, table_schema

from nearfar.data import Columns, Preparation
from nearfar.data.inputs.columns import Column, texts
from nearfar.errors import UserError
from nearfar.heads import EXACT
from nearfar.models import ColumnSchema, FinishedModel
from nearfar.models.export import onnx_of
from nearfar.models.known import KnownRows
from nearfar.models.onnx.check import checked
from nearfar.models.onnx.graph import Graph
from nearfar.models.onnx.rows import made_rows

X = np.random.default_rng(0).uniform(1000, 2000, (200, 4)).astype(np.float32)
IDS = [f"row {k}" for k in range(len(X))]


def of_table(head: Any, known: KnownRows | None, task: str = "regression") -> FinishedModel:
    form: dict[str, Any] = {"task": task, "heads": [head], "seeds": (0,)}
    form["outputs"] = 1 if task == "regression" else 2
    model = made_model(table_schema(), {"identity": {}}, solve_spec("forest"), **form)
    return replace(model, known=known)


@pytest.mark.parametrize("kept", [True, False])
def test_a_forest_with_overwritten_thresholds_is_refused(kept: bool) -> None:
    head: Any = EXACT["forest"](trees=5)
    head.fit(X, np.sin(X[:, :1] / 100) + X[:, 1:2] / 500.0, 0)
    known = KnownRows.of(IDS, X) if kept else None
    model = of_table(head, known)
    _, told = onnx_of(model)
    assert told["checked"]["batches"] == ([3, 8, 64] if kept else [3, 8])
    broken = copy.deepcopy(head)
    broken.nodes["threshold"] = np.full_like(head.nodes["threshold"], 1500.0)
    data, _ = onnx_of(of_table(broken, known))
    with pytest.raises(UserError, match="its ONNX file differs from the model"):
        checked(data, Graph(model))


def test_a_kernel_machine_answers_differently_on_every_row() -> None:
    head: Any = EXACT["svr"](folds=2)
    head.fit(X, X[:, :1] / 500.0, 0)
    model = of_table(head, KnownRows.of(IDS, X))
    assert len(np.unique(model.predict(made_rows(model, 8)).mean)) == 8


def test_rows_of_a_perceptron_lie_where_its_batch_norm_says() -> None:
    model = made_model(table_schema(), {"mlp": {"hidden": 8}}, fit_spec(), seeds=(0,))
    norm: Any = model.members[0].fitted.encoder.norm  # type: ignore[union-attr]
    norm.running_mean.copy_(torch.tensor([1e4, -50.0, 0.0, 7.0]))
    norm.running_var.copy_(torch.tensor([4.0, 1.0, 0.01, 9.0]))
    values = made_rows(model, 400).values
    torch.testing.assert_close(values.mean(0), norm.running_mean, rtol=1e-3, atol=0.5)
    torch.testing.assert_close(values.std(0), norm.running_var.sqrt(), rtol=0.1, atol=0)


def test_rows_of_any_columns_are_like_those_that_were_prepared() -> None:
    draw = np.random.default_rng(0)
    price = np.where(draw.random(90) < 0.2, np.nan, draw.normal(500, 20, 90))
    days = draw.normal(19_000, 100, 90) * 86_400
    city = texts(draw.choice(["Bonn", "Graz"], 90).tolist())
    columns = [Column("price", "number", price), Column("day", "date", days, "%Y-%m-%d")]
    columns.append(Column("city", "category", city))
    prepared = Preparation.fit(Columns(columns), np.arange(90))
    schema = replace(
        table_schema(),
        columns=tuple(ColumnSchema(one.name, one.kind, one.layout) for one in columns),
        complete=False,
    )
    form: dict[str, Any] = {"preparations": [prepared], "seeds": (0,)}
    model = made_model(schema, {"mlp": {"hidden": 8}}, fit_spec(), **form)
    made = {column.name: column.cells for column in made_rows(model, 200).columns}
    assert 0 < np.isnan(made["price"]).sum() < 100
    assert np.nanmean(made["price"]) == pytest.approx(500, abs=10)
    assert made["day"].mean() / 86_400 == pytest.approx(19_000, abs=50)
    assert {"Bonn", "Graz"} < set(made["city"])


def test_pictures_are_dark_and_bright_flat_and_rich() -> None:
    model = made_model(image_schema(), {"cnn": {"width": 4}}, fit_spec(), seeds=(0,))
    pixels = made_rows(model, 40).pixels.reshape(40, -1).double()
    means, deviations = pixels.mean(1), pixels.std(1)
    assert means.min() < 60
    assert means.max() > 195
    assert deviations.max() > 2 * deviations.min()
