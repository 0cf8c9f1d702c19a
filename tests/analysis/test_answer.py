"""The sentence that a reader sees first, word for word, in every kind of outcome."""

import math
from typing import Any

import numpy as np
from made_runs import BASE, LOST, ROWS, MadeRun, pretrained, shifted
from scipy import stats

SURE = "is the lowest, and with 95% confidence it is the best arm. "
L1_ONE = "its mean test MAE, 0.255 z-scored (0.511 log mol/L) over 10 trainings,"


def with_baseline(seeds: int = 10, **study: Any) -> MadeRun:
    return MadeRun(**study).arm("L1", BASE[:seeds], group="published")


def sentence(run: MadeRun, profile: str = "full", **more: Any) -> str:
    return str(run.summary(profile, **more)["answer"])


def ends(by: float, noise: float) -> tuple[float, float]:
    """The 95% interval of a shifted arm in % of the baseline, nearest end first.

    Without row scores all spread s² of ten differences is owed to rows: two re-splits share the
    fraction r of their test rows, so 1.7 · s² · (1/10 + r/(1 - r)) is the squared error.
    """
    difference = np.array(shifted(by, noise)) - BASE
    share = ROWS["test"] / sum(ROWS.values())
    error = math.sqrt(1.7 * difference.var(ddof=1) * (1 / 10 + share / (1 - share)))
    half = stats.t.ppf(0.975, 9) * error
    low, high = sorted(abs(difference.mean() + side * half) for side in (-1, 1))
    return 100 * float(low) / np.mean(BASE), 100 * float(high) / np.mean(BASE)


def between(by: float, noise: float) -> str:
    low, high = ends(by, noise)
    return f"95% interval {low:.1f} to {high:.1f}% {'lower' if by < 0 else 'higher'}"


OURS = f"ours is better than L1 (20.0% lower, {between(-0.2, 0.01)}, 10 trainings, p < 0.001)"


def mixed() -> MadeRun:
    run = with_baseline()
    pretrained(run, "RnC+freeze", 0.0, 0.04)
    pretrained(run, "RnC", 0.15, 0.01)
    pretrained(run, "RnC(Huber)", 0.001, 0.0005)
    run.arm("RnC(L2)", [*BASE[:8], LOST, LOST], pretrained=True)
    run.arm("ours", shifted(-0.2, 0.01))
    return run.arm("mean", [1.0] * 10, group="control")


def test_an_encoder_that_brings_weights_counts_as_pretrained() -> None:
    run = pretrained(with_baseline(), "MoCo", 0.001, 0.0005)
    run.arm("ImageNet", shifted(-0.2, 0.01), brings_weights=True)
    said = sentence(run.arm("wider", shifted(-0.3, 0.01)))
    assert "one of the two pre-trained arms is better than L1: ImageNet (20.0% lower, " in said


def test_when_none_is_better_it_says_so_and_names_what_is() -> None:
    assert sentence(mixed()) == (
        f"Use ours: its mean test MAE, 0.204 z-scored (0.408 log mol/L) over 10 trainings, {SURE}"
        f"On test MAE, {OURS}; none of the four pre-trained arms is shown to be better than L1: "
        "RnC (15.0% higher) is worse; RnC(Huber) (0.1% higher) makes no relevant difference; "
        f"RnC+freeze (at most {ends(0.0, 0.04)[0]:.1f}% better or {ends(0.0, 0.04)[1]:.1f}% worse) "
        "is undecided; RnC(L2) (diverged 2 of 10) is withheld."
    )


def test_what_to_use_is_compared_first_where_the_study_asks_about_others() -> None:
    run = pretrained(with_baseline(), "RnC", 0.15, 0.01)
    run.arm("ours", shifted(-0.001, 0.04))
    said = sentence(run, "quick")
    assert "Use ours: " in said
    assert "cannot decide all of it: on test MAE, it is not decided whether ours is better" in said
    assert said.index("whether ours is better than L1") < said.index("; RnC is worse than L1")


def test_what_to_use_is_compared_where_nothing_else_can_be() -> None:
    run = with_baseline().arm("ours", shifted(-0.2, 0.01))
    run.arm("RnC", [*BASE[:8], LOST, LOST], pretrained=True)
    assert sentence(run).endswith(
        f"On test MAE, {OURS}. Nothing else can be compared, for seeds were lost: RnC (diverged 2 "
        "of 10)."
    )
    few = with_baseline().arm("ours", shifted(-0.2, 0.01))
    few.arm("RnC", BASE[:2], pretrained=True)
    assert sentence(few).endswith(f"On test MAE, {OURS}.")


