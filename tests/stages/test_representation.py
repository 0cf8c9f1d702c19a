"""What fits record of their representations: of which rows, for which arms, and who may use it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from small_study import resolved, small, write_small
from whole_runs import run_whole

from nearfar.data import Dataset, Split, TargetScaler, split_rows
from nearfar.data.targets import ALL_TARGETS
from nearfar.errors import UserError
from nearfar.execution.prepared import Prepared, Request
from nearfar.execution.run import carry_out, prepare
from nearfar.metrics.representation import MEASURES, ROWS, evaluate_representation
from nearfar.records.seals import read_seal, seal
from nearfar.records.tables import Record, read_results
from nearfar.report import write_report
from nearfar.stages.representation import measures
from nearfar.stages.targets import Numbers, outputs_of

FIXED = ("ridge", "forest")
TRAINED = ("plain", "frozen", "tuned", "last")
DATA = {"source": "table", "path": "small.csv", "target": "y", "features": ["a", "b", "c"]}
TWO = {**DATA, "target": ["y", "z"]}


def without_stages(*arms: str) -> dict[str, Any]:
    return {"stages": {}, "arms": {arm: small()["arms"][arm] for arm in arms}}


def run_small(folder: Path, **changes: Any) -> Prepared:
    folder.mkdir(exist_ok=True)
    study = write_small(folder, **changes)
    return run_whole(Request(str(study), out=folder / "runs"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return run_small(tmp_path_factory.mktemp("run") / "here")


def recorded(run: Prepared) -> list[Record]:
    return [r for r in read_results(run.folder.path / "results.csv") if r.metric in MEASURES]


def features_of(run: Prepared, arm: str, seed: int) -> np.ndarray:
    (cell,) = (c for c in run.plan.cells if (c.arm, c.seed) == (arm, seed))
    return np.load(run.folder.store.folder(cell.chain[-1]) / "features.npy")


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("arm", [*FIXED, *TRAINED])
def test_a_fit_records_the_measures_of_its_final_features(
    run: Prepared, arm: str, seed: int
) -> None:
    split = split_rows(run.dataset, run.resolved.study.split, seed)
    scaler = TargetScaler.fit(run.dataset.targets, split.train)
    labels = scaler.transform(run.dataset.targets)[split.test]
    features = features_of(run, arm, seed)[split.test]
    expected = evaluate_representation(features, labels, standardise=arm in FIXED)
    found = {r.metric: r.value for r in recorded(run) if (r.arm, r.seed) == (arm, seed)}
    assert len(found) == len(MEASURES)
    assert found == pytest.approx(expected, rel=1e-5)


def test_their_coordinates(run: Prepared) -> None:
    records = recorded(run)
    assert {r.arm for r in records} == {*FIXED, *TRAINED}
    assert {(r.split, r.target, r.condition) for r in records} == {("test", "y", "")}
    assert {r.metric for r in records if r.unit == "z"} == {"neighbour_error"}
    assert {r.unit for r in records if r.metric != "neighbour_error"} == {""}


def test_trained_and_frozen_encoders_differ(run: Prepared) -> None:
    found = {(r.arm, r.value) for r in recorded(run) if (r.metric, r.seed) == ("uniformity", 0)}
    assert len({value for _, value in found}) == len(TRAINED) + 1
    assert len({value for arm, value in found if arm in FIXED}) == 1


def test_an_equal_run_records_equal_bytes(run: Prepared, tmp_path: Path) -> None:
    again = run_small(tmp_path / "again")
    paths = [prepared.folder.path / "results.csv" for prepared in (run, again)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert not paths[0].samefile(paths[1])


def test_the_summary_lists_them_last_and_compares_nothing_by_them(run: Prepared) -> None:
    summary = run.folder.read_json("summary.json")
    assert (summary["metric"], summary["target"]) == ("mae", "y")
    for arm in summary["arms"]:
        names = [m["metric"] for m in arm["metrics"] if m["split"] == "test"]
        assert names[-5:] == list(MEASURES) if arm["arm"] != "mean" else not {*names} & {*MEASURES}
    assert {c["metric"] for c in summary["comparisons"]} == {"mae"}


def test_measures_of_several_targets_are_of_all_together(tmp_path: Path) -> None:
    run = run_small(tmp_path / "two", data=TWO, **without_stages("ridge", "plain"))
    assert {r.target for r in recorded(run)} == {ALL_TARGETS}
    split = split_rows(run.dataset, run.resolved.study.split, 0)
    scaler = TargetScaler.fit(run.dataset.targets, split.train)
    labels = scaler.transform(run.dataset.targets)[split.test]
    expected = evaluate_representation(features_of(run, "plain", 0)[split.test], labels)
    found = {r.metric: r.value for r in recorded(run) if (r.arm, r.seed) == ("plain", 0)}
    assert found == pytest.approx(expected, rel=1e-5)
    summary = run.folder.read_json("summary.json")
    assert summary["target"] == ALL_TARGETS
    assert {c["target"] for c in summary["comparisons"]} == {"y", "z", ALL_TARGETS}


def test_a_score_measures_the_features_of_what_it_is_shown(tmp_path: Path) -> None:
    run = run_small(
        tmp_path / "scored",
        **without_stages("mean", "ridge", "plain"),
        test={"corruption": "feature_noise"},
        axes={
            "seed": {"role": "repeat", "values": 1},
            "severity": {"role": "score", "values": [0, 5]},
        },
    )
    split = split_rows(run.dataset, run.resolved.study.split, 0)
    scaler = TargetScaler.fit(run.dataset.targets, split.train)
    labels = scaler.transform(run.dataset.targets)[split.test]
    for arm in ("ridge", "plain"):
        chains = [cell.chain for cell in run.plan.cells if cell.arm == arm]
        (fit,) = {a for chain in chains for a in chain if run.plan.steps[a].name == "fit"}
        features = np.load(run.folder.store.folder(fit) / "features.npy")[split.test]
        expected = evaluate_representation(features, labels, standardise=arm == "ridge")
        clean, noisy = (
            {r.metric: r.value for r in recorded(run) if (r.arm, r.condition) == (arm, condition)}
            for condition in ("severity=0", "severity=5")
        )
        assert clean == pytest.approx(expected, rel=1e-4)
        assert noisy["label_correlation"] < clean["label_correlation"]
        assert noisy["effective_rank"] != clean["effective_rank"]
    assert {r.arm for r in recorded(run)} == {"ridge", "plain"}


def test_stages_of_before_have_none_and_that_is_all(tmp_path: Path) -> None:
    run = run_small(tmp_path / "old", **without_stages("ridge", "plain"))
    for cell in run.plan.cells:
        if cell.arm == "ridge" or cell.seed == 1:
            path = run.folder.store.folder(cell.chain[-1]) / "stage.yaml"
            stage = yaml.safe_load(path.read_text(encoding="utf-8"))
            kept = [m for m in stage["outcome"]["metrics"] if m["metric"] not in MEASURES]
            stage["outcome"]["metrics"] = kept
            path.write_text(yaml.safe_dump(stage, sort_keys=False), encoding="utf-8")
            seal(path.parent, read_seal(path.parent).batch)
    again = prepare(Request(str(tmp_path / "old" / "small.yaml"), out=tmp_path / "old" / "runs"))
    carry_out(again, 1, lambda event: None)
    assert {(r.arm, r.seed) for r in recorded(again)} == {("plain", 0)}
    (plain,) = (a for a in again.folder.read_json("summary.json")["arms"] if a["arm"] == "plain")
    entries = {m["metric"]: m for m in plain["metrics"]}
    assert entries["alignment"]["mean"] is None
    assert entries["r2"]["mean"] is not None
    assert 'id="representations"' not in write_report(again.folder.path).read_text("utf-8")


@pytest.mark.parametrize("name", MEASURES)
def test_no_study_is_decided_by_a_measure(name: str) -> None:
    with pytest.raises(UserError, match=f"metric: unknown value '{name}'"):
        resolved(small(metric=name))
    published = [{"arm": "ridge", "provenance": "x", "test": {name: 0.2}}]
    with pytest.raises(UserError, match=f"unknown metric '{name}'"):
        resolved(small(published=published))


def outputs_with(targets: np.ndarray, classes: list[str], task: str | None = None) -> Any:
    from nearfar.data import Images

    blank: dict[str, Any] = dict.fromkeys(Dataset.__dataclass_fields__)
    pixels = np.zeros((len(targets), 1, 4, 4), dtype=np.uint8)
    own = {"inputs": Images(pixels), "targets": targets[:, None], "target_names": ["t"]}
    third = len(targets) // 3
    parts = np.split(np.arange(len(targets)), [third, 2 * third])
    dataset = Dataset(**{**blank, **own, "classes": classes})
    return outputs_of(dataset, Split(*parts), task)


def test_of_classes_labels_are_their_numbers() -> None:
    draw = np.random.default_rng(0)
    numbers, features = draw.integers(0, 3, 90), draw.normal(size=(90, 5)).astype(np.float32)
    outputs = outputs_with(numbers.astype(float), ["x", "y", "z"])
    rows = outputs.split.test
    found = measures(outputs, rows, features.__getitem__, standardise=False)
    expected = evaluate_representation(features[rows], numbers[rows])
    assert {m["metric"]: m["value"] for m in found} == expected
    assert {(m["unit"], m["target"], m["split"]) for m in found} == {("", "t", "test")}


def test_label_distances_are_in_the_units_that_errors_are_reported_in() -> None:
    draw = np.random.default_rng(0)
    targets, features = draw.normal(size=90), draw.normal(size=(90, 5)).astype(np.float32)
    outputs = outputs_with(targets, [])
    outputs = Numbers(outputs.dataset, outputs.split, TargetScaler((3.0,), (10.0,)))
    rows = outputs.split.test
    found = measures(outputs, rows, features.__getitem__, standardise=False)
    expected = evaluate_representation(features[rows], targets[rows, None] / 10)
    assert {m["metric"]: m["value"] for m in found} == pytest.approx(expected, rel=1e-6)


def test_reconstructions_have_none() -> None:
    outputs = outputs_with(np.arange(30.0), [], "reconstruction")
    assert measures(outputs, np.arange(5), pytest.fail, standardise=False) == []


def test_no_more_rows_are_asked_than_are_measured() -> None:
    outputs = outputs_with(np.random.default_rng(0).normal(size=9000), [])
    asked: list[int] = []

    def features(rows: np.ndarray) -> np.ndarray:
        asked.extend(rows)
        return np.c_[rows, rows % 7].astype(np.float32)

    assert measures(outputs, outputs.split.test, features, standardise=True)
    assert len(asked) == len(set(asked)) == ROWS
    assert set(asked) <= set(outputs.split.test)
