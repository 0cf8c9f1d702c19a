"""A study with parts of a user's own: the text of a module that brings one of each kind."""

from pathlib import Path
from typing import Any

import yaml
from small_study import small, write_table

PARTS = '''
"""One part of each kind."""

from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import nn

from nearfar.data.catalogue import Source
from nearfar.data.sources.tables import load_vector_inputs, load_vectors
from nearfar.encoders import Encoder
from nearfar.metrics import Metric


class Doubled(Encoder):
    """Twice the columns, then one layer."""

    accepts: ClassVar[frozenset[str]] = frozenset({"vector"})

    def __init__(self, inputs, *, width: Annotated[int, Field(ge=1)] = 4) -> None:
        super().__init__()
        self.layer = nn.Linear(inputs.values.shape[1], width)
        self.out_features = width

    def forward(self, batch):
        return torch.tanh(self.layer(2 * batch))

    def layer_groups(self):
        return [self.layer]


class Median:
    tasks: ClassVar[frozenset[str]] = frozenset({"regression"})
    uses_features: ClassVar[bool] = False
    draws: ClassVar[bool] = False

    def __init__(self, *, shift: float = 0.0) -> None:
        self.shift, self.median = shift, np.zeros(0)

    def fit(self, features, targets, seed):
        self.median = np.median(targets, axis=0) + self.shift

    def predict(self, features):
        return np.tile(self.median, (len(features), 1))

    def arrays(self):
        return {"median": self.median}

    @classmethod
    def from_arrays(cls, arrays):
        head = cls()
        head.median = arrays["median"]
        return head


class Still(nn.Module):
    """Features near zero."""

    least_rows: ClassVar[int] = 1
    views: ClassVar[int] = 1
    reads_labels: ClassVar[bool] = False
    tasks: ClassVar[frozenset[str]] = frozenset({"regression"})

    def __init__(self, encoder, *, power: int = 2) -> None:
        super().__init__()
        self.encoder, self.power = encoder, power

    def loss(self, batch):
        return self.encoder(batch.inputs).abs().pow(self.power).mean()


def worst(truth, prediction):
    return float(np.abs(truth - prediction).max())


def load(options, folder):
    return load_vectors(options, folder)


LIKE_A_TABLE = Source(
    "vector", frozenset({"path", "hub", "target", "features", "task", "on_bad_rows"}),
    load, load_vector_inputs, needs_target=True,
)
WORST = Metric("worst", "largest error", "lower", "target", worst)
'''
DICTIONARIES = """
ENCODERS = {"doubled": Doubled}
HEADS = {"median": Median}
OBJECTIVES = {"still": Still}
METRICS = {"worst": WORST}
SOURCES = {"like_a_table": LIKE_A_TABLE}
"""


def study(**changes: Any) -> dict[str, Any]:
    """A study that uses one part of each kind, and built-in ones beside them."""
    return small(
        data={"source": "like_a_table", "path": "small.csv", "target": "y", "features": [*"abc"]},
        metric="worst",
        baseline="mean",
        stages={"still": {"encoder": "doubled", "objective": "still", "epochs": 1}},
        arms={
            "mean": {"group": "control", "fit": {"head": "mean"}},
            "median": {"fit": {"head": {"median": {"shift": 0.1}}}},
            "own": {"fit": {"encoder": {"doubled": {"width": 3}}, "epochs": 2}},
            "own, ridge": {"pretrain": "still", "fit": {"head": "ridge"}},
        },
        profiles={},
        **changes,
    )


def write_study(folder: Path, text: dict[str, Any]) -> Path:
    write_table(folder / "small.csv")
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(text, sort_keys=False), encoding="utf-8")
    return path


def with_module(folder: Path, **changes: Any) -> Path:
    """Write the study with a module ``mine`` beside it; return the study file."""
    (folder / "mine.py").write_text(PARTS + DICTIONARIES, encoding="utf-8")
    return write_study(folder, study(modules=["mine"], **changes))