def test_when_every_one_is_worse_nothing_is_left_open() -> None:
    run = with_baseline()
    pretrained(run, "A", 0.15, 0.01)
    pretrained(run, "B", 0.10, 0.01)
    assert sentence(run) == (
        f"Use L1: {L1_ONE} {SURE}On test MAE, neither of the two pre-trained arms is better than "
        "L1: A (15.0% higher) and B (10.0% higher) are worse."
    )


def test_better_arms_come_first_with_their_intervals() -> None:
    run = mixed()
    pretrained(run, "RnC 2", -0.1, 0.005)
    assert (
        "; one of the five pre-trained arms is better than L1: RnC 2 (10.0% lower, "
        f"{between(-0.1, 0.005)}); RnC (15.0% higher) is worse; "
    ) in sentence(run)
    pretrained(run, "RnC 3", -0.12, 0.005)
    assert f"On test MAE, {OURS}; two of the six pre-trained arms are better than L1: " in sentence(
        run
    )


def test_when_all_are_better_it_says_each() -> None:
    run = with_baseline()
    pretrained(run, "A", -0.1, 0.005)
    pretrained(run, "B", -0.2, 0.005)
    assert sentence(run) == (
        f"Use B: its mean test MAE, 0.204 z-scored (0.408 log mol/L) over 10 trainings, {SURE}"
        "On test MAE, each of the two pre-trained arms is better than L1: A (10.0% lower, "
        f"{between(-0.1, 0.005)}) and B (20.0% lower, {between(-0.2, 0.005)})."
    )


def test_one_arm_is_told_with_interval_and_p() -> None:
    assert sentence(pretrained(with_baseline(), "RnC", 0.1, 0.005)).endswith(
        f"On test MAE, RnC is worse than L1 (10.0% higher, {between(0.1, 0.005)}, 10 trainings, "
        "p < 0.001)."
    )
    low, high = ends(0.001, 0.0005)
    assert sentence(pretrained(with_baseline(), "RnC", 0.001, 0.0005)).endswith(
        "On test MAE, there is no relevant difference between RnC and L1 (0.1% higher, 95% "
        f"interval {low:.1f}% lower to {high:.1f}% higher, 10 trainings)."
    )


def test_an_undecided_arm_comes_with_what_would_decide() -> None:
    low, high = ends(-0.06, 0.05)
    assert sentence(pretrained(with_baseline(), "RnC", -0.06, 0.05)) == (
        f"Use L1: {L1_ONE} is within the margin of the lowest (RnC, 0.240), and it costs less; "
        "with 95% confidence the best arm is this one or RnC. On test MAE, it is not decided "
        f"whether RnC is better than L1: it is at most {high:.1f}% better or {low:.1f}% worse "
        "(more rows would decide, more trainings on these are unlikely to)."
    )
    run = with_baseline(4).arm("RnC", [0.195, 0.235, 0.195, 0.23], pretrained=True)
    (found,) = run.summary()["comparisons"]
    assert found["trainings_to_decide"] > 4
    told = f"worse (about {found['trainings_to_decide']} trainings would decide)."
    assert sentence(run).endswith(told)


def test_the_quick_profile_says_that_it_cannot_decide() -> None:
    run = with_baseline(3)
    run.arm("A", [0.25, 0.27, 0.23], pretrained=True).arm("B", [0.27, 0.25, 0.25], pretrained=True)
    assert (
        " The quick profile, with 3 trainings and smaller budgets, cannot decide: on test MAE, "
        "neither of the two pre-trained arms is shown to be better than L1: A (at most "
    ) in sentence(run, "quick")
    assert sentence(run, "quick").endswith("% worse) are undecided.")
    assert (
        " The quick profile, with 10 trainings and smaller budgets, cannot decide all of it: on "
        "test MAE,"
    ) in sentence(mixed(), "quick")
    assert (
        " The quick profile, with 10 trainings and smaller budgets, says: on test MAE, A is worse "
        "than L1"
    ) in sentence(pretrained(with_baseline(), "A", 0.2, 0.01), "quick")


