"""Which rows of the data set the page shows, and what it knows of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar.metrics import confusion
from nearfar.records.stage_files import Predictions, read_each_target, read_predictions
from nearfar.report.load import Run, arm_label
from nearfar.report.page.molecules import Drawing, draw_molecule

EXAMPLES = 12
PART_LETTERS = {"train": "r", "validation": "v", "test": "t"}


@dataclass(frozen=True)
class Shown:
    """Rows on the page: ``index`` into the data set's order, and the same rows' columns."""

    index: list[int]
    ids: list[str]
    names: list[str]
    truth: list[float]
    total: int


@dataclass(frozen=True)
class ArmPredictions:
    """An arm's predictions by seed, for as many seeds as finished.

    ``classes`` are the names behind the numbers; empty where numbers are predicted. ``control``
    says that the arm stands for comparison alone.
    """

    label: str
    target: str
    classes: list[str]
    by_seed: dict[int, Predictions]
    control: bool = False

    def confusions(self) -> list[NDArray[np.int64]]:
        """The confusions (classes, classes) of the test rows of every seed."""
        found = []
        for read in self.by_seed.values():
            tested = [row for row, part in read.parts.items() if part == "test"]
            truth, guess = (
                np.array([column[row] for row in tested], dtype=np.int64)
                for column in (read.truth, read.prediction)
            )
            found.append(confusion(truth, guess, len(self.classes)))
        return found


def read_arm_predictions(
    run: Run,
    target_of_several: str = "",
    each: Callable[[Path], Mapping[str, Predictions]] = read_each_target,
) -> list[ArmPredictions]:
    """Predictions of the last stage of every arm and seed, in the order of ``run.arms``.

    ``each`` reads those of all targets of a stage, where there are several.
    """
    arms = []
    for arm in run.arms:
        target, classes = target_of_several or run.target_of(arm), run.classes_of(arm)
        by_seed = {}
        for seed in run.summary.get("seeds", []):
            chain = run.chain(arm, seed)
            if chain:
                folder = run.stage_folder(chain[-1]["hash"])
                read = (
                    each(folder).get(target)
                    if target_of_several
                    else read_predictions(folder, target, classes)
                )
                if read is not None and read.prediction:
                    by_seed[int(seed)] = read
        control = arm.get("group") == "control"
        arms.append(ArmPredictions(arm_label(arm), target, classes, by_seed, control))
    return arms


def shown_rows(run: Run, arms: Sequence[ArmPredictions]) -> Shown:
    """The rows that ``samples.parquet`` marks; without that file, those of the predictions.

    Of classes, the truth is the number of the data set's own class.
    """
    own = [str(name) for name in run.summary.get("classes") or []]
    truth: dict[str, float] = {}
    for arm in arms:
        if arm.classes == own:
            for read in arm.by_seed.values():
                truth |= read.truth
    samples = run.samples
    ids = samples.ids or list(truth)
    truth |= dict(zip(ids, map(float, samples.classes), strict=False))
    chosen = samples.shown if samples.ids else list(range(len(ids)))
    names = samples.names or [""] * len(ids)
    return Shown(
        index=chosen,
        ids=[ids[row] for row in chosen],
        names=[names[row] for row in chosen],
        truth=[truth.get(ids[row], float("nan")) for row in chosen],
        total=len(ids),
    )


def draw_rows(run: Run, shown: Shown) -> tuple[list[Drawing], list[int | None]]:
    """Distinct drawings, and for every shown row the number of its own."""
    drawings: list[Drawing] = []
    number_of: dict[str, int | None] = {}
    for row in shown.index:
        smiles = run.samples.smiles[row] if run.samples.smiles else ""
        if smiles not in number_of:
            drawing = draw_molecule(smiles) if smiles else None
            number_of[smiles] = None if drawing is None else len(drawings)
            if drawing is not None:
                drawings.append(drawing)
    smiles_of = run.samples.smiles or [""] * shown.total
    return drawings, [number_of[smiles_of[row]] for row in shown.index]


def example_rows(shown: Shown) -> list[int]:
    """Rows spread evenly over the target's range of ranks, lowest target first."""
    known = [row for row, value in enumerate(shown.truth) if np.isfinite(value)]
    known = known or list(range(len(shown.ids)))
    ordered = sorted(known, key=lambda row: (shown.truth[row], row))
    places = np.linspace(0, len(ordered) - 1, min(EXAMPLES, len(ordered)))
    return [ordered[int(place)] for place in places.round()]


def prediction_columns(
    shown: Shown, arms: Sequence[ArmPredictions], seeds: Sequence[int]
) -> dict[str, Any]:
    """Parts and predictions of the shown rows.

    ``parts`` holds distinct strings of one letter a row (r train, v validation, t test, - none).
    ``arms[i][seed]`` is ``[number of the parts, values]``: values of every row for an arm's first
    seed, of the test rows alone, in their order, for others.
    """
    parts: list[str] = []
    columns: list[dict[str, Any]] = []
    for arm in arms:
        column: dict[str, Any] = {}
        for seed in seeds:
            read = arm.by_seed.get(seed)
            if read is None:
                continue
            letters = "".join(
                PART_LETTERS.get(read.parts.get(identity, ""), "-") for identity in shown.ids
            )
            if letters not in parts:
                parts.append(letters)
            values = [
                compact(read.prediction.get(identity, float("nan")))
                for identity, letter in zip(shown.ids, letters, strict=True)
                if not column or letter == "t"
            ]
            column[str(seed)] = [parts.index(letters), values]
        columns.append(column)
    return {"parts": parts, "arms": columns}


def compact(value: float, digits: int = 4) -> float | int | None:
    """A number with few significant digits for the page; None for what is not finite."""
    if not np.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short == int(short) else short
