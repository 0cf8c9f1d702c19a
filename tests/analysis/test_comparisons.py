"""What is told of one comparison: chances, how large it can be, ties, and its original unit."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from given_scores import GivenScores
from made_runs import BASE, STD, MadeRun, shifted
from scipy import stats

from nearfar.analysis.comparison import Comparison, bound
from nearfar.analysis.outlook import Asked, Compared, look_ahead
from nearfar.analysis.variance import Parts, single_unit
from nearfar.analysis.variance import Tested as Training
from nearfar.extensions import use_modules
from nearfar.numbers import number

FORMS = ("folds", "resplits", "fixed")


def study(form: str, metric: str = "mae", **more: Any) -> MadeRun:
    folds = 10 if form == "folds" else 0
    return MadeRun(metric, resplit=form != "fixed", folds=folds, **more)


def three(form: str, metric: str = "mae") -> list[dict[str, Any]]:
    run = study(form, metric).arm("L1", BASE).arm("A", shifted(-0.11, 0.02))
    run.arm("B", shifted(0.12, 0.03)).arm("C", shifted(0.0, 0.01))
    return list(run.summary(scores=run.scores())["comparisons"])


@pytest.mark.parametrize("form", FORMS)
def test_chances_are_those_of_the_t_distribution_and_add_up(form: str) -> None:
    for c in three(form):
        spread = stats.t(c["df"], c["difference"], c["error"])
        assert c["p_better"] == pytest.approx(spread.cdf(-c["margin"]))
        assert c["p_worse"] == pytest.approx(spread.sf(c["margin"]))
        assert c["p_better"] + c["p_same"] + c["p_worse"] == pytest.approx(1)
        assert min(c["p_better"], c["p_same"], c["p_worse"]) > 0


def test_better_and_worse_change_places_with_the_direction_of_the_metric() -> None:
    errors, gains = three("folds", "mae"), three("folds", "r2")
    for error, gain in zip(errors, gains, strict=True):
        spread = stats.t(error["df"], error["difference"], error["error"])
        assert gain["difference"] == pytest.approx(error["difference"])
        assert gain["p_better"] == pytest.approx(spread.sf(gain["margin"]))
        assert gain["p_worse"] == pytest.approx(spread.cdf(-gain["margin"]))
    words = {"better": "worse", "worse": "better"}
    assert [c["verdict"] for c in errors] == ["better", "worse", "same"]
    assert [words[c["verdict"]] for c in errors[:2]] == [c["verdict"] for c in gains[:2]]


def test_row_scores_show_what_values_alone_do_not() -> None:
    """Where trainings hardly differ by themselves, knowing the rows makes an interval shorter."""
    run = study("folds").arm("L1", BASE).arm("A", shifted(-0.06, 0.03))
    alone, known = run.summary(), run.summary(scores=run.scores(spread=0.0, noise=0.02))
    widths = [c["comparisons"][0]["high"] - c["comparisons"][0]["low"] for c in (alone, known)]
    assert widths[1] < 0.9 * widths[0]
    parts = known["comparisons"][0]["parts"]
    assert parts["training"] > 10 * parts["rows"]
    assert (parts["design"], parts["units"], parts["n"]) == ("folds", 120, 10)


@pytest.mark.parametrize("form", FORMS)
def test_the_parts_of_the_error_are_told_by_design(form: str) -> None:
    for c in three(form):
        assert c["parts"]["design"] == form
        error = (1.0 if form == "fixed" else 1.7) * c["parts"]["rows"]
        error += c["parts"]["training"] * c["parts"]["spread"] / 10
        assert c["error"] == pytest.approx(np.sqrt(error))


def undecided(metric: str, **arms: list[float]) -> dict[str, dict[str, Any]]:
    run = study("folds", metric, margin=1e-9).arm("L1", BASE)
    for name, values in arms.items():
        run.arm(name, values)
    found = {c["arm"]: c for c in run.summary(scores=run.scores())["comparisons"]}
    assert {c["verdict"] for c in found.values()} == {"undecided"}
    return found


def test_all_that_is_undecided_says_how_large_it_can_be() -> None:
    arms = {"open": shifted(0.01, 0.03), "gains": shifted(-0.1, 0.033)}
    arms |= {"loses": shifted(0.085, 0.033), **{f"more {k}": shifted(0.0, 0.05) for k in range(4)}}
    errors, gains = undecided("mae", **arms), undecided("r2", **arms)
    for found in (errors, gains):
        assert all(c["bound"] for c in found.values())

    def size(c: dict[str, Any], end: str) -> str:
        if c["metric"] == "r2":
            return number(abs(c[end]))
        return f"{abs(100 * c[end] / np.mean(BASE)):.1f}%"

    for found, fewer, more in ((errors, "better", "worse"), (gains, "worse", "better")):
        ends = {name: (size(c, "low"), size(c, "high")) for name, c in found.items()}
        low, high = ends["open"]
        first, second = (low, high) if fewer == "better" else (high, low)
        assert found["open"]["bound"] == f"at most {first} better or {second} worse"
        assert found["gains"]["bound"] == f"{ends['gains'][1]} to {ends['gains'][0]} {fewer}"
        assert found["loses"]["bound"] == f"{ends['loses'][0]} to {ends['loses'][1]} {more}"


def test_no_error_is_said_to_be_reduced_by_more_than_all_of_it() -> None:
    facts = {"arm": "A", "against": "L1", "condition": "", "target": "y", "unit": "", "split": "t"}
    errors = Comparison(**facts, metric="mae", n=3, baseline_mean=2.0, reduction_percent=40.0)
    assert bound(errors, -2.1, 0.5) == "at most 100.0% better or 25.0% worse"
    assert bound(errors, -1.9, 0.5) == "at most 95.0% better or 25.0% worse"
    gains = Comparison(**facts, metric="r2", n=3, baseline_mean=0.2)
    assert bound(gains, -0.1, 0.5) == "at most 0.500 better or 0.100 worse"
    accuracies = replace(gains, metric="balanced_accuracy")
    assert bound(accuracies, -0.441, 1.033) == "at most 1.000 better or 0.441 worse"


def test_tested_rows_of_one_group_are_told_as_why_nothing_is_tested() -> None:
    run = study("fixed").arm("L1", BASE).arm("A", shifted(-0.1, 0.01))
    scores = run.scores()
    of_one = replace(scores, groups=np.zeros(scores.n_rows, dtype=np.int64))
    summary = run.summary(scores=of_one)
    (found,) = summary["comparisons"]
    why = "all tested rows are of one group, so no error of rows can be measured"
    assert (found["verdict"], found["reason"]) == ("undecided", f"no test: {why}")
    assert found["p"] is found["low"] is None
    for arm in summary["arms"]:
        tested = [m for m in arm["metrics"] if m["split"] == "test"]
        assert {(m["low"], m["high"]) for m in tested} == {(None, None)}
    (without,) = run.summary()["comparisons"]
    assert without["reason"] == "no test: differences per test row are not at hand"
    assert single_unit([Training(np.array([3]), np.ones(1))], None).startswith("only one row is")
    assert single_unit([Training(np.arange(2), np.ones(2))], None) == ""


@pytest.fixture
def log_density(tmp_path: Path) -> Iterator[str]:
    """A metric of a user's own that may be below zero, the lower the better."""
    (tmp_path / "densities.py").write_text(
        "from nearfar.metrics import Metric\n"
        "METRICS = {'density': Metric('density', 'minus log density', 'lower', 'none', float)}\n"
    )
    use_modules(["densities"], tmp_path)
    yield "density"
    use_modules([], Path())


