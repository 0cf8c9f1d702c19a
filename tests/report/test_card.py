"""What README.md of an exported model says, where names and numbers are odd."""

import itertools

import pytest
import yaml
from markdown_it import MarkdownIt

from nearfar.report.card import CardFacts, model_card
from nearfar.report.markdown import cell, code, plain

ODD = [
    "`</code><img src=x onerror=alert(1)>`",
    "a\n\n<script>x</script>",
    "[x](javascript:alert(1))",
    "![x](http://y/z.png)",
    "**b** _c_ ~~d~~ __e__",
    "a|b",
    "a\\|b",
    "# x",
    "1. x",
    "- x",
    "---",
    "``",
    "`",
    "c\\",
    "&lt;b&gt;",
    "x < 3",
]
ORDINARY = ["RnC(L1)", "L1, crop", "a_b", "R²", "log mol/L", "C#", "lr=0.1", "-0.3", "a-b", "x.y"]
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})


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


def read(source: str) -> tuple[str, set[str]]:
    """The text of a line of Markdown as a reader sees it, and the kinds of what marks it up."""
    blocks = MARKDOWN.parse(source)
    inline = [part for block in blocks for part in block.children or ()]
    kinds = {token.type for token in [*blocks, *inline]} - {"inline", "text", "text_special"}
    return "".join(part.content for part in inline), kinds


@pytest.mark.parametrize("name", ODD + ORDINARY)
def test_any_name_is_read_as_it_was_written_and_marks_nothing_up(name: str) -> None:
    line = name.replace("\n", "\\n")
    paragraph = {"paragraph_open", "paragraph_close"}
    assert read(plain(name)) == (line, paragraph)
    assert read("# " + plain(name)) == (line, {"heading_open", "heading_close"})
    assert read(f"so {code(name)}.") == (f"so {line}.", {*paragraph, "code_inline"})
    said, _ = read(f"| a | b |\n| --- | --- |\n| {cell(name)} | end |")
    assert said == f"ab{line}end"


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_names_are_written_as_they_are(name: str) -> None:
    assert plain(name) == cell(name) == name
    assert code(name) == f"`{name}`"


@pytest.mark.parametrize("name", ODD)
def test_a_card_of_odd_names_has_no_tag_link_or_picture(name: str) -> None:
    facts = CardFacts(
        arm=name,
        condition=name,
        study=name,
        task="regression",
        kind="vector",
        targets=[name],
        unit=name,
        classes=[name],
        columns=[name],
        shape=None,
        encoder=name,
        head=name,
        seeds=[0],
        versions={name: "1"},
        folder=f'"{name}',
    )
    entry = {"split": "test", "metric": "mae", "target": name, "unit": name, "mean": 1.0, "n": 5}
    arm = {"arm": name, "condition": name, "metrics": [entry]}
    compared = {"arm": name, "against": name, "condition": name, "family": "question"}
    compared |= {"metric": "mae", "verdict": "better", "bound": name, "reason": name}
    said = model_card(
        facts,
        {
            "question": name,
            "answer": name,
            "notes": [name],
            "rows": {name: 3},
            "arms": [arm],
            "comparisons": [compared],
        },
    )
    _, front, body = said.split("---\n", 2)
    assert yaml.safe_load(front)["model-index"][0]["name"] == name.replace("\n", "\\n")
    blocks = MARKDOWN.parse(body)
    kinds = {token.type for block in blocks for token in (block, *(block.children or ()))}
    assert not kinds & {"html_block", "html_inline", "image", "link_open", "em_open", "s_open"}
    titles = [
        body.content for head, body in itertools.pairwise(blocks) if head.type == "heading_open"
    ]
    assert len(titles) == 6
    (call,) = [block.content for block in blocks if block.type == "fence"]
    compile(call, "card", "exec")
