"""Rows that an ONNX file is compared on: made here, where those lie that the model learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from nearfar.data import Columns, Images, Molecules, Preparation, Vectors
from nearfar.data.inputs.columns import NUMERIC, Column, texts
from nearfar.data.prepare.steps import Dates, Numbers, OneHot, Step, TargetCodes, Words
from nearfar.encoders import FixedEncoder
from nearfar.heads import Forest
from nearfar.models.finished import FinishedModel

Place = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Centre and deviation of columns, (d,) each."""

_SMILES = (
    *("CCO", "c1ccccc1O", "N", "CC(=O)[O-].[Na+]", "CCCCCCCCCCCCCCCC", "F/C=C/F", "C1CC1C#N"),
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
)
"""Molecules of 1 to 16 atoms: rings, charges, a salt, a double bond with a side."""
_SPREADS = 10.0 ** np.arange(7)
"""Deviations that are tried where nothing says what the columns' values are."""
_COARSE = 4
"""Patches along a side of a picture."""
_DAY = 86_400


def made_rows(model: FinishedModel, count: int) -> Any:
    """Return ``count`` rows of the form that a model takes."""
    draw = np.random.default_rng(count)
    schema = model.schema
    if schema.kind == "molecule":
        return Molecules.from_smiles([_SMILES[k % len(_SMILES)] for k in range(count)])
    if schema.kind == "image":
        assert schema.shape is not None
        return Images(_pictures(draw, (count, *schema.shape)), schema.range)
    if schema.complete:
        return _numbers(model, draw, count)
    preparation = model.members[0].fitted.preparation
    steps = {} if preparation is None else {part.name: part.step for part in preparation.parts}
    scales = {} if preparation is None else _scales(preparation)
    return Columns(
        [
            Column(
                column.name,
                column.kind,  # type: ignore[arg-type]
                _numeric_cells(draw, count, column.name, steps.get(column.name), scales)
                if column.kind in NUMERIC
                else texts(_texts(draw, count, column.name, steps.get(column.name))),
                column.layout,
            )
            for column in schema.columns
        ]
    )


def _pictures(draw: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return uint8 (n, channels, height, width): patches and noise of any brightness, contrast."""
    count, channels, height, width = shape
    patches = draw.normal(size=(count, channels, _COARSE, _COARSE))
    rows, columns = (np.arange(side) * _COARSE // side for side in (height, width))
    each = (count, 1, 1, 1)
    values = draw.uniform(0, 255, each) + draw.uniform(10, 90, each) * (
        patches[:, :, rows][:, :, :, columns] + draw.uniform(0, 0.5, each) * draw.normal(size=shape)
    )
    return values.clip(0, 255).astype(np.uint8)


def _numbers(model: FinishedModel, draw: np.random.Generator, count: int) -> Vectors:
    """Return rows of complete columns, spread as those that the model learnt from.

    Where it does not tell how these are spread, of several deviations the one by which its
    predictions differ most.
    """
    names = [column.name for column in model.schema.columns]
    values = draw.normal(size=(count, len(names)))
    place = _place(model)
    if place is not None:
        centre, deviation = place
        return Vectors(centre + deviation * values, names)
    tried = [Vectors(spread * values, names) for spread in _SPREADS]
    distinct = [len(np.unique(model.predict(rows).mean.round(12), axis=0)) for rows in tried]
    return tried[int(np.argmax(distinct))]


def _place(model: FinishedModel) -> Place | None:
    """Return where complete columns lie: by kept rows, thresholds of trees, or a batch norm."""
    fitted, width, known = model.members[0].fitted, len(model.schema.columns), model.known
    encoder = fitted.encoder
    if isinstance(encoder, FixedEncoder):
        if known is not None and known.values.shape[1] == width:
            return known.centre.astype(np.float64), known.scale.astype(np.float64)
        return _of_thresholds(fitted.head.nodes, width) if isinstance(fitted.head, Forest) else None
    for part in encoder.modules() if encoder is not None else ():
        if isinstance(part, nn.BatchNorm1d) and part.num_features == width:
            mean, variance = part.running_mean, part.running_var
            if mean is not None and variance is not None:
                return mean.double().numpy(), variance.double().sqrt().numpy()
    return None


def _of_thresholds(nodes: Mapping[str, NDArray[Any]], width: int) -> Place:
    """Return mean and deviation of each column's thresholds: 0 and 1 of one that has none."""
    inner = nodes["left"] != np.arange(len(nodes["left"]))
    feature, threshold = nodes["feature"][inner], nodes["threshold"][inner].astype(np.float64)
    own = [threshold[feature == k] for k in range(width)]
    centre = np.array([one.mean() if len(one) else 0.0 for one in own])
    return centre, np.array([one.std() or 1.0 if len(one) else 1.0 for one in own])


def _scales(preparation: Preparation) -> dict[str, tuple[float, float]]:
    """Return mean and deviation of a preparation's columns by their names."""
    pairs = zip(preparation.mean.tolist(), preparation.deviation.tolist(), strict=True)
    return dict(zip(preparation.names, pairs, strict=True))


def _numeric_cells(
    draw: np.random.Generator,
    count: int,
    name: str,
    step: Step | None,
    scales: Mapping[str, tuple[float, float]],
) -> NDArray[np.float64]:
    """Return cells (n,) as the training rows had them, some of them gaps where these had gaps."""
    unit = _DAY if isinstance(step, Dates) else 1
    fill = step.fill / unit if isinstance(step, Numbers | Dates) else 0.0
    mean, deviation = scales.get(f"{name} days" if unit == _DAY else name, (fill, 1.0))
    cells = unit * draw.normal(mean, deviation, count)
    if isinstance(step, Numbers | Dates) and step.flags:
        cells[draw.random(count) < 1 / 4] = np.nan
    return cells


def _texts(draw: np.random.Generator, count: int, name: str, step: Step | None) -> list[str]:
    """Return cells of known categories or words, and one here and there of none."""
    known: list[str] = []
    if isinstance(step, OneHot | TargetCodes):
        known = list(step.categories)
    elif isinstance(step, Words) and step.grams:
        known = [" ".join(draw.choice(step.grams, 8)) for _ in range(count)]
    strange = f"{name} {count}"
    return [str(cell) for cell in draw.choice([*known, strange], count)]
