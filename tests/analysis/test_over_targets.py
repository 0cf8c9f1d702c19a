"""Several targets: the mean over them is judged, each by itself in a family of its own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import BASE, MadeRun, shifted
from scipy import stats

from nearfar.analysis.row_scores import KeptScores
from nearfar.analysis.statistics import holm
from nearfar.metrics import METRICS
from nearfar.records import Record

TARGETS = ("height", "weight")
MOVED = {"RnC": (-0.2, 0.15), "SupCon": (-0.1, -0.12), "mean": (2.0, 2.2)}
"""By how much of the baseline each arm moves each target."""


def run(**study: Any) -> MadeRun:
    """Arms whose errors are about the baseline's, moved by target, and the mean over these."""
    made = MadeRun(**study)
    arms = {"L1": (0.0, 0.0), **MOVED}
    for name, moves in arms.items():
        columns = [shifted(by, 0.004 * k) for k, by in enumerate(moves, start=1)]
        pretrained = name not in {"L1", "mean"}
        for target, values in zip(TARGETS, columns, strict=True):
            made.arm(name, values, target=target, pretrained=pretrained)
        means = np.mean(columns, axis=0).tolist()
        made.arm(name, means, target="all targets", pretrained=pretrained)
    made.records = [r for r in made.records if r.target != "all targets" or r.unit == "z"]
    return made


def comparisons(summary: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(c["arm"], c["target"]): c for c in summary["comparisons"]}


def test_the_mean_and_each_target_are_two_families() -> None:
    found = comparisons(run().summary())
    families = {"question": ["all targets"], "each target": list(TARGETS)}
    for (family, names), count in zip(families.items(), (3, 6), strict=True):
        mine = [c for (_, target), c in found.items() if target in names]
        assert {c["family"] for c in mine} == {family}
        assert len(mine) == count
        assert [c["p_holm"] for c in mine] == pytest.approx(holm([c["p"] for c in mine]))
        assert all(f"over {count} comparisons" in c["reason"] for c in mine)


def test_the_verdict_of_the_mean_may_differ_from_that_of_a_target() -> None:
    found = comparisons(run().summary())
    assert [found["RnC", target]["verdict"] for target in TARGETS] == ["better", "worse"]
    assert found["SupCon", "all targets"]["verdict"] == "better"
    assert found["RnC", "all targets"]["difference"] == pytest.approx(
        np.mean([found["RnC", target]["difference"] for target in TARGETS])
    )
    assert found["RnC", "all targets"]["original"] is None
    assert found["RnC", "height"]["original"]["unit"] == "log mol/L"


def test_the_answer_and_the_claims_go_by_the_mean_alone() -> None:
    claims = [{"claim": "both help", "arms": ["RnC", "SupCon"], "expect": "better"}]
    summary = run(claims=claims).summary()
    assert summary["target"] == "all targets"
    assert summary["answer"].startswith("Use SupCon: its mean test MAE over all targets, 0.227 z")
    assert " On test MAE over all targets, each of the two pre-trained arms" in summary["answer"]
    assert summary["recommended"]["target"] == "all targets"
    assert "comparisons of" not in summary["answer"], "one verdict an arm, not one a target"
    judged = {
        c["arm"]: c["verdict"] for c in summary["comparisons"] if c["target"] == "all targets"
    }
    (claim,) = summary["claims"]
    assert claim["reason"].count("RnC") == 1
    expected = {"better"} == {judged["RnC"], judged["SupCon"]}
    assert (claim["verdict"] == "supported") is expected
    assert sum("comparisons (Holm): question (3)." in note for note in summary["notes"]) == 1


def test_the_margin_and_published_numbers_are_of_the_mean() -> None:
    entry = {"arm": "L1", "provenance": "p", "unit": "z", "test": {"mae": 0.25}}
    published = [entry, {**entry, "target": "weight"}]
    summary = run(published=published).summary()
    first, second = summary["published"]
    weight = shifted(0.0, 0.008)
    assert second["measured"] == pytest.approx(np.mean(weight))
    assert first["measured"] == pytest.approx((np.mean(shifted(0.0, 0.004)) + np.mean(weight)) / 2)
    assert summary["margin"]["size"] == pytest.approx(0.1 * first["measured"])


def test_one_target_is_judged_as_ever() -> None:
    plain = MadeRun().arm("L1", BASE).arm("RnC", shifted(-0.2, 0.004), pretrained=True)
    (only,) = plain.summary()["comparisons"]
    assert (only["target"], only["verdict"]) == ("y", "better")
    assert "over all" not in plain.summary()["answer"]


SCALES = {"height": 10.0, "weight": 5.0}


IDS = [str(i) for i in range(1, 41)]