def test_under_three_seeds_nothing_is_decided() -> None:
    run = with_baseline(2).arm("RnC", [0.23, 0.23], pretrained=True)
    assert sentence(run) == (
        "Use RnC for now: its mean test MAE, 0.230 z-scored (0.460 log mol/L) over 2 trainings, is "
        "the lowest; nothing is decided yet (2 trainings: a test needs at least 3)."
    )
    assert sentence(with_baseline(1).arm("RnC", [0.3], pretrained=True), "smoke") == (
        "Use L1 for now: its mean test MAE, 0.260 z-scored (0.520 log mol/L) over 1 training, is "
        "the lowest; nothing is decided yet (1 training: a test needs at least 3)."
    )
    run.arm("mean", [0.1, 0.1], group="control")
    assert "is the lowest, controls aside; nothing is decided yet (2" in sentence(run)


def test_a_single_arm_has_nothing_to_stand_beside() -> None:
    assert sentence(with_baseline()) == (
        "L1 reaches a mean test MAE of 0.255 z-scored (0.511 log mol/L) over 10 trainings. There "
        "is no other arm to compare it with."
    )


def test_a_diverged_baseline_leaves_nothing_to_compare() -> None:
    run = MadeRun().arm("L1", [*BASE[:9], LOST])
    pretrained(run, "A", -0.1, 0.02)
    pretrained(run, "B", -0.05, 0.02)
    assert sentence(run) == (
        f"Use A: its mean test MAE, 0.230 z-scored (0.460 log mol/L) over 10 trainings, {SURE}"
        "Nothing can be compared: the baseline L1 diverged 1 of 10 seeds."
    )


def test_diverged_contenders_are_named() -> None:
    run = with_baseline(3).arm("A", [LOST, 0.2, 0.2], pretrained=True)
    assert sentence(run) == (
        "Use L1: no other arm has a mean test MAE to set beside its 0.252 z-scored (0.504 log "
        "mol/L) over 3 trainings. Nothing can be compared, for seeds were lost: A (diverged 1 of "
        "3)."
    )
    run.arm("mean", [0.9, 1.0, 1.1], group="control")
    assert sentence(run).startswith("Use L1: no other arm but controls has a mean test MAE to set")
    run = MadeRun().arm("L1", [LOST] * 3).arm("A", [LOST] * 3, pretrained=True, status="failed")
    assert sentence(run) == (
        "No arm finished all its seeds: L1 diverged 3 of 3 and A failed 3 of 3."
    )


def test_a_baseline_that_was_not_run_is_missed() -> None:
    assert sentence(pretrained(MadeRun(), "RnC", 0.0, 0.01)).endswith(
        "over 10 trainings. Nothing is compared, for the baseline L1 was not run."
    )
    assert MadeRun().summary()["answer"] == "Nothing was run."


def test_without_pre_training_the_question_is_about_all_arms_but_controls() -> None:
    run = with_baseline().arm("L2", shifted(0.1, 0.005)).arm("mean", [1.0] * 10, group="control")
    assert "On test MAE, L2 is worse than L1 (10.0% higher" in sentence(run)
    run = with_baseline().arm("mean", [1.0] * 10, group="control")
    assert "On test MAE, mean is worse than L1 (291.7% higher" in sentence(run)


def test_arms_with_baselines_of_their_own_are_named_with_them() -> None:
    run = with_baseline().arm("L2", shifted(0.2, 0.01))
    run.arm("A", shifted(0.1, 0.004), pretrained=True)
    run.arm("B", shifted(0.1, 0.004), against="L2", pretrained=True)
    assert (
        "On test MAE, one of the two pre-trained arms is better than its own baseline: B against "
        "L2 (8.3% lower, 95% interval "
    ) in sentence(run)
    assert sentence(run).endswith("; A against L1 (10.0% higher) is worse.")


def test_where_higher_is_better_the_words_follow() -> None:
    run = with_baseline(metric="r2")
    pretrained(run, "A", 0.3, 0.005)
    pretrained(run, "B", -0.2, 0.005)
    low, high = (np.mean(BASE) * end / 100 for end in ends(0.3, 0.005))
    assert sentence(run) == (
        "Use A: its mean test R², 0.332 z-scored (0.664 log mol/L) over 10 trainings, is the "
        "highest, and with 95% confidence it is the best arm. On test R², one of the two "
        f"pre-trained arms is better than L1: A (0.077 higher, 95% interval {low:.3f} to "
        f"{high:.3f} higher); B (0.051 lower) is worse."
    )


