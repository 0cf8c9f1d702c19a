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

from nearfar.analysis.statistics import corrected_paired_t, holm
from nearfar.records import Record

ARCHITECTURE = Path(__file__).parents[2] / "docs" / "architecture.md"


def metric(summary: dict[str, Any], arm: str, **where: str) -> dict[str, Any]:
    wanted = {"split": "test", "metric": "mae", "unit": "z", **where}
    entry = next(a for a in summary["arms"] if a["arm"] == arm)
    (found,) = (m for m in entry["metrics"] if wanted.items() <= m.items())
    return dict(found)


def keys_of(value: Any) -> Any:
    """The keys of nested mappings; of a list, those of its first entry."""
    if isinstance(value, dict):
        return {key: keys_of(inner) for key, inner in value.items() if not key.isdigit()}
    return keys_of(value[0]) if isinstance(value, list) and value else None


def test_the_format_is_that_of_the_written_contract() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8").split("```json")[1].split("```")[0]
    written, found = keys_of(json.loads(text)), keys_of(esol().summary())
    beyond = {"target", "seeds_to_decide", "undecidable", "original"}
    assert set(found["comparisons"]) - set(written["comparisons"]) <= beyond
    found["comparisons"] = {k: found["comparisons"][k] for k in written["comparisons"]}
    assert found == written


@pytest.mark.parametrize("profile", ["full", "quick"])
def test_everything_is_plain_json(profile: str) -> None:
    run = esol().arm("lost", [LOST] * 10, condition="noise=0.1")
    run.arm("constant", [0.9] * 10, others={"spearman": [math.nan] * 10})
    text = json.dumps(run.summary(profile), allow_nan=False)
    assert json.loads(text) == run.summary(profile)


def test_mean_deviation_and_interval_of_an_arm() -> None:
    found = metric(esol().summary(), "L1")
    deviation = np.std(BASE, ddof=1)
    half = stats.t.ppf(0.975, 9) * deviation * math.sqrt(1 / 10 + 113 / 902)
    assert found["mean"] == pytest.approx(np.mean(BASE))
    assert found["std"] == pytest.approx(deviation)
    assert (found["low"], found["high"]) == pytest.approx(
        (np.mean(BASE) - half, np.mean(BASE) + half)
    )
    assert found["values"] == {str(seed): value for seed, value in enumerate(BASE)}
    own = metric(esol().summary(), "L1", unit="log mol/L")
    assert (own["mean"], own["high"]) == pytest.approx((found["mean"] * STD, found["high"] * STD))


def test_training_rows_have_no_interval_on_resplits_and_a_fixed_split_has_students() -> None:
    assert metric(esol().summary(), "L1", split="train")["low"] is None
    assert metric(esol().summary(), "L1", split="validation")["low"] is not None
    fixed = metric(MadeRun(resplit=False).arm("L1", BASE).summary(), "L1", split="train")
    on_train = EASE["train"] * np.array(BASE)
    interval = stats.ttest_1samp(on_train, 0).confidence_interval(0.95)
    assert (fixed["low"], fixed["high"]) == pytest.approx((interval.low, interval.high))


def test_a_comparison_is_the_corrected_test_of_paired_differences() -> None:
    (found,) = esol().summary()["comparisons"]
    differences = np.array(shifted(0.1, 0.01)) - BASE
    expected = corrected_paired_t(differences, ROWS["test"], ROWS["train"])
    assert found["difference"] == pytest.approx(differences.mean())
    assert (found["low"], found["high"]) == pytest.approx(expected.interval())
    assert found["p"] == found["p_holm"] == pytest.approx(expected.p_value())
    assert found["reduction_percent"] == pytest.approx(-100 * differences.mean() / np.mean(BASE))
    assert (found["verdict"], found["against"], found["n"]) == ("worse", "L1", 10)
    original = found["original"]
    assert original["unit"] == "log mol/L"
    assert [original[k] for k in ("difference", "low", "high")] == pytest.approx(
        [STD * found[k] for k in ("difference", "low", "high")]
    )


