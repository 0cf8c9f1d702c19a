"""The sentence that a reader sees first, word for word, in every kind of outcome."""

from typing import Any

import numpy as np
from made_runs import BASE, LOST, MadeRun, pretrained, shifted


def with_baseline(seeds: int = 10, **study: Any) -> MadeRun:
    return MadeRun(**study).arm("L1", BASE[:seeds], group="published")


def sentence(run: MadeRun, profile: str = "full", **more: Any) -> str:
    return str(run.summary(profile, **more)["answer"])


def mixed() -> MadeRun:
    run = with_baseline()
    pretrained(run, "RnC+freeze", 0.0, 0.02)
    pretrained(run, "RnC", 0.15, 0.01)
    pretrained(run, "RnC(Huber)", 0.001, 0.0005)
    run.arm("RnC(L2)", [*BASE[:8], LOST, LOST], pretrained=True)
    run.arm("ours", shifted(-0.2, 0.01))
    return run.arm("mean", [1.0] * 10, group="control")


def test_when_none_is_better_it_says_so_and_names_what_is() -> None:
    assert sentence(mixed()) == (
        "On test MAE, none of the four pre-trained arms is shown to be better than L1: RnC (15.0% "
        "higher) is worse; RnC(Huber) (0.1% higher) is equivalent; RnC+freeze is undecided; "
        "RnC(L2) (diverged 2 of 10) is withheld. The lowest mean test MAE is that of ours: 0.204 "
        "z-scored (0.408 log mol/L) over 10 seeds, 20.0% lower than L1 (0.255): better."
    )


def test_when_every_one_is_worse_nothing_is_left_open() -> None:
    run = with_baseline()
    pretrained(run, "A", 0.15, 0.01)
    pretrained(run, "B", 0.10, 0.01)
    assert sentence(run) == (
        "On test MAE, none of the two pre-trained arms is better than L1: A (15.0% higher) and B "
        "(10.0% higher) are worse. The lowest mean test MAE is that of the baseline L1: 0.255 "
        "z-scored (0.511 log mol/L) over 10 seeds."
    )


def test_better_arms_come_first_with_their_intervals() -> None:
    run = mixed()
    pretrained(run, "RnC 2", -0.1, 0.005)
    assert sentence(run).startswith(
        "On test MAE, one of the five pre-trained arms is better than L1: RnC 2 (10.0% lower, 95% "
        "interval 8.4 to 11.6% lower); RnC (15.0% higher) is worse; "
    )
    pretrained(run, "RnC 3", -0.12, 0.005)
    assert sentence(run).startswith("On test MAE, two of the six pre-trained arms are better than")


def test_when_all_are_better_it_says_each() -> None:
    run = with_baseline()
    pretrained(run, "A", -0.1, 0.005)
    pretrained(run, "B", -0.2, 0.005)
    assert sentence(run) == (
        "On test MAE, each of the two pre-trained arms is better than L1: A (10.0% lower, 95% "
        "interval 8.4 to 11.6% lower) and B (20.0% lower, 95% interval 18.1 to 21.9% lower). The "
        "lowest mean test MAE is that of B: 0.204 z-scored (0.408 log mol/L) over 10 seeds, "
        "against 0.255 for L1."
    )


def test_one_arm_is_told_with_interval_and_p() -> None:
    assert sentence(pretrained(with_baseline(), "RnC", 0.1, 0.005)).startswith(
        "On test MAE, RnC is worse than L1 (10.0% higher, 95% interval 8.6 to 11.4% higher, 10 "
        "seeds, p < 0.001). "
    )
    assert sentence(pretrained(with_baseline(), "RnC", 0.001, 0.0005)).startswith(
        "On test MAE, RnC and L1 are equivalent (0.1% higher, 95% interval 0.0% lower to 0.2% "
        "higher, 10 seeds). "
    )


def test_an_undecided_arm_comes_with_what_would_decide() -> None:
    assert sentence(pretrained(with_baseline(), "RnC", -0.03, 0.02)) == (
        "On test MAE, it is not decided whether RnC is better than L1 (3.0% lower, 95% interval "
        "8.7% lower to 2.7% higher, 10 seeds; no number of seeds would decide). The lowest mean "
        "test MAE is that of RnC: 0.248 z-scored (0.495 log mol/L) over 10 seeds, against 0.255 "
        "for L1."
    )
    run = with_baseline(4).arm("RnC", [0.20, 0.24, 0.20, 0.235], pretrained=True)
    assert "4 seeds; about 7 seeds would decide)" in sentence(run)


def test_the_quick_profile_says_that_it_cannot_decide() -> None:
    run = with_baseline(3)
    run.arm("A", [0.25, 0.27, 0.23], pretrained=True).arm("B", [0.27, 0.25, 0.25], pretrained=True)
    assert sentence(run, "quick").startswith(
        "The quick profile, with 3 seeds and smaller budgets, cannot decide: on test MAE, none of "
        "the two pre-trained arms is shown to be better than L1: all are undecided. "
    )
    assert sentence(mixed(), "quick").startswith(
        "The quick profile, with 10 seeds and smaller budgets, cannot decide all of it: on test "
        "MAE,"
    )
    assert sentence(pretrained(with_baseline(), "A", 0.2, 0.01), "quick").startswith(
        "The quick profile, with 10 seeds and smaller budgets, says: on test MAE, A is worse than "
        "L1"
    )