def kept(folder: Path, metric: str) -> tuple[list[Record], dict[str, list[np.ndarray]]]:
    """Stages of two arms with two targets, their records, and the row scores in z units by seed."""
    random = np.random.default_rng(0)
    truth = {target: random.normal(size=40) * scale for target, scale in SCALES.items()}
    records, scores = [], {}
    rule = METRICS[metric]
    assert rule.row_scores is not None
    for arm, spread in (("L1", 0.3), ("RnC", 0.25)):
        for seed in range(3):
            lines, rows, values = ["id,split,target,truth,prediction"], [], []
            for target, scale in SCALES.items():
                guess = truth[target] + random.normal(size=40) * spread * scale
                pairs = np.column_stack([truth[target], guess]).tolist()
                lines += [f"{i},test,{target},{a!r},{b!r}" for i, (a, b) in enumerate(pairs, 1)]
                value = rule.value(truth[target], guess)
                rows.append(rule.row_scores(truth[target], guess) / scale)
                values.append(value / scale)
                for unit, number in (("z", value / scale), ("target", value)):
                    place = (arm, seed, "", "test", target, metric, unit)
                    records.append(Record(*place, number, f"{arm}{seed}"))
            mean = (arm, seed, "", "test", "all targets", metric, "z")
            records.append(Record(*mean, float(np.mean(values)), f"{arm}{seed}"))
            scores.setdefault(arm, []).append(np.mean(rows, axis=0))
            (folder / f"{arm}{seed}").mkdir()
            (folder / f"{arm}{seed}" / "predictions.csv").write_text("\n".join(lines))
    return records, scores


@pytest.mark.parametrize("metric", ["mae", "rmse"])
def test_on_a_fixed_split_a_row_counts_by_its_mean_over_the_targets(
    tmp_path: Path, metric: str
) -> None:
    records, scores = kept(tmp_path, metric)
    found = KeptScores(tmp_path, records, metric, IDS)
    for arm, by_seed in scores.items():
        tested = found.tested(arm, "", "all targets")
        assert tested is not None
        for seed, expected in enumerate(by_seed):
            assert tested[seed].rows.tolist() == list(range(40))
            np.testing.assert_allclose(tested[seed].scores, expected, rtol=1e-6)

    made = MadeRun(metric, resplit=False)
    made.study["arms"] = {"L1": {}, "RnC": {}}
    made.records = records
    judged = comparisons(made.summary(scores=found))["RnC", "all targets"]
    differences = np.array(scores["RnC"]) - np.array(scores["L1"])
    shared = np.cov(differences) / 40
    own, persists = np.trace(shared) / 3, shared[np.triu_indices(3, 1)].mean()
    training = max(0.0, differences.mean(axis=1).var(ddof=1) - (own - persists))
    error = np.sqrt(persists + (own - persists) / 3 + training / 3)
    half = stats.t.ppf(0.975, judged["df"]) * error
    assert judged["difference"] == pytest.approx(differences.mean(), rel=1e-5)
    assert judged["error"] == pytest.approx(error, rel=1e-5)
    assert (judged["low"], judged["high"]) == pytest.approx(
        (differences.mean() - half, differences.mean() + half), rel=1e-5
    )


def test_the_mean_is_not_tested_where_a_target_has_no_rows(tmp_path: Path) -> None:
    records, _ = kept(tmp_path, "mae")
    path = tmp_path / "RnC1" / "predictions.csv"
    lines = [line for line in path.read_text().splitlines() if ",weight," not in line]
    path.write_text("\n".join(lines))
    found = KeptScores(tmp_path, records, "mae", IDS)
    assert found.tested("RnC", "", "height") is not None
    assert found.tested("RnC", "", "all targets") is None
    made = MadeRun(resplit=False)
    made.study["arms"] = {"L1": {}, "RnC": {}}
    made.records = records
    judged = comparisons(made.summary(scores=found))
    assert judged["RnC", "height"]["p"] is not None
    assert judged["RnC", "all targets"]["p"] is None
    assert judged["RnC", "all targets"]["reason"].startswith("no test: ")


def test_a_claim_about_a_mean_over_conditions_is_judged_by_it() -> None:
    made = MadeRun(
        claims=[
            {
                "claim": "it helps whatever the noise",
                "arms": ["RnC"],
                "expect": "better",
                "condition": "label_noise=*",
            }
        ]
    )
    for condition in ("label_noise=0.1", "label_noise=0.4"):
        made.arm("L1", BASE, condition=condition)
        made.arm("RnC", shifted(-0.2, 0.004), condition=condition, pretrained=True)
    (claim,) = made.summary()["claims"]
    assert claim["verdict"] == "supported"