@pytest.mark.parametrize("sign", [1, -1])
def test_what_may_be_below_zero_is_told_in_no_percent(log_density: str, sign: int) -> None:
    base = [sign * value for value in BASE]
    run = study("folds", log_density).arm("L1", base)
    run.arm("far below", [value - 0.6 + 0.01 * (k % 2) for k, value in enumerate(base)])
    summary = run.summary()
    (found,) = summary["comparisons"]
    assert found["reduction_percent"] is None
    assert found["verdict"] == "better"
    assert found["bound"] == f"{number(-found['high'])} to {number(-found['low'])} better"
    assert "95% interval " in summary["answer"]
    assert "%" not in summary["answer"].replace("95%", "")
    asked = Asked("s", "full", log_density, "", 5, 1, sign * 0.25, "L1", None, None)
    parts = [Compared(Parts(**found["parts"]))]
    assert {reach.percent for reach in look_ahead(asked, parts, "run", ()).reaches} == {None}


def given(differences: list[np.ndarray], rows: list[np.ndarray], n_rows: int) -> GivenScores:
    """Row scores of which L1's are 0 and 1 in turn, and A's differ from them as said."""
    scores: dict[tuple[str, str, str], dict[int, Training]] = {}
    for arm in ("L1", "A"):
        by_seed = scores[arm, "", "y"] = {}
        for seed, (difference, tested) in enumerate(zip(differences, rows, strict=True)):
            base = (tested % 2).astype(float)
            by_seed[seed] = Training(tested, base + difference * (arm == "A"))
    return GivenScores(n_rows, scores)


def made_of(scores: GivenScores, run: MadeRun) -> dict[str, Any]:
    for (arm, _, _), by_seed in scores.scores.items():
        run.arm(arm, [tested.mean for tested in by_seed.values()])
    (found,) = run.summary(scores=scores)["comparisons"]
    return dict(found)