def test_under_three_seeds_nothing_is_decided() -> None:
    run = with_baseline(2).arm("RnC", [0.23, 0.23], pretrained=True)
    assert sentence(run) == (
        "Nothing is decided with 2 seeds: a test needs at least 3. The lowest mean test MAE is "
        "that of RnC: 0.230 z-scored (0.460 log mol/L) over 2 seeds, 10.7% lower than L1 (0.258): "
        "not tested."
    )
    assert sentence(with_baseline(1).arm("RnC", [0.3], pretrained=True), "smoke") == (
        "Nothing is decided with 1 seed: a test needs at least 3. The lowest mean test MAE is that "
        "of the baseline L1: 0.260 z-scored (0.520 log mol/L) over 1 seed."
    )


def test_a_single_arm_has_nothing_to_stand_beside() -> None:
    assert sentence(with_baseline()) == (
        "L1 reaches a mean test MAE of 0.255 z-scored (0.511 log mol/L) over 10 seeds. There is no "
        "other arm to compare it with."
    )


def test_a_diverged_baseline_leaves_nothing_to_compare() -> None:
    run = MadeRun().arm("L1", [*BASE[:9], LOST])
    pretrained(run, "A", -0.1, 0.02)
    pretrained(run, "B", -0.05, 0.02)
    assert sentence(run) == (
        "Nothing can be compared: the baseline L1 diverged 1 of 10 seeds. The lowest mean test MAE "
        "is that of A: 0.230 z-scored (0.460 log mol/L) over 10 seeds."
    )


def test_diverged_contenders_are_named() -> None:
    run = with_baseline(3).arm("A", [LOST, 0.2, 0.2], pretrained=True)
    assert sentence(run).startswith(
        "Nothing can be compared, for seeds were lost: A (diverged 1 of 3). The lowest mean"
    )
    run = MadeRun().arm("L1", [LOST] * 3).arm("A", [LOST] * 3, pretrained=True, status="failed")
    assert sentence(run) == (
        "No arm finished all its seeds: L1 diverged 3 of 3 and A failed 3 of 3."
    )


def test_a_baseline_that_was_not_run_is_missed() -> None:
    assert sentence(pretrained(MadeRun(), "RnC", 0.0, 0.01)).endswith(
        "over 10 seeds. Nothing is compared, for the baseline L1 was not run."
    )
    assert MadeRun().summary()["answer"] == "Nothing was run."


def test_without_pre_training_the_question_is_about_all_arms_but_controls() -> None:
    run = with_baseline().arm("L2", shifted(0.1, 0.005)).arm("mean", [1.0] * 10, group="control")
    assert sentence(run).startswith("On test MAE, L2 is worse than L1 (10.0% higher")
    run = with_baseline().arm("mean", [1.0] * 10, group="control")
    assert sentence(run).startswith("On test MAE, mean is worse than L1 (291.7% higher")


def test_arms_with_baselines_of_their_own_are_named_with_them() -> None:
    run = with_baseline().arm("L2", shifted(0.2, 0.01))
    run.arm("A", shifted(0.1, 0.004), pretrained=True)
    run.arm("B", shifted(0.1, 0.004), against="L2", pretrained=True)
    assert sentence(run).startswith(
        "On test MAE, one of the two pre-trained arms is better than its own baseline: B against "
        "L2 (8.3% lower, 95% interval "
    )
    assert "; A against L1 (10.0% higher) is worse. " in sentence(run)


def test_where_higher_is_better_the_words_follow() -> None:
    run = with_baseline(metric="r2")
    pretrained(run, "A", 0.3, 0.005)
    pretrained(run, "B", -0.2, 0.005)
    assert sentence(run).startswith(
        "On test R², one of the two pre-trained arms is better than L1: A (0.077 higher, 95% "
        "interval 0.071 to 0.082 higher); B (0.051 lower) is worse. The highest mean test R² is "
        "that of A: 0.332"
    )


def test_conditions_are_counted_and_the_gains_placed() -> None:
    run = MadeRun()
    for condition, by in (("labels=0.125", -0.2), ("labels=0.25", -0.1), ("labels=1.0", 0.1)):
        run.arm("L1", BASE, condition=condition)
        run.arm("RnC", shifted(by, 0.01), condition=condition, pretrained=True)
        run.arm("RnC 2", shifted(by / 3, 0.03), condition=condition, pretrained=True)
    assert sentence(run) == (
        "On test MAE, of 6 comparisons of pre-trained arms with the baseline over 3 conditions, "
        "two are better (RnC at labels=0.125 and RnC at labels=0.25), one is worse (RnC at "
        "labels=1.0), three are undecided. The lowest mean test MAE is that of RnC (labels=0.125 "
        "and labels=0.25); L1 (labels=1.0)."
    )


def test_targets_are_told_apart() -> None:
    run = MadeRun()
    for target, by in (("height", 0.2), ("weight", 0.1)):
        run.arm("L1", BASE, target=target)
        run.arm("RnC", shifted(by, 0.01), target=target, pretrained=True)
    assert sentence(run).startswith(
        "On test MAE, of 2 comparisons of the pre-trained arm with the baseline over 2 targets, "
        "none is better, two are worse (RnC on height and RnC on weight). The lowest mean test MAE "
        "is that of L1 (on height and on weight)."
    )


def test_a_fixed_split_limits_what_is_said() -> None:
    run = pretrained(with_baseline(resplit=False), "A", -0.1, 0.005)
    rows = np.linspace(-0.1, 0.1, 113)
    assert sentence(run, row_differences=lambda *_: rows).startswith(
        "On test MAE and for this split, A is better than L1 (10.0% lower"
    )


def test_long_lists_are_cut() -> None:
    run = with_baseline()
    for k in range(9):
        pretrained(run, f"A{k}", 0.1 + 0.01 * k, 0.005)
    assert "A5 (15.0% higher) and 3 more are worse." in sentence(run)
