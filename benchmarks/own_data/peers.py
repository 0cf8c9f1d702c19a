"""What other libraries reach with their defaults, on the rows that a run trained and tested."""

import csv
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from data_sets import OwnData
from PIL import Image
from rdkit import Chem
from rdkit.Chem import Descriptors
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from nearfar.data import Dataset, Split

Array = np.ndarray
Peer = Callable[[Split], Array]
"""The rows of a training → what is predicted of those tested: numbers (n,), or probabilities
(n, classes). Rows for validation are used by who stops early."""

SIDE = 32
"""Pixels of a side to which a peer's images are reduced: of more, boosting takes hours."""


def _frame(own: OwnData, dataset: Dataset) -> pd.DataFrame:
    """The table as scikit-learn's boosting reads one: texts and truths are categories."""
    frame = pd.read_csv(own.source).iloc[[int(name) - 1 for name in dataset.ids]]
    frame = frame.drop(columns=own.target)
    numeric = pd.api.types.is_numeric_dtype
    texts = [c for c in frame if not numeric(frame[c]) or frame[c].dtype == bool]
    # More categories than its bins are no categories to it: a column of names goes.
    few = [c for c in texts if frame[c].nunique() < 255]
    frame = frame.drop(columns=[c for c in texts if c not in few])
    return frame.astype(dict.fromkeys(few, "category"))


def _pixels(dataset: Dataset) -> Array:
    pixels = np.asarray(dataset.inputs.pixels)  # type: ignore[attr-defined]
    channels_last = pixels.transpose(0, 2, 3, 1)
    reduced = []
    for picture in channels_last:
        image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
        if max(image.size) > SIDE:
            image = image.resize((SIDE, SIDE), Image.Resampling.BOX)
        reduced.append(np.asarray(image).reshape(-1))
    return np.stack(reduced)


def _descriptors(own: OwnData, dataset: Dataset) -> Array:
    frame = pd.read_csv(own.source).iloc[[int(name) - 1 for name in dataset.ids]]
    rows = [Descriptors.CalcMolDescriptors(Chem.MolFromSmiles(s)) for s in frame.iloc[:, 0]]
    with np.errstate(over="ignore"):
        values = np.array([list(row.values()) for row in rows], dtype=np.float32)
    return np.nan_to_num(values, posinf=0, neginf=0)


def _estimator(features: Any, truth: Array, make: Callable[[], Any]) -> Peer:
    inputs = features.iloc if isinstance(features, pd.DataFrame) else features

    def predicted(rows: Split) -> Array:
        model = make().fit(inputs[rows.train], truth[rows.train])
        if hasattr(model, "predict_proba"):
            return np.asarray(model.predict_proba(inputs[rows.test]))
        return np.asarray(model.predict(inputs[rows.test]))

    return predicted


def peers(own: OwnData, dataset: Dataset, chemprop: Path | None) -> dict[str, Peer]:
    """Return the peers of a data set by name; ``chemprop`` is a Python that has it."""
    truth = dataset.targets[:, 0].astype(int if dataset.classes else float)
    boosting = HistGradientBoostingClassifier if dataset.classes else HistGradientBoostingRegressor
    trees = ExtraTreesClassifier if dataset.classes else ExtraTreesRegressor
    if own.kind == "table":
        kind = {"categorical_features": "from_dtype", "random_state": 0}
        frame = _frame(own, dataset)
        return {"HistGradientBoosting": _estimator(frame, truth, lambda: boosting(**kind))}
    features = _pixels(dataset) if own.kind == "images" else _descriptors(own, dataset)
    name = "ExtraTrees on " + ("pixels" if own.kind == "images" else "descriptors")
    found = {name: _estimator(features, truth, lambda: trees(n_jobs=-1, random_state=0))}
    if own.kind == "molecules" and chemprop is not None:
        found["chemprop"] = _chemprop(own, dataset, truth, chemprop)
    return found


def _chemprop(own: OwnData, dataset: Dataset, truth: Array, python: Path) -> Peer:
    """chemprop's command with its defaults, on the same rows for training and for stopping."""
    smiles = pd.read_csv(own.source).iloc[[int(name) - 1 for name in dataset.ids], 0].to_numpy()

    def predicted(rows: Split) -> Array:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            learned, asked = folder / "train.csv", folder / "test.csv"
            parts = {"train": rows.train, "val": rows.validation, "test": rows.test}
            told = [(smiles[i], truth[i], part) for part, some in parts.items() for i in some]
            _write(learned, ["smiles", "y", "split"], told)
            _write(asked, ["smiles"], [(s,) for s in smiles[rows.test]])
            call = str(python.with_name("chemprop"))
            fit = ["train", "-i", learned, "-s", "smiles", "--target-columns", "y"]
            fit += ["--splits-column", "split", "-o", folder / "model"]
            subprocess.run([call, *map(str, fit)], check=True, capture_output=True)
            say = ["predict", "-i", asked, "-s", "smiles", "-o", folder / "p.csv"]
            say += ["--model-paths", folder / "model"]
            subprocess.run([call, *map(str, say)], check=True, capture_output=True)
            return pd.read_csv(folder / "p.csv").iloc[:, -1].to_numpy(dtype=float)

    return predicted


def _write(path: Path, head: list[str], lines: list[tuple[Any, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(head)
        rows.writerows(lines)