@pytest.mark.parametrize(("n_rows", "verdict"), [(600, "same"), (20, "undecided")])
def test_a_tie_on_every_row_is_told_as_one(n_rows: int, verdict: str) -> None:
    """Zero spread is no certainty: up to 1 - 0.05^(1/rows) of the rows may differ, by 1 each."""
    folds = [np.arange(k, n_rows, 5) for k in range(5)]
    scores = given([np.zeros(len(fold)) for fold in folds], folds, n_rows)
    found = made_of(scores, study("folds"))
    assert (found["difference"], found["p"], found["verdict"]) == (0, 1, verdict)
    assert found["high"] == -found["low"] == pytest.approx(1 - 0.05 ** (1 / n_rows))
    assert found["reason"].startswith("a tie: no tested row differs; ")
    assert found["p_better"] == found["p_worse"] == pytest.approx((1 - found["p_same"]) / 2)
    assert found["p_same"] > (0.99 if verdict == "same" else 0.5)
    assert found["trainings_to_decide"] is None
    assert found["undecidable"] is (verdict == "undecided")


def test_a_tie_is_worded_without_a_direction() -> None:
    folds = [np.arange(k, 600, 5) for k in range(5)]
    scores = given([np.zeros(len(fold)) for fold in folds], folds, 600)
    run = study("folds").arm("L1", [0.5] * 5).arm("A", [0.5] * 5)
    assert run.summary(scores=scores)["answer"].endswith(
        "On test MAE, there is no relevant difference between A and L1 (equal, 95% interval 1.0% "
        "lower to 1.0% higher, 5 trainings)."
    )


def test_a_mean_of_zero_is_no_tie_where_rows_differ() -> None:
    folds = [np.arange(k, 600, 5) for k in range(5)]
    signs = [np.where(np.arange(len(fold)) % 2, 0.0625, -0.0625) for fold in folds]
    found = made_of(given(signs, folds, 600), study("folds"))
    assert (found["difference"], found["p"], found["verdict"]) == (0, 1, "same")
    assert "tie" not in found["reason"]


@pytest.mark.parametrize("same_row", [True, False])
def test_seeds_of_one_split_that_each_differ_in_one_row_of_forty_prove_nothing(
    same_row: bool,
) -> None:
    differences = [np.where(np.arange(40) == (0 if same_row else seed), -1, 0) for seed in range(3)]
    found = made_of(given(differences, [np.arange(40)] * 3, 40), study("fixed"))
    assert found["difference"] == pytest.approx(-1 / 40)
    assert found["verdict"] == "undecided"
    assert found["p"] > 0.1
    assert found["low"] < 0 < found["high"]


def test_the_original_unit_has_the_same_interval_scaled() -> None:
    for c in three("folds"):
        original = c["original"]
        assert original["unit"] == "log mol/L"
        ends = [original[k] for k in ("difference", "low", "high")]
        assert ends == pytest.approx([STD * c[k] for k in ("difference", "low", "high")])


@pytest.mark.parametrize("moved", [-0.04, -0.02, 0.02, 0.04])
def test_sign_and_doubt_are_the_same_in_both_units(moved: float) -> None:
    """Means in the own unit may say more, or the contrary, where rows or trainings are weighted."""
    run = MadeRun().arm("L1", BASE).arm("near", shifted(0.004, 0.02))
    run.records = [
        replace(r, value=r.value + moved) if (r.arm, r.unit) == ("near", "log mol/L") else r
        for r in run.records
    ]
    (found,) = run.summary()["comparisons"]
    original = found["original"]
    assert found["low"] < 0 < found["difference"] < found["high"]
    assert original["low"] <= 0 < original["difference"] < original["high"]


def test_differences_in_the_own_unit_are_those_of_the_means_beside_them() -> None:
    run = (
        MadeRun().arm("L1", BASE).arm("ours", shifted(-0.3, 0.01)).arm("near", shifted(0.01, 0.05))
    )
    run.records = [
        replace(r, value=r.value * (1 + r.seed)) if r.unit == "log mol/L" else r
        for r in run.records
    ]
    summary = run.summary()
    own = {
        arm["arm"]: m["mean"]
        for arm in summary["arms"]
        for m in arm["metrics"]
        if (m["unit"], m["split"], m["metric"]) == ("log mol/L", "test", "mae")
    }
    decided, open_one = sorted(summary["comparisons"], key=lambda c: c["arm"] != "ours")
    assert decided["high"] < 0 < open_one["high"]
    for c in (decided, open_one):
        original = c["original"]
        assert original["difference"] == pytest.approx(own[c["arm"]] - own["L1"])
        assert (original["high"] < 0) == (c["high"] < 0)
        assert original["low"] < original["difference"] < original["high"]