def test_conditions_are_counted_and_the_gains_placed() -> None:
    run = MadeRun()
    for condition, by in (("labels=0.125", -0.2), ("labels=0.25", -0.1), ("labels=1.0", 0.1)):
        run.arm("L1", BASE, condition=condition)
        run.arm("RnC", shifted(by, 0.01), condition=condition, pretrained=True)
        run.arm("RnC 2", shifted(by / 3, 0.03), condition=condition, pretrained=True)
    assert sentence(run) == (
        "Under labels=0.125, use RnC: its mean test MAE, 0.204 z-scored (0.408 log mol/L) over 10 "
        f"trainings, {SURE}"
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
    assert sentence(run) == (
        f"Use L1: {L1_ONE.replace('MAE,', 'MAE on height,')} {SURE}"
        "On test MAE, of 2 comparisons of the pre-trained arm with the baseline over 2 targets, "
        "none is better, two are worse (RnC on height and RnC on weight). The lowest mean test MAE "
        "is that of L1 (on height and on weight)."
    )


def test_a_fixed_split_limits_what_is_said() -> None:
    run = pretrained(with_baseline(resplit=False), "A", -0.1, 0.005)
    assert ("On test MAE and for this split, A is better than L1 (10.0% lower") in sentence(
        run, scores=run.scores()
    )
    assert sentence(run).endswith(
        "it is not decided whether A is better than L1: it is 10.0% lower, 10 trainings (no test: "
        "differences per test row are not at hand)."
    )


def test_long_lists_are_cut() -> None:
    run = with_baseline()
    for k in range(9):
        pretrained(run, f"A{k}", 0.1 + 0.01 * k, 0.005)
    assert "A5 (15.0% higher) and 3 more are worse." in sentence(run)
    run = with_baseline()
    for k in range(9):
        run.arm(f"A{k}", shifted(0.01 + 0.001 * k, 0.02 + 0.003 * k))
    assert "is the lowest; with 95% confidence the best arm is this one, A0, A1, A2, " in (
        sentence(run)
    )
    assert " A4 or 4 more. " in sentence(run)


def test_controls_that_nothing_beats_come_first_under_a_condition_too() -> None:
    run = MadeRun()
    for condition in ("labels=0.5", "labels=1.0"):
        run.arm("L1", BASE, condition=condition)
        run.arm("shuffled", shifted(0.0, 0.03), group="control", condition=condition)
    assert sentence(run).startswith(
        "No arm is shown to be better than the control shuffled; if one is to be used, under "
        f"labels=0.5, use L1: {L1_ONE} is the lowest among the others. "
    )


def test_means_alone_are_told_where_a_fixed_split_has_no_rows() -> None:
    run = pretrained(with_baseline(resplit=False), "A", -0.1, 0.005)
    assert sentence(run).startswith(
        "Use A for now: its mean test MAE, 0.230 z-scored (0.460 log mol/L) over 10 trainings, is "
        "the lowest; nothing is decided yet (no test was possible). "
    )


def test_no_error_is_said_to_fall_by_more_than_all_of_it() -> None:
    run = MadeRun().arm("L1", [0.5, 0.6, 0.55], group="published")
    run.arm("ours", [0.01, 0.02, 0.03])
    said = sentence(run)
    assert "to 100.0% lower" in said
    assert "better than L1 (96.4% lower, 95% interval " in said


def test_an_arm_that_is_surely_best_and_not_decidedly_better_is_explained() -> None:
    """One-sided 5% is two-sided 10%: between them stand two sentences that would not agree."""
    for noise in np.linspace(0.02, 0.5, 60):
        run = with_baseline().arm("ours", shifted(-0.3, float(noise)))
        said = sentence(run)
        if "95% confidence it is the best" in said and "it is not decided" in said:
            assert said.endswith("a verdict is two-sided, and so takes more to be decided.")
            return
    raise AssertionError("no such run was made")


def test_a_rival_that_another_arm_beats_is_no_matter_of_sides() -> None:
    run = with_baseline().arm("sure", shifted(-0.15, 0.005), seconds=400.0)
    summary = run.arm("cheap", shifted(-0.14, 0.15)).summary()
    assert (summary["recommended"]["arm"], summary["recommended"]["left_out"]) == ("cheap", ["L1"])
    assert "not decided" in summary["answer"] or "is undecided" in summary["answer"]
    assert "two-sided" not in summary["answer"]


def test_agreeing_sentences_are_not_explained() -> None:
    assert "two-sided" not in sentence(with_baseline().arm("ours", shifted(-0.2, 0.01)))
    assert "two-sided" not in sentence(with_baseline().arm("ours", shifted(-0.01, 0.3)))
