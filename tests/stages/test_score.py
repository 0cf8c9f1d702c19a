"""Finished fits judged again: on some test rows, on corrupted ones; nothing is trained for it."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from small_study import planned, resolved, small
from whole_runs import run_whole

from nearfar.errors import UserError
from nearfar.execution.prepared import Request
from nearfar.execution.run import carry_out, prepare
from nearfar.records import read_results, read_stages
from nearfar.report.load import read_run
from nearfar.report.page.sections.curves import fit_curves, pretrain_curves

ARMS: dict[str, Any] = {
    "steady": {"fit": {"encoder": "identity", "head": "ridge"}},
    "mean": {"fit": {"head": "mean"}},
    "small": {"fit": {"encoder": {"mlp": {"layers": 1, "hidden": 8}}, "epochs": 2, "batch": 16}},
}
NOISY = {"corruption": {"role": "score", "values": ["feature_noise"]}}
SEVERITY = {"role": "score", "values": [0, 1, 5]}


def write(folder: Path, rows: int = 300) -> None:
    """y = 2a, exactly: what ridge loses under noise of deviation d in a is known."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, rows))
    lines = [f"{x:.6f},{y:.6f},{2 * x:.6f}" for x, y in zip(a, b, strict=True)]
    (folder / "planted.csv").write_text("\n".join(["a,b,y", *lines]), encoding="utf-8")


def study(folder: Path, **changes: Any) -> Path:
    write(folder)
    text = {
        "study": "planted",
        "data": {"source": "table", "path": "planted.csv", "target": "y"},
        "split": {"kind": "random", "parts": [0.6, 0.2, 0.2]},
        "baseline": "mean",
        "arms": ARMS,
        "axes": {"seed": {"role": "repeat", "values": 2}},
        **changes,
    }
    path = folder / "planted.yaml"
    path.write_text(yaml.safe_dump(text, sort_keys=False), encoding="utf-8")
    return path


def run(path: Path, **options: Any) -> Path:
    return run_whole(Request(str(path), out=path.parent / "runs", **options)).folder.path


def errors(folder: Path) -> dict[tuple[str, int, str], float]:
    """(arm, seed, condition) → test MAE in z units."""
    return {
        (r.arm, r.seed, r.condition): r.value
        for r in read_results(folder / "results.csv")
        if (r.split, r.metric, r.unit) == ("test", "mae", "z")
    }


def test_an_arm_that_leans_on_a_noisy_column_loses_what_it_should(tmp_path: Path) -> None:
    path = study(
        tmp_path,
        axes={"seed": {"role": "repeat", "values": 2}, **NOISY, "severity": SEVERITY},
    )
    found = errors(run(path))
    for seed in (0, 1):
        at = [f"corruption=feature_noise;severity={s}" for s in (0, 1, 5)]
        steady = [found["steady", seed, place] for place in at]
        assert steady[0] < 1e-3 < steady[1] < steady[2]
        assert len({found["mean", seed, place] for place in at}) == 1


