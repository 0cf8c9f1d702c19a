"""Row scores read from what finished stages kept: own unit to z, and when there are none."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_rows import made_rows
from made_runs import MadeRun

from nearfar.analysis.row_scores import KeptScores, differences
from nearfar.analysis.variance import Tested as Training
from nearfar.data import Split
from nearfar.metrics import METRICS, Classified
from nearfar.records import Record
from nearfar.records.stage_files import CLASSES_HEADER, write_predictions
from nearfar.stages.targets import Classes

IDS = [f"row {i}" for i in range(40)]
STD = 5.0
FOLDS = [np.arange(k, 40, 4) for k in range(4)]
TRUTH = np.random.default_rng(0).normal(20, STD, 40)

Kept = tuple[list[Record], dict[tuple[str, int], np.ndarray]]


def keep(
    folder: Path,
    metric: str = "mae",
    condition: str = "",
    target: str = "y",
    *,
    z: bool = True,
    arms: tuple[str, ...] = ("L1", "A"),
) -> Kept:
    """Stages of arms over four folds; returns records and the guesses by arm and seed."""
    records, guesses = [], {}
    for arm in arms:
        for seed, rows in enumerate(FOLDS):
            draw = np.random.default_rng([seed, len(arm), len(condition)])
            guess = TRUTH[rows] + draw.normal(0, 2.0, len(rows))
            guesses[arm, seed] = guess
            name = f"{arm}{seed}{condition}"
            (folder / name).mkdir(exist_ok=True)
            path = folder / name / "predictions.csv"
            lines = [] if path.is_file() else ["id,split,target,truth,prediction"]
            lines += [f"{IDS[0]},train,{target},1.0,2.0"]
            tested = list(zip(rows, TRUTH[rows].tolist(), guess.tolist(), strict=True))
            lines += [f"{IDS[i]},test,{target},{t!r},{g!r}" for i, t, g in reversed(tested)]
            with path.open("a", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
            value = METRICS[metric].value(TRUTH[rows], guess)
            for unit, number in (("z", value / STD), ("years", value)):
                if z or unit != "z":
                    place = (arm, seed, condition, "test", target, metric, unit)
                    records.append(Record(*place, number, name))
    return records, guesses


def with_means(records: list[Record]) -> list[Record]:
    """Records of several targets, and of their means in z units."""
    scaled = [r for r in records if r.unit == "z"]
    means = {
        (r.arm, r.seed): replace(
            r,
            target="all targets",
            value=float(np.mean([o.value for o in scaled if (o.arm, o.seed) == (r.arm, r.seed)])),
        )
        for r in scaled
    }
    return [*records, *means.values()]


def test_scores_are_brought_to_z_and_rows_to_the_order_of_the_data_set(tmp_path: Path) -> None:
    records, guesses = keep(tmp_path)
    found = KeptScores(tmp_path, records, "mae", IDS).tested("A", "", "y")
    assert found is not None
    assert sorted(found) == [0, 1, 2, 3]
    for seed, rows in enumerate(FOLDS):
        assert found[seed].rows.tolist() == rows.tolist()
        expected = np.abs(guesses["A", seed] - TRUTH[rows]) / STD
        np.testing.assert_allclose(found[seed].scores, expected, rtol=1e-9)
        (record,) = (r for r in records if (r.arm, r.seed, r.unit) == ("A", seed, "z"))
        assert found[seed].mean == pytest.approx(record.value)


def test_without_z_scores_stay_in_the_targets_own_unit(tmp_path: Path) -> None:
    records, guesses = keep(tmp_path, z=False)
    found = KeptScores(tmp_path, records, "mae", IDS).tested("L1", "", "y")
    assert found is not None
    expected = np.abs(guesses["L1", 2] - TRUTH[FOLDS[2]])
    np.testing.assert_allclose(found[2].scores, expected)


def test_the_mean_of_row_scores_is_the_metric_where_it_is_no_mean_of_errors(tmp_path: Path) -> None:
    records, _ = keep(tmp_path, "rmse")
    found = KeptScores(tmp_path, records, "rmse", IDS).tested("A", "", "y")
    assert found is not None
    recorded = [r.value for r in records if (r.arm, r.unit) == ("A", "z")]
    assert [found[seed].mean for seed in range(4)] == pytest.approx(recorded)


def test_groups_are_those_of_the_rows_or_none(tmp_path: Path) -> None:
    records, _ = keep(tmp_path)
    groups = [i // 2 for i in range(40)]
    given = KeptScores(tmp_path, records, "mae", IDS, groups)
    assert given.groups is not None
    assert given.groups.tolist() == groups
    assert given.n_rows == 40
    assert KeptScores(tmp_path, records, "mae", IDS).groups is None
    assert KeptScores(tmp_path, records, "mae", [], []).groups is None


def error(scores: KeptScores, records: list[Record]) -> float:
    run = MadeRun(folds=4)
    run.study["arms"] = {"L1": {}, "A": {}}
    run.records = records
    (found,) = run.summary(scores=scores)["comparisons"]
    return float(found["error"])


def test_rows_of_one_group_count_as_one(tmp_path: Path) -> None:
    """Groups of rows that are tested together, here whole halves of a fold."""
    records, _ = keep(tmp_path)
    halves = np.zeros(40, dtype=int)
    for k, rows in enumerate(FOLDS):
        halves[rows] = [2 * k + (i >= 5) for i in range(10)]
    alone = KeptScores(tmp_path, records, "mae", IDS)
    apart = KeptScores(tmp_path, records, "mae", IDS, list(range(40)))
    grouped = KeptScores(tmp_path, records, "mae", IDS, halves.tolist())
    assert error(apart, records) == pytest.approx(error(alone, records))
    assert error(grouped, records) != pytest.approx(error(alone, records))


def test_missing_predictions_are_told(tmp_path: Path) -> None:
    records, _ = keep(tmp_path)
    run = MadeRun().arm("L1", [1.0] * 4).arm("A", [1.0] * 4)
    run.records = records

    def told() -> list[str]:
        scores = KeptScores(tmp_path, records, "mae", IDS)
        rows = {"train": 20, "validation": 10, "test": 10}
        notes = run.summary(rows=rows, scores=scores)["notes"]
        return [note for note in notes if note.startswith("Predictions of ")]

    assert told() == []
    (tmp_path / "A1" / "predictions.csv").unlink()
    assert [note.split(" are missing")[0] for note in told()] == ["Predictions of A"]


def edited(folder: Path, old: str, new: str) -> None:
    path = folder / "A1" / "predictions.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_there_are_none_where_an_id_is_not_known(tmp_path: Path) -> None:
    records, _ = keep(tmp_path)
    edited(tmp_path, "row 5,test", "row 55,test")
    found = KeptScores(tmp_path, records, "mae", IDS)
    assert found.tested("A", "", "y") is None
    assert found.tested("L1", "", "y") is not None


def test_there_are_none_where_rows_do_not_give_the_recorded_value(tmp_path: Path) -> None:
    records, _ = keep(tmp_path)
    off = [
        replace(r, value=1.001 * r.value) if r.arm == "A" and r.seed == 1 else r for r in records
    ]
    found = KeptScores(tmp_path, off, "mae", IDS)
    assert found.tested("A", "", "y") is None
    assert found.tested("L1", "", "y") is not None


@pytest.mark.parametrize("what", ["file", "rows", "arm", "condition", "target"])
def test_there_are_none_where_nothing_was_kept(tmp_path: Path, what: str) -> None:
    records, _ = keep(tmp_path)
    path = tmp_path / "A1" / "predictions.csv"
    if what == "file":
        path.unlink()
    if what == "rows":
        path.write_text(path.read_text().replace(",test,", ",validation,"))
    found = KeptScores(tmp_path, records, "mae", IDS)
    asked = {"arm": "A", "condition": "", "target": "y"}
    asked |= {what: "other"} if what in asked else {}
    assert found.tested(**asked) is None


@pytest.mark.parametrize("metric", ["accuracy", "ece"])
def test_classes_are_scored_where_their_metric_has_row_scores(tmp_path: Path, metric: str) -> None:
    (tmp_path / "A0").mkdir()
    lines = ["id,split,target,truth,prediction,log_probability,rank,confidence"]
    right = np.array([1, 0, 1, 1])
    for i, hit in enumerate(right):
        guess = "cat" if hit else "dog"
        lines.append(f"row {i},test,kind,cat,{guess},-0.5,{2 - hit},0.6")
    (tmp_path / "A0" / "predictions.csv").write_text("\n".join(lines))
    said = Classified(np.zeros(4, int), 1 - right, np.full(4, -0.5), 2 - right, np.full(4, 0.6))
    record = Record("A", 0, "", "test", "kind", metric, "", METRICS[metric].value(said), "A0")
    found = KeptScores(tmp_path, [record], metric, IDS).tested("A", "", "kind")
    assert (found is None) is (METRICS[metric].row_scores is None) is (metric == "ece")
    assert found is None or found[0].scores.tolist() == right.tolist()


@pytest.mark.parametrize(
    ("names", "scored"), [(["cat", "dog"], True), (["cat", "dog", "owl"], False)]
)
def test_a_file_without_a_row_of_the_third_class_is_known_to_be_of_three(
    tmp_path: Path, names: list[str], scored: bool
) -> None:
    (tmp_path / "A0").mkdir()
    lines = ["id,split,target,truth,prediction,log_probability,rank,confidence"]
    for i, name in enumerate(["cat", "dog", "dog"]):
        lines.append(f"row {i},test,kind,{name},{name},-0.5,1,{float(np.exp(-0.5))!r}")
    (tmp_path / "A0" / "predictions.csv").write_text("\n".join(lines))
    record = Record("A", 0, "", "test", "kind", "auroc", "", 1.0, "A0")
    found = KeptScores(tmp_path, [record], "auroc", IDS, classes={"kind": names})
    assert (found.tested("A", "", "kind") is not None) is scored


@pytest.mark.parametrize("metric", ["auroc", "average_precision", "brier", "nll", "accuracy"])
def test_very_sure_classifiers_have_row_scores(tmp_path: Path, metric: str) -> None:
    """Probabilities within 1e-9 of 0 and 1 are told apart in the file too."""
    draw = np.random.default_rng(1)
    truth = np.arange(200) % 2
    odds = np.where(draw.random(200) < 0.5, -16.0, 16.0) + draw.normal(0, 4, 200) + 4 * truth
    rows = np.arange(200)
    dataset = made_rows(range(200), labels=truth.tolist())
    outputs = Classes(dataset, Split(rows[:0], rows[:0], rows))
    scores = -np.logaddexp(0, np.stack([odds, -odds], axis=1))
    write_predictions(tmp_path / "s", CLASSES_HEADER, outputs.lines(scores, ["test"]))
    value = outputs.value(metric, rows, scores)
    record = Record("A", 0, "", "test", "y", metric, "", value, "s")
    kept = KeptScores(tmp_path, [record], metric, dataset.ids, classes={"y": dataset.classes})
    found = kept.tested("A", "", "y")
    assert found is not None
    assert found[0].mean == pytest.approx(value, abs=1e-12)


def test_of_a_pattern_a_rows_score_is_its_mean_over_the_conditions(tmp_path: Path) -> None:
    first, one = keep(tmp_path, condition="noise=0")
    second, two = keep(tmp_path, condition="noise=10")
    found = KeptScores(tmp_path, first + second, "mae", IDS)
    tested = found.tested("A", "noise=*", "y")
    assert tested is not None
    errors = [np.abs(by["A", 3] - TRUTH[FOLDS[3]]) / STD for by in (one, two)]
    assert not np.allclose(*errors)
    np.testing.assert_allclose(tested[3].scores, np.mean(errors, axis=0))
    (tmp_path / "A1noise=10" / "predictions.csv").unlink()
    again = KeptScores(tmp_path, first + second, "mae", IDS)
    assert again.tested("A", "noise=*", "y") is None
    assert again.tested("A", "noise=0", "y") is not None


def test_seeds_that_not_all_conditions_have_are_left_out(tmp_path: Path) -> None:
    first, _ = keep(tmp_path, condition="noise=0")
    second, _ = keep(tmp_path, condition="noise=10")
    fewer = [r for r in second if r.seed != 2]
    tested = KeptScores(tmp_path, first + fewer, "mae", IDS).tested("A", "noise=0|10", "y")
    assert tested is not None
    assert sorted(tested) == [0, 1, 3]


def test_over_all_targets_rows_that_one_target_lacks_leave_none(tmp_path: Path) -> None:
    records = with_means(keep(tmp_path, target="height")[0] + keep(tmp_path, target="weight")[0])
    found = KeptScores(tmp_path, records, "mae", IDS)
    both, single = found.tested("A", "", "all targets"), found.tested("A", "", "height")
    assert both is not None
    assert single is not None
    np.testing.assert_allclose(both[0].scores, single[0].scores)
    weight = [r for r in records if r.target == "weight" and r.seed == 1 and r.arm == "A"]
    path = tmp_path / weight[0].stage / "predictions.csv"
    kept = [line for line in path.read_text().splitlines() if "row 5,test,weight" not in line]
    path.write_text("\n".join(kept))
    assert KeptScores(tmp_path, records, "mae", IDS).tested("A", "", "all targets") is None


def test_over_all_targets_there_are_none_of_a_seed_without_their_mean(tmp_path: Path) -> None:
    records = with_means(keep(tmp_path, target="height")[0] + keep(tmp_path, target="weight")[0])
    without = [r for r in records if (r.seed, r.target) != (2, "all targets")]
    found = KeptScores(tmp_path, without, "mae", IDS).tested("A", "", "all targets")
    assert found is not None
    assert sorted(found) == [0, 1, 3]
    doubled = [replace(r, value=2 * r.value) if r.target == "all targets" else r for r in records]
    assert KeptScores(tmp_path, doubled, "mae", IDS).tested("A", "", "all targets") is None


def test_a_file_is_read_once_however_many_targets_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"t{k}" for k in range(6)]
    records = with_means([r for name in names for r in keep(tmp_path, target=name)[0]])
    opened: list[Path] = []
    opening = Path.open

    def counted(path: Path, *given: Any, **named: Any) -> Any:
        opened.append(path)
        return opening(path, *given, **named)

    monkeypatch.setattr(Path, "open", counted)
    found = KeptScores(tmp_path, records, "mae", IDS)
    for name in ["all targets", *names]:
        assert found.tested("A", "", name) is not None
    assert len(opened) == len(FOLDS)


def trained(*by_seed: tuple[list[int], list[float]]) -> dict[int, Any]:
    return {
        seed: Training(np.array(rows), np.array(scores))
        for seed, (rows, scores) in enumerate(by_seed)
    }


def test_differences_are_row_by_row_over_common_seeds() -> None:
    first = trained(([0, 1], [1.0, 2.0]), ([2, 3], [3.0, 4.0]), ([4, 5], [0.0, 0.0]))
    second = trained(([0, 1], [0.5, 2.5]), ([2, 3], [1.0, 1.0]))
    found = differences(first, second)
    assert found is not None
    assert {seed: t.scores.tolist() for seed, t in found.items()} == {0: [0.5, -0.5], 1: [2.0, 3.0]}


def test_seeds_that_tested_other_rows_have_no_differences() -> None:
    first, second = trained(([0, 1], [1.0, 2.0])), trained(([0, 2], [1.0, 2.0]))
    assert differences(first, second) is None
    assert differences(first, trained(([0], [1.0]))) is None


def test_a_comparison_of_seeds_that_tested_other_rows_falls_back_on_values(tmp_path: Path) -> None:
    records, _ = keep(tmp_path)
    found = KeptScores(tmp_path, records, "mae", IDS)
    run = MadeRun(folds=4)
    run.study["arms"] = {"L1": {}, "A": {}}
    run.records = records
    (known,) = run.summary(scores=found)["comparisons"]
    assert known["parts"]["units"] == 40
    moved = found.tested("A", "", "y")
    assert moved is not None
    rolled = {seed: moved[(seed + 1) % 4] for seed in moved}
    found.tested = lambda arm, *place: (  # type: ignore[method-assign]
        rolled if arm == "A" else KeptScores.tested(found, arm, *place)
    )
    (alone,) = run.summary(scores=found)["comparisons"]
    assert alone["parts"]["units"] != 40
    assert alone["df"] == 3
