"""Metrics of a user's own, which need not be the same in another unit, through whole runs."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_study import write_small
from whole_runs import run_whole

from nearfar.execution.prepared import Prepared, Request
from nearfar.extensions import use_modules
from nearfar.records import Record, read_results

MODULE = """\
import numpy as np

from nearfar.metrics import Metric


def percents(truth, prediction):
    return 100 * np.abs((truth - prediction) / truth)


def mape(truth, prediction):
    assert (truth > 50).all()
    return float(percents(truth, prediction).mean())


def squares(truth, prediction):
    assert (truth > 50).all()
    return np.square(truth - prediction)


def square(truth, prediction):
    return float(squares(truth, prediction).mean())


METRICS = {
    "mape": Metric("mape", "MAPE", "lower", "none", mape, percents, least=0.0),
    "square": Metric("square", "squared error", "lower", "squared", square, squares),
}
"""
ARMS = {
    "mean": {"group": "control", "fit": {"head": "mean"}},
    "ridge": {"fit": {"encoder": "identity", "head": "ridge"}},
    "trained": {"fit": {"encoder": {"mlp": {"layers": 1, "hidden": 8}}, "epochs": 6}},
}


@pytest.fixture(autouse=True)
def _no_modules() -> Iterator[None]:
    yield
    use_modules([], Path())


def run(folder: Path, metric: str, **data: Any) -> Prepared:
    path = write_small(
        folder,
        modules=["mine"],
        metric=metric,
        data={"source": "table", "path": "small.csv", "features": [*"abc"], **data},
        split={"kind": "random", "parts": [0.7, 0.15, 0.15], "resplit": False},
        baseline="mean",
        stages={},
        arms=ARMS,
        axes={"seed": {"role": "repeat", "values": 3}},
        profiles={},
    )
    rows = list(csv.DictReader((folder / "small.csv").read_text().splitlines()))
    for row in rows:
        row |= {"y": str(100 + 5 * float(row["y"])), "z": str(1000 + float(row["z"]))}
    with (folder / "small.csv").open("w") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (folder / "mine.py").write_text(MODULE)
    return run_whole(Request(str(path), out=folder / "runs"))


def predicted(done: Prepared, stage: str, target: str) -> tuple[np.ndarray, np.ndarray]:
    with (done.folder.store.folder(stage) / "predictions.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if (r["split"], r["target"]) == ("test", target)]
    truth, guess = (np.array([float(r[key]) for r in rows]) for key in ("truth", "prediction"))
    return truth, guess


def recorded(done: Prepared, metric: str) -> list[Record]:
    found = read_results(done.folder.path / "results.csv")
    return [r for r in found if (r.split, r.metric) == ("test", metric)]


@pytest.fixture(scope="module")
def relative(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return run(tmp_path_factory.mktemp("relative"), "mape", target="y")


def test_a_relative_error_is_that_of_the_targets_own_unit(relative: Prepared) -> None:
    records = recorded(relative, "mape")
    assert len(records) == 9
    for record in records:
        truth, guess = predicted(relative, record.stage, "y")
        assert record.unit == ""
        assert record.value == pytest.approx(100 * np.abs(1 - guess / truth).mean())


def test_the_rows_of_a_relative_error_are_read(relative: Prepared) -> None:
    summary = json.loads((relative.folder.path / "summary.json").read_text())
    assert not any("Predictions of" in note for note in summary["notes"])
    assert all(c["p"] is not None and c["parts"] for c in summary["comparisons"])
    assert [c["arm"] for c in summary["comparisons"]] == ["ridge", "trained"]


def test_an_epoch_is_chosen_by_a_relative_error(relative: Prepared) -> None:
    cell = next(cell for cell in relative.plan.cells if cell.arm == "trained")
    folder = relative.folder.store.folder(cell.chain[-1])
    with (folder / "curves.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["split"] == "validation"]
    curve = [float(r["value"]) for r in rows if r["metric"] == "mape"]
    outcome = relative.folder.store.outcome(cell.chain[-1])
    assert outcome is not None
    (kept,) = [
        m["value"]
        for m in outcome["metrics"]
        if (m["split"], m["metric"]) == ("validation", "mape")
    ]
    assert min(curve) == pytest.approx(kept)


def test_what_has_a_unit_is_scaled_by_deviations_as_built_in_ones_are(tmp_path: Path) -> None:
    done = run(tmp_path, "square", target=["y", "z"])
    own, built_in = recorded(done, "square"), recorded(done, "mse")
    assert len(own) == 9 * 5  # two targets in two units, and their mean in z
    assert {(r.target, r.unit) for r in own} == {(r.target, r.unit) for r in built_in}
    for mine, known in zip(own, built_in, strict=True):
        assert mine.value == pytest.approx(known.value)


def test_the_mean_over_targets_of_a_relative_error(tmp_path: Path) -> None:
    done = run(tmp_path, "mape", target=["y", "z"])
    for record in recorded(done, "mape"):
        targets = ["y", "z"] if record.target == "all targets" else [record.target]
        each = [predicted(done, record.stage, target) for target in targets]
        values = [100 * np.abs(1 - guess / truth).mean() for truth, guess in each]
        assert record.value == pytest.approx(np.mean(values))
