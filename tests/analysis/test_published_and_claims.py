"""Published numbers beside the measured ones, and what is said of a source's claims."""

import math
from typing import Any

import numpy as np
import pytest
from made_runs import BASE, EASE, LOST, STD, MadeRun, esol, shifted


def test_published_numbers_stand_beside_the_measured_ones() -> None:
    first, second, third = esol().summary()["published"]
    assert first == {
        "arm": "L1", "condition": "", "split": "test", "metric": "mae", "unit": "z",
        "published": 0.247, "measured": pytest.approx(np.mean(BASE)),
        "error_percent": pytest.approx(100 * (np.mean(BASE) - 0.247) / 0.247),
        "provenance": "one unseeded split", "note": "",
    }  # fmt: skip
    assert second["measured"] == pytest.approx(1.3 * np.mean(BASE))
    assert (third["split"], third["published"]) == ("validation", 0.224)
    assert third["measured"] == pytest.approx(EASE["validation"] * np.mean(BASE))


def published(run: MadeRun, **entry: Any) -> dict[str, Any]:
    run.study["published"] = [{"arm": "L1", "provenance": "p", "test": {"mae": 0.5}, **entry}]
    (found,) = run.summary()["published"]
    return dict(found)


def test_published_numbers_in_the_targets_own_unit() -> None:
    found = published(esol())
    assert (found["unit"], found["measured"]) == ("log mol/L", pytest.approx(STD * np.mean(BASE)))


def test_published_validation_numbers_beside_our_test_numbers_are_labelled() -> None:
    entry = {"test": {}, "validation": {"mae": 0.3}, "validation_beside": "test", "unit": "z"}
    found = published(esol(), **entry, note="epoch 800")
    assert found["measured"] == pytest.approx(np.mean(BASE))
    assert found["split"] == "validation"
    assert found["note"] == "epoch 800; published on validation rows, measured on test rows"


def test_published_numbers_that_nothing_stands_beside() -> None:
    diverged = MadeRun().arm("L1", [*BASE[:9], LOST])
    found = published(diverged, unit="z")
    assert (found["measured"], found["error_percent"]) == (None, None)
    assert found["note"] == "diverged 1 of 10"
    gap = MadeRun().arm("L1", BASE, others={"rmse": [0.3] * 9 + [math.nan]})
    assert published(gap, unit="z", test={"rmse": 0.3})["measured"] is None
    assert published(esol(), arm="never ran")["measured"] is None
    assert published(esol(), condition="labels=0.1")["measured"] is None
    assert published(esol(), unit="z", test={"mae": 0.0})["error_percent"] is None


def test_efficient_numbers_stand_beside_published_ones_as_another_recipe() -> None:
    full, efficient = esol().summary("full"), esol().summary("efficient")
    assert full["published"]
    for plain, labelled in zip(full["published"], efficient["published"], strict=True):
        note = "; ".join(filter(None, ["another recipe", plain["note"]]))
        assert labelled == {**plain, "note": note}
    assert "Published numbers stand beside its own as those of another recipe." in str(
        efficient["notes"]
    )
    assert "the efficient profile does not repeat the source's recipes; in it, worse: RnC" in str(
        efficient["claims"]
    )
    assert "The efficient profile, with" in efficient["answer"]
    assert "and other recipes" in efficient["answer"]


def test_arms_that_a_profile_leaves_out_are_told() -> None:
    run = esol()
    assert "leaves out" not in str(run.summary("quick")["notes"])
    run.study["left_out"] = ["A", "B"]
    for profile in ("quick", "efficient"):
        assert "It leaves out: A, B." in run.summary(profile)["notes"][0]


def test_quick_numbers_are_never_set_beside_published_ones() -> None:
    summary = esol().summary("quick")
    assert summary["published"] == []
    assert any("not set beside published" in note for note in summary["notes"])
    (claim,) = summary["claims"]
    assert claim["verdict"] == "undecided"
    assert claim["reason"] == (
        "the quick profile does not repeat the source's budgets; in it, worse: RnC"
    )


@pytest.mark.parametrize(
    ("arms", "expect", "verdict", "reason"),
    [
        (["good"], "better", "supported", "better: good"),
        (["bad"], "worse", "supported", "worse: bad"),
        (["near"], "same", "supported", "same: near"),
        (["good", "bad"], "better", "not supported", "better: good; worse: bad"),
        (["good", "near"], "better", "not supported", "better: good; same: near"),
        (["good", "open"], "better", "undecided", "better: good; undecided: open"),
        (["open", "bad"], "better", "not supported", "undecided: open; worse: bad"),
        (["lost"], "better", "undecided", "withheld: lost (diverged 1 of 10)"),
        (["good", "absent"], "better", "undecided", "better: good; not run: absent"),
        (["L1"], "same", "undecided", "not compared: L1 (with itself)"),
    ],
)
def test_claims(arms: list[str], expect: str, verdict: str, reason: str) -> None:
    run = MadeRun(claims=[{"claim": "c", "arms": arms, "expect": expect}]).arm("L1", BASE)
    run.arm("good", shifted(-0.1, 0.005)).arm("bad", shifted(0.1, 0.005))
    run.arm("near", shifted(0.001, 0.0005)).arm("open", shifted(0.0, 0.1))
    run.arm("lost", [*BASE[:9], LOST])
    assert run.summary()["claims"] == [{"claim": "c", "verdict": verdict, "reason": reason}]


def test_a_claim_against_another_arm_adds_its_comparison_in_a_family_of_its_own() -> None:
    claim = {"claim": "c", "arms": ["A"], "expect": "worse", "against": "B"}
    run = MadeRun(claims=[claim]).arm("L1", BASE)
    run.arm("A", shifted(-0.1, 0.005)).arm("B", shifted(-0.2, 0.005))
    summary = run.summary()
    pairs = [(c["arm"], c["against"], c["verdict"]) for c in summary["comparisons"]]
    assert pairs == [("A", "L1", "better"), ("B", "L1", "better"), ("A", "B", "worse")]
    assert summary["claims"][0]["verdict"] == "supported"
    assert "three" not in summary["answer"]
    assert [c["family"] for c in summary["comparisons"]] == ["question", "question", "claims"]
    assert [c["p_holm"] for c in summary["comparisons"][2:]] == [summary["comparisons"][2]["p"]]


def test_a_claim_about_one_condition() -> None:
    about = {"claim": "c", "arms": ["A"], "expect": "better", "condition": "labels=0.5"}
    run = MadeRun(claims=[about, {k: v for k, v in about.items() if k != "condition"}])
    for condition, by in (("labels=0.5", -0.1), ("labels=1.0", 0.1)):
        run.arm("L1", BASE, condition=condition).arm("A", shifted(by, 0.005), condition=condition)
    one, every = run.summary()["claims"]
    assert one == {"claim": "c", "verdict": "supported", "reason": "better: A"}
    assert every["verdict"] == "not supported"
    assert every["reason"] == "better: A (labels=0.5); worse: A (labels=1.0)"