def test_scoring_trains_nothing_and_stands_in_the_records(tmp_path: Path) -> None:
    axes = {"seed": {"role": "repeat", "values": 2}}
    before = run(study(tmp_path, axes=axes))
    trained = {row.hash for row in read_stages(before / "stages.csv")}
    after = run(study(tmp_path, study="judged", axes={**axes, **NOISY, "severity": SEVERITY}))
    rows = read_stages(after / "stages.csv")
    assert {row.hash for row in rows if row.stage != "score"} == trained
    scored = [row for row in rows if row.stage == "score"]
    assert len(scored) == 3 * 2 * 2
    assert all(row.epochs == 0 and row.status == "done" for row in scored)
    with (after.parent / "stages" / scored[0].hash / "predictions.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert {line["split"] for line in lines} == {"test"}
    assert len(lines) == 60


def test_seen_and_unseen_rows_make_up_all(tmp_path: Path) -> None:
    path = study(
        tmp_path,
        axes={
            "seed": {"role": "repeat", "values": 2},
            "unseen": {"role": "condition", "values": {"high": [1.5, 99]}},
            "rows": {"role": "score", "values": ["all", "seen", "unseen"]},
        },
    )
    folder = run(path)
    found = errors(folder)
    place = "rows={};unseen=high".format
    for seed in (0, 1):
        whole, seen, unseen = (
            found["mean", seed, place(rows)] for rows in ("all", "seen", "unseen")
        )
        assert seen < whole < unseen
        share = (whole - seen) / (unseen - seen)
        assert 0.05 < share < 0.5
        assert abs(share * 60 - round(share * 60)) < 1e-4
        # A line goes on where a constant cannot.
        assert found["steady", seed, place("unseen")] < 1e-2 < unseen


def test_z_units_are_those_of_all_training_rows(tmp_path: Path) -> None:
    """So that errors under different conditions compare."""
    axes: dict[str, Any] = {"seed": {"role": "repeat", "values": 1}}
    unseen = {"unseen": {"role": "condition", "values": {"high": [0.5, 99]}}}
    one = read_results(run(study(tmp_path, axes=axes)) / "results.csv")
    two = read_results(run(study(tmp_path, study="cut", axes={**axes, **unseen})) / "results.csv")

    def unit(records: list[Any]) -> float:
        by_unit = {
            r.unit: r.value
            for r in records
            if (r.arm, r.split, r.metric) == ("mean", "test", "mae")
        }
        return by_unit["target"] / by_unit["z"]

    assert unit(one) == pytest.approx(unit(two), rel=1e-6)


def test_a_claim_about_a_mean_over_conditions_is_tested_once(tmp_path: Path) -> None:
    path = study(
        tmp_path,
        axes={"seed": {"role": "repeat", "values": 4}, **NOISY, "severity": SEVERITY},
        claims=[
            {
                "claim": "ridge stands noise",
                "arms": ["steady"],
                "expect": "better",
                "condition": "corruption=*;severity=1|5",
            }
        ],
    )
    prepared = prepare(Request(str(path), out=tmp_path / "runs"))
    carry_out(prepared, 1, lambda event: None)
    summary = prepared.folder.read_json("summary.json")
    (about,) = [c for c in summary["comparisons"] if "|" in c["condition"]]
    found = errors(prepared.folder.path)
    places = [f"corruption=feature_noise;severity={s}" for s in (1, 5)]
    expected = np.mean(
        [found["steady", s, p] - found["mean", s, p] for s in range(4) for p in places]
    )
    assert abs(about["difference"] - expected) < about["error"], "re-splits weight their rows"
    assert about["n"] == 4
    (claim,) = summary["claims"]
    assert about["verdict"] in claim["reason"]
    assert claim["verdict"] == ("supported" if about["verdict"] == "better" else "undecided")


def test_the_page_has_the_curves_of_a_fit_that_is_judged_otherwise(tmp_path: Path) -> None:
    severity = {"role": "score", "values": [1, 3]}
    axes = {"seed": {"role": "repeat", "values": 2}, **NOISY, "severity": severity}
    read = read_run(run(study(tmp_path, axes=axes)))
    small = [k for k, arm in enumerate(read.arms) if arm["arm"] == "small"]
    assert len(small) == 2
    curves = fit_curves(read)
    assert all(curves[k]["offset"] == 0 and "train" in curves[k]["series"] for k in small)
    assert pretrain_curves(read) == []


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        (
            {
                "axes": {"severity": {"role": "condition", "values": [1]}},
                "test": {"severity": "$severity"},
            },
            "test varies along an axis of role 'score', not 'condition'",
        ),
        ({"test": {"rows": "unseen"}}, "test.rows: 'unseen' needs the study's 'unseen'"),
        ({"test": {"severity": 2}}, "'corruption' and 'severity' go together"),
        ({"test": {"corruption": "fog", "severity": 2}}, "'fog' is not for vector inputs"),
        ({"test": {"rows": "sen"}}, "did you mean 'seen'"),
        ({"unseen": [3, 1]}, "needs [lowest, highest]"),
        ({"label_noise": 1.0}, "label_noise"),
        (
            {"axes": {"x": {"role": "score", "values": [1, 2]}}, "labels": "$x"},
            "labels varies along an axis of role 'condition', not 'score'",
        ),
        (
            {"axes": {"x": {"role": "score", "values": [1, 2]}}},
            "axes.x: is not used; put $x in test",
        ),
        (
            {
                "claims": [
                    {"claim": "c", "arms": ["mean"], "expect": "worse", "condition": "labels=1"}
                ]
            },
            "claims.0.condition: no axis of role 'condition' or 'score' is called 'labels'",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], phrase: str) -> None:
    with pytest.raises(UserError) as caught:
        resolved(small(**change))
    assert phrase in str(caught.value)


def test_a_claim_names_every_axis_of_its_condition() -> None:
    axes = {**small()["axes"], "labels": {"role": "condition", "values": [0.5, 1.0]}, **NOISY}
    axes["severity"] = SEVERITY
    claim = {"claim": "c", "arms": ["mean"], "expect": "worse", "condition": "labels=0.5"}
    with pytest.raises(
        UserError, match=r"claims\.0\.condition: says nothing of the axis 'severity'"
    ):
        resolved(small(axes=axes, claims=[claim]))


def test_splits_can_be_compared_if_all_are_drawn_anew() -> None:
    values = {
        "even": {"kind": "random", "parts": [0.5, 0.25, 0.25]},
        "fixed": {"kind": "random", "resplit": False},
    }
    axes = {**small()["axes"], "split": {"role": "condition", "values": values}}
    text = {key: value for key, value in small(axes=axes).items() if key != "split"}
    with pytest.raises(UserError, match="either all values of its axis draw new splits"):
        resolved(text)
    values["fixed"] = {"kind": "random", "parts": [0.8, 0.1, 0.1]}
    plan = planned(text)
    assert {cell.condition for cell in plan.cells} == {"split=even", "split=fixed"}
