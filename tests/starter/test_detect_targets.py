"""What the columns to predict mean: numbers, classes or labels, and what the user is told."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nearfar.data.load import load_dataset
from nearfar.data.read.kinds import column_kind
from nearfar.data.read.tables import Table
from nearfar.errors import UserError
from nearfar.starter.asked import checked
from nearfar.starter.detect import detect
from nearfar.starter.detect_targets import far_off, meaning_of
from nearfar.starter.write import write_study
from nearfar.study.load import load_study

Cells = list[Any]


def meaning(cells: Cells, asked: str | None = None, most: int = 0) -> tuple[str, str, str]:
    """The task, what separates labels, and the first fact, of one column ``y``."""
    found = meaning_of(Table("t.csv", {"y": cells}, len(cells)), ["y"], asked, most)
    return found.task, found.options.get("label_separator", ""), found.facts[0]


@pytest.mark.parametrize(
    "cells",
    [
        *(["0", "1", "1"], [0, 1, 0], ["1.0", "0.0"], [True, False, True], ["True", "False", ""]),
        ["0", "1", "1e999"],
    ],
)
def test_a_column_of_0_and_1_is_classes(cells: Cells) -> None:
    task, _, fact = meaning(cells)
    assert task == "classification"
    assert "2 classes" in fact
    assert ("--task regression" in fact) == (not any(str(cell) == "True" for cell in cells))


def test_grades_are_numbers_or_classes_with_a_word_about_the_other() -> None:
    grades = ["1", "2", "3", "5", "4", "3"]
    task, _, fact = meaning(grades)
    assert task == "regression"
    assert "take --task classification" in fact
    task, _, fact = meaning(grades, "classification")
    assert (task, "5 classes" in fact, "--task" in fact) == ("classification", True, False)
    task, _, fact = meaning(grades, most=20)
    assert (task, "--task regression" in fact) == ("classification", True)
    assert meaning(grades, "regression", most=20)[0] == "regression"


@pytest.mark.parametrize(
    ("cells", "sign"),
    [
        (["a;b", "b", "a"], ";"),
        (["a|b|c", "b|c", "a", "c"], "|"),
        (["sea, sky", "sky", "sea"], ","),
        (["cat", "cat dog", "cat dog fox", "dog", "fox"], " "),
        (["c", "c p", "c r", "c p r", "h p", "h r", "h p r", "p r"], " "),
        (["1;2", "2", "1"], ";"),
    ],
)
def test_texts_with_several_labels_are_told(cells: Cells, sign: str) -> None:
    task, found, fact = meaning(cells)
    assert (task, found) == ("multilabel", sign)
    assert "--task classification takes each text as a class" in fact
    assert meaning(cells, "classification")[0] == "classification"


@pytest.mark.parametrize(
    "cells",
    [
        ["New York", "Boston", "San Francisco", "Boston"],
        ["very good", "good", "bad", "very bad"],
        ["red fox", "arctic fox", "red fox"],
        ["strongly agree", "agree", "neither agree nor disagree", "disagree", "strongly disagree"],
        ["satisfied", "dissatisfied", "neither satisfied nor dissatisfied", "very satisfied"],
        ["a;b", "c;d", "a;b"],
        ["Smith, John", "Doe, Jane"],
    ],
)
def test_other_texts_are_classes(cells: Cells) -> None:
    task, sign, _ = meaning(cells)
    assert (task, sign) == ("classification", "")


def test_a_space_between_labels_is_found_where_they_are_asked_for() -> None:
    cells = ["cat", "cat dog", "cat dog fox", "cat dog fox owl"]
    assert meaning(cells)[0] == "classification"
    assert meaning(cells, "multilabel")[:2] == ("multilabel", " ")


@pytest.mark.parametrize(
    ("counts", "task"),
    {
        "digits": ([20, 22, 18, 25], "classification"),
        "a large one is rare": ([40, 30, 20, 12], "regression"),
        "few rows": ([9, 9, 9], "regression"),
        "a gap": ([20, 0, 20, 20], "regression"),
    }.values(),
)
def test_numbers_from_0_on_are_classes_where_none_is_rare(counts: list[int], task: str) -> None:
    cells = [str(k) for k, count in enumerate(counts) for _ in range(count)]
    found, _, fact = meaning(cells)
    assert found == task
    assert ("--task regression takes them as numbers" in fact) == (task == "classification")
    assert meaning([str(int(cell) + 1) for cell in cells])[0] == "regression", "grades"


@pytest.mark.parametrize(
    ("cells", "task"),
    {
        "grades with letters": (["1", "2", "3A", "3B", "0", "5"] * 10, "classification"),
        "grades of a workbook": ([1, 2, "3A", "3B", 0, 5] * 10, "classification"),
        "letters in all": (["1A", "1B", "2A", "2B"] * 10, "classification"),
        "a word": (["1", "2", "3", "T"] * 10, "classification"),
        "a few typos": ([*["1", "2", "3"] * 20, "x", "2-"], "regression"),
        "measurements": ([*map(str, range(40)), *["failed"] * 10], "regression"),
        "fractions": (["0.5", "1.5", "2.5", "x"] * 10, "regression"),
        "limits": (["1", "2", "3", "<1"] * 10, "regression"),
        "one unit": (["1", "2", "3", "5V"] * 10, "regression"),
        "units": (["1", "2", "3", "5 mg", "2 mg"] * 10, "regression"),
        "not known": (["0", "1", "open"] * 10, "regression"),
    }.values(),
)
def test_few_values_that_repeat_are_classes_where_some_are_texts(cells: Cells, task: str) -> None:
    assert meaning(cells)[0] == task
    kind = column_kind("", cells).kind
    assert kind == ("category" if task == "classification" else "number"), "as a feature too"


def test_lists_are_labels() -> None:
    assert meaning([["a"], ["a", "b"], []])[0] == "multilabel"


def test_several_columns_of_0_and_1_are_labels_and_can_be_numbers() -> None:
    table = Table("t.csv", {"a": ["0", "1", ""], "b": ["1", "0", "0"], "c": [0.5, 1.0, 2.0]}, 3)
    assert meaning_of(table, ["a", "b"]).task == "multilabel"
    assert "--task regression takes them as numbers" in meaning_of(table, ["a", "b"]).facts[0]
    assert meaning_of(table, ["a", "b"], "regression").task == "regression"
    assert meaning_of(table, ["a", "c"]).task == "regression"


@pytest.mark.parametrize(
    ("cells", "asked", "message"),
    [
        (["a", "b"], "regression", "t.csv: target 'y' holds text such as 'a', and --task regr"),
        (
            ["$1", "$25"],
            None,
            r"'y': 2 cells hold a number with '\$', such as '\$1': leave the bare",
        ),
        (["50.3 %", "4 %", "9"], "regression", "2 cells hold a number with '%', such as '50.3 %'"),
        (["5 ± 1", "4 ± 0.2", "9"], None, "2 cells hold a number with '±', such as '5 ± 1'"),
        (["(1.5)", "(4)", "9"], None, r"2 cells hold a number with '\(…\)', such as '\(1.5\)'"),
        ([f"{k}/8" for k in range(30)], None, "30 cells hold two numbers, such as '0/8': leave"),
        (["18-25", "26-35"] * 4, "regression", "8 cells hold two numbers, such as '18-25': leave"),
        (["<5", "<=7", "8"], None, "2 cells are limits and no values, such as '<5': leave bare"),
        (["a", "b"], "multilabel", "t.csv: target 'y' has one label a row, such as 'a': .*;b"),
        (["a", "b"], "clasification", "--task clasification: did you mean .*classification"),
        (["", None], None, "t.csv: column 'y' is empty"),
    ],
)
def test_mistakes_are_told_in_a_line(cells: Cells, asked: str | None, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        meaning(cells, asked)
    assert len(str(caught.value).splitlines()) == 1


def test_a_column_is_empty_because_rows_have_too_many_fields() -> None:
    table = Table("t.csv", {"y": [None, None]}, 2, ragged=dict.fromkeys((0, 1), "4 fields"))
    with pytest.raises(UserError, match=r"is empty: all 2 rows cannot be used; t.csv, row 1: 4 fi"):
        meaning_of(table, ["y"])


def test_few_ranges_are_classes() -> None:
    assert meaning(["18-25", "26-35", "36-50"] * 5)[0] == "classification"


def rare(path: Path, names: tuple[str, str], rows: int = 400, share: float = 0.04) -> None:
    draw = np.random.default_rng(0)
    few = draw.random(rows) < share
    lines = ["a,b,y"]
    for some in few:
        x = draw.normal(size=2) + 2 * some
        lines.append(f"{x[0]:.3f},{x[1]:.3f},{names[int(some)]}")
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("names", "positive"), [(("0", "1"), None), (("inactive", "active"), "active")]
)
def test_a_rare_class_is_looked_for_by_a_metric_that_sees_it(
    names: tuple[str, str], positive: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rare(tmp_path / "t.csv", names)
    path, facts = write_study(Path("t.csv"), ["y"])
    study = load_study(str(path)).study
    assert study.metric == "average_precision"
    assert (study.data.task, study.data.positive) == ("classification", positive)
    dataset = detect("t.csv", ["y"], tmp_path).dataset
    assert dataset.classes == names
    assert dataset.targets.sum() < 40, "the second class is the rare one"
    warned = [fact for fact in facts if "fewer than 20" in fact]
    assert len(warned) == int(dataset.targets.sum() < 20)
    assert all(f"'{names[1]}' {int(dataset.targets.sum())}" in fact for fact in warned)
    assert warned


def test_the_task_can_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rare(tmp_path / "t.csv", ("0", "1"), share=0.4)
    path, _ = write_study(Path("t.csv"), ["y"], Path("n.yaml"), "regression")
    assert load_study(str(path)).study.data.task == "regression"
    assert load_study(str(path)).study.metric == "mae"
    path, facts = write_study(Path("t.csv"), ["y"], Path("c.yaml"))
    assert load_study(str(path)).study.metric == "balanced_accuracy"
    assert not any("fewer than 20" in fact for fact in facts)


def test_a_row_without_labels_is_told_and_can_be_one_that_has_none(tmp_path: Path) -> None:
    texts = ["a;b", "b", "", "a;c"] * 10
    lines = [f"{k / 7:.3f},{text}" for k, text in enumerate(texts)]
    (tmp_path / "t.csv").write_text("\n".join(["x,tags", *lines]), encoding="utf-8")
    found = detect(str(tmp_path / "t.csv"), ["tags"], tmp_path)
    assert len(found.dataset) == 30
    assert any("careful: 10 rows name no label" in fact for fact in found.facts)
    given = checked({"missing": ["NA"]})
    found = detect(str(tmp_path / "t.csv"), ["tags"], tmp_path, None, given)
    assert len(found.dataset) == 40
    assert found.dataset.targets.sum(axis=1).tolist() == [2, 1, 0, 2] * 10
    assert not any("careful" in fact for fact in found.facts)
    again = load_dataset(found.data, tmp_path)
    assert again.digest == found.dataset.digest


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            [1e9, *np.linspace(-5, 5, 30)],
            "careful: one value, 1e+09, is far from all others (-5 to",
        ),
        (
            [-1e5, *np.linspace(3, 5, 30)],
            "careful: one value, -100000, is far from all others (3 to",
        ),
        ([1e9, 1e9, *np.linspace(-5, 5, 30)], ""),
        ([60.0, *np.linspace(-5, 5, 30)], ""),
        (np.random.default_rng(0).lognormal(0, 2, 500).tolist(), ""),
        (np.random.default_rng(0).standard_cauchy(200).tolist(), ""),
        ([9.0, *np.linspace(0, 0.1, 5)], ""),
        ([9.0] + [1.0] * 30, ""),
    ],
)
def test_one_value_far_from_all_others_is_told(values: list[float], told: str) -> None:
    found = far_off(values)
    assert found.removeprefix("; ").startswith(told) if told else found == ""
    assert found == far_off(values[::-1])