def test_holm_runs_over_all_comparisons_of_the_study_controls_too() -> None:
    run = esol().arm("ours", shifted(-0.04, 0.01)).arm("mean", [1.0] * 10, group="control")
    found = run.summary()["comparisons"]
    assert [c["arm"] for c in found] == ["RnC", "ours", "mean"]
    assert [c["p_holm"] for c in found] == pytest.approx(holm([c["p"] for c in found]))
    assert found[0]["p_holm"] > found[0]["p"]


def test_what_only_an_unadjusted_test_would_find_stays_undecided() -> None:
    run = MadeRun().arm("L1", BASE).arm("A", shifted(-0.03, 0.0095))
    assert verdicts(run.summary()) == {"A": "better"}
    (alone,) = run.summary()["comparisons"]
    assert 0.025 < alone["p"] < 0.05
    run.arm("B", shifted(0.0, 0.02))
    assert verdicts(run.summary()) == {"A": "undecided", "B": "undecided"}


def test_equivalence_is_adjusted_too() -> None:
    run = MadeRun(margin=0.01).arm("L1", BASE).arm("A", shifted(0.0, 0.0165))
    assert verdicts(run.summary()) == {"A": "equivalent"}
    differences = np.array(shifted(0.0, 0.0165)) - BASE
    assert 0.025 < corrected_paired_t(differences, 113, 902).equivalence_p(0.01) < 0.05
    run.arm("B", shifted(0.1, 0.1))
    assert verdicts(run.summary()) == {"A": "undecided", "B": "undecided"}


def test_margin_and_equivalence() -> None:
    run = pretrained(MadeRun().arm("L1", BASE), "same", 0.001, 0.0005)
    summary = run.summary()
    assert verdicts(summary) == {"same": "equivalent"}
    assert summary["margin"] == pytest.approx(0.01 * np.mean(BASE))
    run.study["margin"] = 1e-6
    assert (run.summary()["margin"], verdicts(run.summary())) == (1e-6, {"same": "undecided"})
    pretrained(run, "off", 0.1, 0.005)
    run.study["margin"] = 0.1
    (off,) = (c for c in run.summary()["comparisons"] if c["arm"] == "off")
    assert off["verdict"] == "equivalent"
    assert off["reason"].endswith("the difference is sure, but inside the margin")


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
    assert comparison["reason"] == f"{seeds} seed{'s' * (seeds > 1)}: a test needs at least 3"
    found = metric(summary, "L1")
    assert (found["low"], found["high"], found["std"] is None) == (None, None, seeds == 1)
    assert any("no tests" in note for note in summary["notes"])


def test_the_floor_is_told_instead_of_a_number_of_seeds() -> None:
    run = MadeRun().arm("L1", BASE[:4]).arm("near", [0.21, 0.245, 0.205, 0.235])
    found = run.arm("same", [0.25, 0.27, 0.22, 0.26]).summary()
    near, same = found["comparisons"]
    assert near["verdict"] == same["verdict"] == "undecided"
    differences = np.array([0.21, 0.245, 0.205, 0.235]) - BASE[:4]
    expected = corrected_paired_t(differences, 113, 902)
    assert near["seeds_to_decide"] == expected.seeds_to_decide(found["margin"], 0.05 / 2)
    assert f"about {near['seeds_to_decide']} seeds would decide" in near["reason"]
    assert (same["seeds_to_decide"], same["undecidable"]) == (None, True)
    assert "no number of seeds would decide" in same["reason"]
    (note,) = (note for note in found["notes"] if note.startswith("No number of seeds"))
    assert "decide: same." in note


@pytest.mark.parametrize(
    ("noise", "words"),
    [(0.05, "; about 470 seeds would decide"), (0.1, "; more than 1,000 seeds would be needed")],
)
def test_large_numbers_of_seeds_are_rounded(noise: float, words: str) -> None:
    run = MadeRun(resplit=False).arm("L1", BASE).arm("near", shifted(0.0, noise))
    (found,) = run.summary(row_differences=lambda *_: np.zeros(50))["comparisons"]
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
        {"stage": "fit", "hash": "f0"},
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
