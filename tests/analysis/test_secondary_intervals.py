"""Intervals of metrics beside the primary one: they count how few the tested rows are."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import MadeRun
from small_study import write_small
from whole_runs import run_whole

from nearfar.analysis.row_scores import KeptScores
from nearfar.execution.prepared import Request
from nearfar.execution.results import write_records
from nearfar.metrics import METRICS
from nearfar.records import Record

N, STD = 400, 5.0
IDS = [f"row {i}" for i in range(N)]
KEYS = ("split", "target", "metric", "unit")
METRICS_ASKED = ("mae", "rmse", "mse", "r2", "spearman")
DRAW = np.random.default_rng(0)
TRUTH = DRAW.normal(20, STD, N)
GUESS = TRUTH + DRAW.normal(0, 2, N)


def kept(folder: Path, seeds: int = 3, *, noise: float = 0.0) -> tuple[MadeRun, list[Record]]:
    """A fixed split whose seeds all tested every row; ``noise`` is what each adds to the guess."""
    records = []
    for seed in range(seeds):
        guess = GUESS + noise * np.random.default_rng(seed).normal(0, 1, N)
        (folder / f"A{seed}").mkdir()
        lines = [
            f"{i},test,y,{t!r},{g!r}"
            for i, t, g in zip(IDS, TRUTH.tolist(), guess.tolist(), strict=True)
        ]
        text = "\n".join(["id,split,target,truth,prediction", *lines])
        (folder / f"A{seed}" / "predictions.csv").write_text(text)
        for metric in METRICS_ASKED:
            value = METRICS[metric].value(TRUTH, guess)
            z = {"mae": STD, "rmse": STD, "mse": STD**2}.get(metric)
            units = [("none", value)] if z is None else [("years", value), ("z", value / z)]
            for unit, number in units:
                place = ("A", seed, "", "test", "y", metric, unit)
                records.append(Record(*place, number, f"A{seed}"))
    run = MadeRun(resplit=False).arm("A", [1.0] * seeds)
    run.study["arms"], run.study["baseline"] = {"A": {}}, "A"
    run.records = records
    return run, records


def intervals(
    run: MadeRun, records: list[Record], folder: Path
) -> dict[tuple[str, str], dict[str, Any]]:
    scores = KeptScores(folder, records, "mae", IDS)
    (arm,) = run.summary(rows={"train": N, "validation": 0, "test": N}, scores=scores)["arms"]
    return {(entry["metric"], entry["unit"]): entry for entry in arm["metrics"]}


def bootstrapped(metric: str) -> float:
    """The deviation of a metric over tested rows drawn anew."""
    draw = np.random.default_rng(1)
    values = []
    for _ in range(2000):
        rows = draw.integers(0, N, N)
        values.append(METRICS[metric].value(TRUTH[rows], GUESS[rows]))
    return float(np.std(values))


@pytest.mark.parametrize("metric", METRICS_ASKED)
def test_seeds_that_agree_are_no_certainty(tmp_path: Path, metric: str) -> None:
    """Three trainings with one result: what is not sure is which rows were tested."""
    run, records = kept(tmp_path)
    found = intervals(run, records, tmp_path)
    own = found[metric, "none" if (metric, "none") in found else "years"]
    assert (own["high"] - own["low"]) / 2 == pytest.approx(1.97 * bootstrapped(metric), rel=0.1)
    assert own["std"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("metric", ["mae", "rmse", "mse"])
def test_an_interval_in_another_unit_is_the_same_share_of_its_mean(
    tmp_path: Path, metric: str
) -> None:
    run, records = kept(tmp_path, noise=0.3)
    found = intervals(run, records, tmp_path)
    scaled, own = found[metric, "z"], found[metric, "years"]
    assert own["low"] / own["mean"] == pytest.approx(scaled["low"] / scaled["mean"])
    assert own["high"] / own["mean"] == pytest.approx(scaled["high"] / scaled["mean"])


def test_without_row_scores_seeds_that_agree_have_no_interval(tmp_path: Path) -> None:
    run, records = kept(tmp_path)
    for seed in range(3):
        (tmp_path / f"A{seed}" / "predictions.csv").unlink()
    assert all(entry["low"] is None for entry in intervals(run, records, tmp_path).values())


def test_without_row_scores_the_spread_of_seeds_is_told(tmp_path: Path) -> None:
    run, records = kept(tmp_path, noise=1.0)
    for seed in range(3):
        (tmp_path / f"A{seed}" / "predictions.csv").unlink()
    assert all(entry["low"] is not None for entry in intervals(run, records, tmp_path).values())


def test_without_any_error_there_is_no_interval_of_errors(tmp_path: Path) -> None:
    run, records = kept(tmp_path)
    for seed in range(3):
        path = tmp_path / f"A{seed}" / "predictions.csv"
        lines = [f"{i},test,y,{t!r},{t!r}" for i, t in zip(IDS, TRUTH.tolist(), strict=True)]
        path.write_text("\n".join(["id,split,target,truth,prediction", *lines]))
    perfect = [replace(r, value=float(r.metric in ("r2", "spearman"))) for r in records]
    run.records = perfect
    found = intervals(run, perfect, tmp_path)
    assert all(entry["low"] is None for place, entry in found.items() if place[1] != "none")


@pytest.mark.parametrize("targets", [["y"], ["y", "z"]])
@pytest.mark.parametrize("kind", ["random", "folds"])
def test_they_are_those_of_the_metric_where_it_is_the_primary_one(
    tmp_path: Path, targets: list[str], kind: str
) -> None:
    """Of a whole run, whose representations are measured beside its predictions."""
    split = {"kind": "folds", "folds": 3} if kind == "folds" else {"parts": [0.7, 0.1, 0.2]}
    arms = {"ridge": {"fit": {"encoder": "identity", "head": "ridge"}}}
    found = []
    for metric in ("mae", "rmse"):
        folder = tmp_path / metric
        folder.mkdir()
        study = write_small(
            folder,
            data={"source": "table", "path": "small.csv", "target": targets, "features": ["a"]},
            split={"kind": kind, **split},
            axes={"seed": {"role": "repeat", "values": 3}},
            arms=arms,
            stages={},
            baseline="ridge",
            profiles={},
            metric=metric,
        )
        run = run_whole(Request(str(study), out=folder / "runs"))
        write_records(run.folder, {})
        (arm,) = run.folder.read_json("summary.json")["arms"]
        found.append({tuple(map(e.get, KEYS)): (e["low"], e["high"]) for e in arm["metrics"]})
    first, second = found
    assert first.keys() == second.keys()
    for place, ends in first.items():
        assert place[0] != "test" or ends == pytest.approx(second[place]), place
