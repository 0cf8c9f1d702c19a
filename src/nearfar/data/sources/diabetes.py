"""Data that come with scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nearfar.data.dataset import Dataset, InputRows, content_digest
from nearfar.data.inputs.vectors import Vectors
from nearfar.data.options import DataOptions
from nearfar.errors import UserError, nearest

DIABETES_TARGET = "progression"


def load_diabetes(options: DataOptions, folder: Path) -> Dataset:
    """Return 442 patients: ten measurements in their own units, and the disease a year later.

    They come with scikit-learn, so ``folder`` is not looked into.

    B. Efron et al., "Least Angle Regression", Annals of Statistics 32 (2004) 407–499.

    Raises:
        UserError: if ``options.features`` names a column that is not there.
    """
    from sklearn.datasets import load_diabetes as bundled

    data = bundled(scaled=False)
    known = [str(column) for column in data.feature_names]
    columns = options.features or known
    for column in columns:
        if column not in known:
            raise UserError(f"diabetes has no column '{column}'; {nearest(column, known)}")
    values = np.asarray(data.data, dtype=np.float64)[:, [known.index(c) for c in columns]]
    targets = np.asarray(data.target, dtype=np.float64)[:, None]
    rows = len(values)
    given = InputRows(
        Vectors(values, columns),
        [str(row + 1) for row in range(rows)],
        [""] * rows,
        [],
        {
            "source": "diabetes",
            "found": "scikit-learn",
            "read": rows,
            "dropped": 0,
            "reasons": {},
            "features": columns,
            "group": None,
        },
    )
    groups = np.arange(rows)
    return Dataset(
        inputs=given.inputs,
        ids=given.ids,
        names=given.names,
        smiles=given.smiles,
        source=given.source,
        targets=targets,
        target_names=[DIABETES_TARGET],
        unit="",
        groups=groups,
        parts=None,
        digest=content_digest(given, targets, [DIABETES_TARGET], groups, None),
    )
