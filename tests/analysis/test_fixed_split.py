"""Comparisons on a fixed split: rows kept by the stages are what there is to test."""

from pathlib import Path

import numpy as np
import pytest
from made_runs import STD, MadeRun

from nearfar.analysis.row_scores import kept_row_differences
from nearfar.analysis.statistics import fixed_split_t
from nearfar.metrics import METRICS
from nearfar.records import Record


def predictions(seed: int, shift: float) -> np.ndarray:
    draw = np.random.default_rng(seed)
    truth = np.random.default_rng(99).normal(0, STD, 40)
    return np.stack([truth, truth + draw.normal(shift, 1.0, 40)], axis=1)


def fixed_run(folder: Path, name: str = "mae") -> MadeRun:
    run = MadeRun(name, resplit=False)
    for arm, shift in (("L1", 0.0), ("RnC", 1.0)):
        values = []
        for seed in range(4):
            rows = predictions(seed if arm == "L1" else 50 + seed, shift)
            values.append(METRICS[name].value(rows[:, 0], rows[:, 1]) / STD)
            stage = folder / f"{arm}{seed}"
            stage.mkdir(parents=True)
            lines = ["id,split,target,truth,prediction", "9,train,y,0,0"]
            lines += [f"{i},test,y,{t:.9g},{p:.9g}" for i, (t, p) in enumerate(rows)]
            (stage / "predictions.csv").write_text("\n".join(lines) + "\n")
        run.arm(arm, values)
    run.records = [
        Record(*(getattr(r, f) for f in ("arm", "seed", "condition", "split", "target")),
               r.metric, r.unit, r.value, f"{r.arm}{r.seed}")
        for r in run.records
    ]  # fmt: skip
    return run


@pytest.mark.parametrize("name", ["mae", "rmse"])
def test_a_fixed_split_counts_the_rows_kept_by_the_stages(tmp_path: Path, name: str) -> None:
    run = fixed_run(tmp_path, name)
    rows = kept_row_differences(tmp_path, run.records, name)
    (found,) = run.summary(row_differences=rows)["comparisons"]

    scores = METRICS[name].row_scores
    assert scores is not None
    seeds, by_row = [], []
    for seed in range(4):
        mine, base = predictions(50 + seed, 1.0), predictions(seed, 0.0)
        difference = scores(mine[:, 0], mine[:, 1]) - scores(base[:, 0], base[:, 1])
        by_row.append(difference / STD)
        seeds.append(difference.mean() / STD)
    expected = fixed_split_t(seeds, np.mean(by_row, axis=0))
    assert (found["low"], found["high"]) == pytest.approx(expected.interval(), rel=1e-5)
    assert found["p"] == pytest.approx(expected.p_value(), rel=1e-4)
    assert found["original"]["high"] == pytest.approx(STD * found["high"], rel=1e-5)
    assert found["reason"].endswith("for this split") or found["verdict"] == "undecided"


def test_without_rows_a_fixed_split_is_not_tested(tmp_path: Path) -> None:
    run = fixed_run(tmp_path)
    for more in ({}, {"row_differences": kept_row_differences(tmp_path / "x", run.records, "mae")}):
        (found,) = run.summary(**more)["comparisons"]
        assert (found["p"], found["verdict"]) == (None, "undecided")
        assert found["reason"] == "no test: differences per test row are not at hand"


def test_rows_that_do_not_give_the_recorded_number_are_not_used(tmp_path: Path) -> None:
    run = fixed_run(tmp_path)
    shifted_records = [
        Record(
            r.arm, r.seed, "severity=3", r.split, r.target, r.metric, r.unit, 2 * r.value, r.stage
        )
        for r in run.records
    ]
    rows = kept_row_differences(tmp_path, shifted_records, "mae")
    assert rows("RnC", "L1", "severity=3", "y") is None
    rows = kept_row_differences(tmp_path, run.records, "mae")
    assert rows("RnC", "L1", "", "y") is not None
    file = tmp_path / "RnC0" / "predictions.csv"
    file.write_text(file.read_text().replace("\n3,test", "\n333,test"))
    rows = kept_row_differences(tmp_path, run.records, "mae")
    assert rows("RnC", "L1", "", "y") is None
