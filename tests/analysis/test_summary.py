"""summary.json from made-up records: its format, its arithmetic, and what it withholds."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import BASE, EASE, LOST, ROWS, STD, MadeRun, esol, pretrained, shifted, verdicts
from scipy import stats

from nearfar.analysis.statistics import holm
from nearfar.records import Record

ARCHITECTURE = Path(__file__).parents[2] / "docs" / "architecture.md"


def metric(summary: dict[str, Any], arm: str, **where: str) -> dict[str, Any]:
    wanted = {"split": "test", "metric": "mae", "unit": "z", **where}
    entry = next(a for a in summary["arms"] if a["arm"] == arm)
    (found,) = (m for m in entry["metrics"] if wanted.items() <= m.items())
    return dict(found)


def keys_of(value: Any) -> Any:
    """The keys of nested mappings; of a list, those of its first entry; twins are keyed by arm."""
    if isinstance(value, dict):
        known = {key: inner for key, inner in value.items() if not key.isdigit()}
        return {key: None if key == "twins" else keys_of(known[key]) for key in known}
    return keys_of(value[0]) if isinstance(value, list) and value else None


def test_the_format_is_that_of_the_written_contract() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8").split("```json")[1].split("```")[0]
    assert keys_of(esol().summary()) == keys_of(json.loads(text))


def error_of(values: Any, split: str = "test") -> float:
    """Standard error without row scores: re-splits share the fraction r of a part's rows.

    All spread s² is owed to rows, so their covariance is s²·r/(1 - r); it counts 1.7 times.
    """
    share = ROWS[split] / sum(ROWS.values())
    spread = np.var(values, ddof=1)
    return float(np.sqrt(1.7 * spread * (1 / len(values) + share / (1 - share))))


def ends(values: Any, error: float) -> tuple[float, float]:
    half = float(stats.t.ppf(0.975, len(values) - 1)) * error
    return float(np.mean(values)) - half, float(np.mean(values)) + half


def p_same(values: Any, margin: float) -> float:
    """p of two one-sided t-tests."""
    inside = margin - abs(float(np.mean(values)))
    return float(stats.t.sf(inside / error_of(values), len(values) - 1))


@pytest.mark.parametrize("profile", ["full", "quick"])
def test_everything_is_plain_json(profile: str) -> None:
    run = esol().arm("lost", [LOST] * 10, condition="noise=0.1")
    run.arm("constant", [0.9] * 10, others={"spearman": [math.nan] * 10})
    text = json.dumps(run.summary(profile), allow_nan=False)
    assert json.loads(text) == run.summary(profile)


def test_mean_deviation_and_interval_of_an_arm() -> None:
    found = metric(esol().summary(), "L1")
    assert found["mean"] == pytest.approx(np.mean(BASE))
    assert found["std"] == pytest.approx(np.std(BASE, ddof=1))
    assert (found["low"], found["high"]) == pytest.approx(ends(BASE, error_of(BASE)))
    assert found["values"] == {str(seed): value for seed, value in enumerate(BASE)}
    own = metric(esol().summary(), "L1", unit="log mol/L")
    assert (own["mean"], own["high"]) == pytest.approx((found["mean"] * STD, found["high"] * STD))


def test_training_rows_have_no_interval_on_resplits_and_a_fixed_split_has_students() -> None:
    assert metric(esol().summary(), "L1", split="train")["low"] is None
    held_out = metric(esol().summary(), "L1", split="validation")
    on_validation = EASE["validation"] * np.array(BASE)
    expected = ends(on_validation, error_of(on_validation, "validation"))
    assert (held_out["low"], held_out["high"]) == pytest.approx(expected)
    fixed = metric(MadeRun(resplit=False).arm("L1", BASE).summary(), "L1", split="train")
    on_train = EASE["train"] * np.array(BASE)
    interval = stats.ttest_1samp(on_train, 0).confidence_interval(0.95)
    assert (fixed["low"], fixed["high"]) == pytest.approx((interval.low, interval.high))


def test_a_comparison_is_a_test_of_paired_differences() -> None:
    (found,) = esol().summary()["comparisons"]
    differences = np.array(shifted(0.1, 0.01)) - BASE
    error = error_of(differences)
    assert found["difference"] == pytest.approx(differences.mean())
    assert (found["error"], found["df"]) == (pytest.approx(error), 9)
    assert (found["low"], found["high"]) == pytest.approx(ends(differences, error))
    p = 2 * stats.t.sf(differences.mean() / error, 9)
    assert found["p"] == found["p_holm"] == pytest.approx(p)
    assert found["reduction_percent"] == pytest.approx(-100 * differences.mean() / np.mean(BASE))
    assert (found["verdict"], found["against"], found["n"]) == ("worse", "L1", 10)
    original = found["original"]
    assert original["unit"] == "log mol/L"
    assert [original[k] for k in ("difference", "low", "high")] == pytest.approx(
        [STD * found[k] for k in ("difference", "low", "high")]
    )


def test_holm_runs_over_what_the_study_asks_but_not_over_controls() -> None:
    run = esol().arm("ours", shifted(-0.04, 0.01)).arm("mean", [1.0] * 10, group="control")
    found = run.summary()["comparisons"]
    assert [(c["arm"], c["family"]) for c in found] == [
        ("RnC", "question"), ("ours", "question"), ("mean", "controls")
    ]  # fmt: skip
    assert [c["p_holm"] for c in found[:2]] == pytest.approx(holm([c["p"] for c in found[:2]]))
    assert found[0]["p_holm"] > found[0]["p"]
    assert found[2]["p_holm"] == found[2]["p"]


def test_what_only_an_unadjusted_test_would_find_stays_undecided() -> None:
    run = MadeRun().arm("L1", BASE).arm("A", shifted(-0.11, 0.029))
    assert verdicts(run.summary()) == {"A": "better"}
    (alone,) = run.summary()["comparisons"]
    differences = np.array(shifted(-0.11, 0.029)) - BASE
    expected = 2 * stats.t.sf(-differences.mean() / error_of(differences), 9)
    assert alone["p"] == pytest.approx(expected)
    assert 0.025 < alone["p"] < 0.05
    run.arm("B", shifted(0.0, 0.1))
    assert verdicts(run.summary()) == {"A": "undecided", "B": "undecided"}


def test_that_nothing_differs_is_adjusted_too() -> None:
    run = MadeRun(margin=0.01).arm("L1", BASE).arm("A", shifted(0.0, 0.0135))
    assert verdicts(run.summary()) == {"A": "same"}
    assert 0.025 < p_same(np.array(shifted(0.0, 0.0135)) - BASE, 0.01) < 0.05
    run.arm("B", shifted(0.1, 0.1))
    assert verdicts(run.summary()) == {"A": "undecided", "B": "undecided"}


def test_margin_is_a_tenth_of_the_baselines_error_or_the_studys_own() -> None:
    run = pretrained(MadeRun().arm("L1", BASE), "near", 0.001, 0.0005)
    summary = run.summary()
    assert verdicts(summary) == {"near": "same"}
    assert summary["margin"]["size"] == pytest.approx(0.1 * np.mean(BASE))
    assert summary["comparisons"][0]["margin"] == summary["margin"]["size"]
    assert "a tenth of the baseline's" in summary["margin"]["why"]
    run.study["margin"] = 1e-6
    assert run.summary()["margin"] == {"size": 1e-6, "why": "the study's own margin"}
    assert verdicts(run.summary()) == {"near": "undecided"}


def test_a_margin_may_be_absolute() -> None:
    """Of an accuracy a difference under 0.02 is none that matters, however good the baseline is."""
    for scale in (1.0, 3.0):
        values = [scale * value for value in BASE]
        run = MadeRun("accuracy").arm("L1", values)
        run.arm("B", [value + 1e-3 * (k % 3 - 1) for k, value in enumerate(values)])
        summary = run.summary()
        assert summary["margin"]["size"] == 0.02
        assert summary["margin"]["why"]
        assert {c["margin"] for c in summary["comparisons"]} == {0.02}
        assert verdicts(summary)["B"] == "same"


def test_a_sure_difference_inside_the_margin_is_none_if_the_margin_was_asked_for() -> None:
    run = pretrained(MadeRun(margin=0.1).arm("L1", BASE), "off", 0.05, 0.005)
    (off,) = run.summary()["comparisons"]
    assert off["verdict"] == "same"
    assert off["reason"].startswith("within ±0.1, p < 0.001")
    assert off["reason"].endswith("the difference is sure, but inside the margin")
    del run.study["margin"]
    (off,) = run.summary()["comparisons"]
    assert off["verdict"] == "worse"
    assert off["reason"] == "p < 0.001; smaller than the margin of ±0.0255"


def test_the_smallest_margin_is_where_no_difference_beyond_it_has_a_p_of_5_percent() -> None:
    run = MadeRun().arm("L1", BASE).arm("A", shifted(0.02, 0.02))
    (found,) = run.summary()["comparisons"]
    differences = np.array(shifted(0.02, 0.02)) - BASE
    assert p_same(differences, found["smallest_margin"]) == pytest.approx(0.05)
    for factor, verdict in ((1.001, "same"), (0.999, "undecided")):
        run.study["margin"] = factor * found["smallest_margin"]
        assert verdicts(run.summary()) == {"A": verdict}


def test_a_diverged_seed_withholds_mean_and_test_but_not_the_other_seeds_values() -> None:
    run = MadeRun().arm("L1", BASE).arm("RnC", [LOST, LOST, *BASE[2:]], pretrained=True)
    summary = run.summary()
    (arm,) = (a for a in summary["arms"] if a["arm"] == "RnC")
    assert (arm["runs"], arm["done"], arm["diverged"], arm["status"]) == (
        10, 8, 2, "diverged 2 of 10"
    )  # fmt: skip
    found = metric(summary, "RnC")
    assert [found[k] for k in ("mean", "std", "low", "high")] == [None] * 4
    assert (found["n"], len(found["values"])) == (8, 8)
    (comparison,) = summary["comparisons"]
    assert (comparison["verdict"], comparison["reason"]) == ("withheld", "diverged 2 of 10")
    assert comparison["difference"] is comparison["p"] is comparison["reduction_percent"] is None
    note = "RnC diverged 2 of 10: its means and its test are withheld. "
    assert note + "Reason: the loss became infinite." in summary["notes"]


def test_numbers_of_a_seed_that_is_not_done_do_not_exist() -> None:
    run = MadeRun().arm("L1", BASE).arm("RnC", [LOST, *BASE[1:]])
    run.records.append(Record("RnC", 0, "", "test", "y", "mae", "z", 1e9, "f0"))
    assert "0" not in metric(run.summary(), "RnC")["values"]


def test_of_many_reasons_two_are_told() -> None:
    run = MadeRun().arm("L1", [LOST] * 4)
    run.stages = [replace(row, reason=f"loss {row.seed}") for row in run.stages]
    (note,) = (note for note in run.summary()["notes"] if note.startswith("L1"))
    assert note.endswith("Reason: loss 0; loss 1; 2 more.")


def test_a_failed_arm_and_a_diverged_baseline() -> None:
    run = MadeRun().arm("L1", [LOST, *BASE[1:]]).arm("RnC", [*BASE[:9], LOST], status="failed")
    (comparison,) = run.summary()["comparisons"]
    assert comparison["reason"] == "failed 1 of 10; baseline L1: diverged 1 of 10"
    run = MadeRun().arm("L1", BASE).arm("RnC", [LOST] * 10)
    assert run.summary()["comparisons"][0]["verdict"] == "withheld"


def test_a_number_that_is_undefined_in_some_seeds_has_no_mean() -> None:
    run = MadeRun().arm("L1", BASE, others={"r2": [0.5] * 9 + [math.nan]})
    found = metric(run.summary(), "L1", metric="r2")
    assert (found["mean"], found["n"]) == (None, 9)


@pytest.mark.parametrize("seeds", [1, 2])
def test_under_three_seeds_there_is_no_test(seeds: int) -> None:
    summary = MadeRun().arm("L1", BASE[:seeds]).arm("RnC", [0.1] * seeds).summary()
    (comparison,) = summary["comparisons"]
    assert (comparison["verdict"], comparison["p"], comparison["low"]) == ("undecided", None, None)
    assert comparison["difference"] == pytest.approx(0.1 - np.mean(BASE[:seeds]))
    assert comparison["reason"] == f"{seeds} training{'s' * (seeds > 1)}: a test needs at least 3"
    assert (comparison["bound"], comparison["p_better"]) == ("", None)
    found = metric(summary, "L1")
    assert (found["low"], found["high"], found["std"] is None) == (None, None, seeds == 1)
    assert any("no tests" in note for note in summary["notes"])


def test_rows_that_are_too_few_are_told_instead_of_a_number_of_trainings() -> None:
    near = [0.195, 0.235, 0.195, 0.23]
    found = MadeRun().arm("L1", BASE[:4]).arm("near", near).summary()["comparisons"]
    differences = np.array(near) - BASE[:4]
    share = ROWS["test"] / sum(ROWS.values())
    spread = differences.var(ddof=1)

    def decide_with(df: float) -> int:
        for n in range(5, 1000):
            error = math.sqrt(1.7 * spread * (1 / n + share / (1 - share)))
            if 2 * stats.t.sf(abs(differences.mean()) / error, df) <= 0.05:
                return n
        raise AssertionError

    assert found[0]["verdict"] == "undecided"
    assert decide_with(1e6) <= found[0]["trainings_to_decide"] <= decide_with(3)
    assert f"about {found[0]['trainings_to_decide']} trainings would decide" in found[0]["reason"]

    run = MadeRun().arm("L1", BASE[:4]).arm("open", [0.25, 0.27, 0.21, 0.26])
    (found,) = run.summary()["comparisons"]
    assert (found["trainings_to_decide"], found["undecidable"]) == (None, True)
    assert found["reason"].endswith(
        "more rows would decide, more trainings on these are unlikely to"
    )
    (note,) = (n for n in run.summary()["notes"] if n.startswith("More trainings on these rows"))
    assert "unlikely to decide: open." in note


@pytest.mark.parametrize(
    ("noise", "words"),
    [(0.4, "0 trainings would decide"), (2.0, "; more than 1,000 trainings would be needed")],
)
def test_large_numbers_of_trainings_are_rounded(noise: float, words: str) -> None:
    run = MadeRun(folds=10).arm("L1", BASE).arm("near", shifted(0.0, noise))
    (found,) = run.summary(scores=run.scores(spread=0, noise=1e-3))["comparisons"]
    assert found["trainings_to_decide"] > 100
    assert words in found["reason"]


def test_arms_are_compared_with_their_own_baseline_within_one_condition_and_target() -> None:
    run = MadeRun()
    for condition in ("labels=0.5", "labels=1.0"):
        run.arm("L1", BASE, condition=condition).arm("L2", shifted(0.1, 0.01), condition=condition)
        run.arm("RnC", shifted(0.3, 0.01), condition=condition, against="L2")
    run.arm("classes", BASE, target="other", condition="labels=1.0")
    found = [(c["arm"], c["against"], c["condition"]) for c in run.summary()["comparisons"]]
    assert found == [
        ("L2", "L1", "labels=0.5"),
        ("L2", "L1", "labels=1.0"),
        ("RnC", "L2", "labels=0.5"),
        ("RnC", "L2", "labels=1.0"),
    ]


def test_conditions_come_in_the_order_of_their_values() -> None:
    run = MadeRun()
    for value in ("10", "2", "0"):
        run.arm("L1", BASE, condition=f"severity={value}")
    conditions = [arm["condition"] for arm in run.summary()["arms"]]
    assert conditions == ["severity=0", "severity=2", "severity=10"]


def test_a_condition_that_only_repeats_the_evaluation_has_the_stages_of_the_run() -> None:
    run = MadeRun().arm("L1", BASE, pretrained=True)
    again = [
        Record(
            r.arm, r.seed, "severity=3", *(r.split, r.target, r.metric, r.unit), 2 * r.value, "f"
        )
        for r in run.records
    ]
    run.records += again
    clean, corrupted = run.summary()["arms"]
    assert corrupted["condition"] == "severity=3"
    assert corrupted["budget"] == clean["budget"]
    assert corrupted["stages"]["0"] == [
        {"stage": "pretrain:rnc", "hash": "p0"},
        {"stage": "fit", "hash": "f-L1-0"},
    ]
    assert corrupted["metrics"][0]["mean"] == pytest.approx(2 * clean["metrics"][0]["mean"])


def test_budgets_are_those_of_the_whole_chain() -> None:
    baseline, rnc = esol().summary()["arms"]
    assert baseline["budget"] == {"epochs": 50, "steps": 400, "seconds": 4.0, "parameters": 201}
    assert rnc["budget"] == {"epochs": 150, "steps": 1100, "seconds": 14.0, "parameters": 5000}


def test_seeds_that_both_have_are_compared() -> None:
    run = MadeRun().arm("L1", BASE).arm("late", shifted(0.1, 0.01)[:4])
    (comparison,) = run.summary()["comparisons"]
    assert comparison["n"] == 4
    expected = np.mean(np.array(shifted(0.1, 0.01)[:4]) - BASE[:4])
    assert comparison["difference"] == pytest.approx(expected)
    assert any("late (4 of 10)" in note for note in run.summary()["notes"])
