"""What a study file may say of its source."""

import pytest
import yaml
from pydantic import ValidationError

from nearfar.study.published import Claim, Published, unknown_arms

ENTRY = """
arm: L1
provenance: one unseeded split
unit: z
test: {mae: 0.247, rmse: 0.326}
validation: {mae: 0.224}
"""


def test_the_compact_form_gives_every_number_with_its_split() -> None:
    entry = Published.model_validate(yaml.safe_load(ENTRY))
    assert list(entry.numbers()) == [
        ("test", "test", "mae", 0.247),
        ("test", "test", "rmse", 0.326),
        ("validation", "validation", "mae", 0.224),
    ]
    beside = Published.model_validate({**yaml.safe_load(ENTRY), "validation_beside": "test"})
    assert ("validation", "test", "mae", 0.224) in list(beside.numbers())


def test_a_dump_reads_back_the_same() -> None:
    entry = Published.model_validate(yaml.safe_load(ENTRY))
    claim = Claim(claim="A beats B", arms=["A"], expect="better")
    assert Published.model_validate(entry.model_dump(mode="json")) == entry
    assert Claim.model_validate(claim.model_dump(mode="json")) == claim


def test_conditions_are_put_in_the_order_of_the_records() -> None:
    entry = Published.model_validate({**yaml.safe_load(ENTRY), "condition": "noise=0.1; labels=1"})
    assert entry.condition == "labels=1;noise=0.1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test": {"maee": 0.2}}, "unknown metric 'maee'; did you mean 'mae'"),
        ({"test": {}, "validation": {}}, "has no number"),
        ({"unit": "years"}, "'z' or 'own'"),
        ({"provenance": ""}, "at least 1 character"),
        ({"source": "a paper"}, "Extra inputs"),
        ({"condition": "labels"}, "not axis=value pairs"),
        ({"test": {"mae": float("nan")}}, "finite"),
    ],
)
def test_mistakes_in_published_numbers(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Published.model_validate({**yaml.safe_load(ENTRY), **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arms": []}, "at least 1 item"),
        ({"expect": "faster"}, "'better', 'worse' or 'same'"),
        ({"against": "A"}, "compares arm 'A' with itself"),
        ({"claim": ""}, "at least 1 character"),
    ],
)
def test_mistakes_in_claims(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Claim.model_validate({"claim": "A wins", "arms": ["A"], "expect": "better", **change})


def test_the_word_that_same_was_called_by_before_is_read() -> None:
    claim = Claim.model_validate({"claim": "A is as good", "arms": ["A"], "expect": "equivalent"})
    assert claim.expect == "same"


def test_arms_that_the_study_does_not_have_are_named() -> None:
    entry = Published.model_validate({**yaml.safe_load(ENTRY), "arm": "L11"})
    claim = Claim(claim="c", arms=["RnC", "X"], expect="better", against="Y")
    found = unknown_arms([entry], [claim], ["L1", "RnC"])
    assert [line.split(";")[0] for line in found] == [
        "published.0.arm: no arm is called 'L11'",
        "claims.0.arms: no arm is called 'X'",
        "claims.0.against: no arm is called 'Y'",
    ]
    assert "did you mean 'L1'?" in found[0]
