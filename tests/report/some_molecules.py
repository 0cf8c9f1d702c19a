"""Molecules of the shipped sample of ESOL, or made-up ones."""

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import nearfar

ESOL = Path(nearfar.__file__).parent / "data" / "samples" / "esol.csv"


@dataclass
class Molecules:
    smiles: list[str]
    names: list[str]
    truth: np.ndarray
    ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ids = self.ids or [str(row + 1) for row in range(len(self.truth))]


def read_molecules(path: Path, rows: int | None = None) -> Molecules:
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))[:rows]
    return Molecules(
        [line["smiles"] for line in lines],
        [line["name"] for line in lines],
        np.array([float(line["log_solubility"]) for line in lines]),
    )
