"""What README.md of an exported model says, where names and numbers are odd."""

import pytest

from nearfar.report.card import CardFacts, model_card


def card(*classes: str, note: str = "") -> str:
    facts = CardFacts(
        arm="logit",
        condition="",
        study="mine",
        task="classification",
        kind="vector",
        targets=["y"],
        unit="target",
        classes=classes,
        columns=["a", "b"],
        shape=None,
        encoder="identity",
        head="logistic",
        seeds=[0, 1, 2],
        versions={},
    )
    entry = {"split": "test", "target": "y", "unit": "", "mean": 0.9, "std": 0.0, "n": 3}
    names = ("accuracy", "top3_accuracy")
    metrics = [{**entry, "metric": name, "low": None, "high": None} for name in names]
    arm = {"arm": "logit", "condition": "", "metrics": metrics}
    summary = {"arms": [arm], "metric": "accuracy", "answer": note, "notes": [note]}
    return model_card(facts, summary)


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_the_first_three_are_told_where_there_are_more(classes: int) -> None:
    assert ("top-3" in card(*map(str, range(classes)))) is (classes > 3)


def test_names_from_data_are_no_tags_and_stay_on_their_line() -> None:
    said = card("a\nb", "<i>c</i>", note="rows of <i>c</i> and a\nb")
    assert "`a\\nb`, `<i>c</i>`" in said
    assert "* rows of &lt;i&gt;c&lt;/i&gt; and a\\nb" in said
    assert "rows of <i>" not in said
