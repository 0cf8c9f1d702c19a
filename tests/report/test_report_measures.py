"""The table of representation measures: what it says, what it marks, and where it is left out."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from reading import Elements, page_data

from nearfar.metrics import MEASURES, labels
from nearfar.report import write_report
from nearfar.report.load import Run, read_run
from nearfar.report.page.sections.representations import (
    best_means,
    representations_section,
)
from nearfar.report.wording import mean_std

WITHOUT_FEATURES = {"predict the mean", "fingerprints, forest"}


def section(page: str) -> str:
    found = page.partition('<section id="representations">')[2]
    return found.partition("</section>")[0]


@pytest.fixture
def copied(finished_run: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished_run.parent, tmp_path / "runs")
    return tmp_path / "runs" / finished_run.name


def summary_of(run: Path) -> Any:
    return json.loads((run / "summary.json").read_text(encoding="utf-8"))


def rewritten(run: Path, summary: Any) -> Run:
    (run / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return read_run(run)


def test_the_table_says_what_the_summary_says(finished_run: Path, page: str) -> None:
    table = Elements(section(page))
    assert [cell.split(" | ")[0] for cell in table.row("arm")[1:]] == [
        MEASURES[name].label for name in MEASURES
    ]
    for arm in summary_of(finished_run)["arms"]:
        entries = {m["metric"]: m for m in arm["metrics"] if m["split"] == "test"}
        if arm["arm"] in WITHOUT_FEATURES:
            assert not any(row and row[0].startswith(arm["arm"]) for row in table.rows)
            continue
        cells = table.row(arm["arm"])[1:]
        expected = [mean_std(entries[name]) for name in MEASURES]
        assert [cell.removeprefix("✓ ") for cell in cells] == expected
    assert table.row("RnC(L2)") == ["RnC(L2) | diverged 1 of 3", *"–––––"]


def test_the_best_mean_of_each_measure_is_marked(page: str) -> None:
    marks = {
        row[0]: [cell.startswith("✓") for cell in row[1:]]
        for row in Elements(section(page)).rows
        if any(cell.startswith("✓") for cell in row[1:])
    }
    assert marks == {
        "RnC AdamW": [True, True, True, False, False],
        "untrained encoder": [False, False, False, True, False],
    }


def test_equal_means_share_the_mark_and_conditions_have_their_own(copied: Path) -> None:
    summary = summary_of(copied)
    half = {"condition": "labels=0.5"}
    summary["arms"][2:] = [arm | half for arm in summary["arms"][4:6]]
    means = {"higher": [0.4, 0.40001, 0.2, 0.1], "lower": [-2.0, 3.0, None, 5.0]}
    for place, arm in enumerate(summary["arms"]):
        changed = {"label_correlation": means["higher"], "uniformity": means["lower"]}
        arm["metrics"] = [
            m | {"mean": changed[m["metric"]][place]} if m["metric"] in changed else m
            for m in arm["metrics"]
        ]
    run = rewritten(copied, summary)
    assert best_means(run, "label_correlation") == {
        "L1",
        "RnC(L1)+freeze",
        "RnC(Huber) · labels=0.5",
    }
    assert best_means(run, "uniformity") == {"L1"}
    assert best_means(run, "effective_rank") == set()


def test_of_many_conditions_one_is_shown_and_named(copied: Path) -> None:
    summary = summary_of(copied)
    conditions = ["labels=1;severity=0", "labels=1;severity=2", "labels=1;severity=4"]
    arms = [arm for arm in summary["arms"] if arm["arm"] not in WITHOUT_FEATURES]
    summary["arms"] = [arm | {"condition": c} for arm in arms for c in conditions]
    assert " under " not in representations_section(rewritten(copied, summary))
    summary["reference"] = conditions[1]
    html = representations_section(rewritten(copied, summary))
    assert "arrange test rows under severity=2, measured" in html
    assert html.count("<tr data-arm=") == len(arms)


def test_all_metrics_do_not_repeat_the_measures(page: str) -> None:
    details = page.partition("<summary>All metrics</summary>")[2].partition("</details>")[0]
    assert "RMSE" in details
    for name in MEASURES:
        assert labels()[name] not in details


def test_every_measure_is_explained_for_numbers_and_for_classes(page: str, copied: Path) -> None:
    html = section(page)
    for name, words in MEASURES.items():
        assert f"<dt>{labels()[name]}</dt><dd>{words.of_numbers}</dd>" in html
    summary = summary_of(copied)
    summary["classes"] = ["x", "y"]
    html = representations_section(rewritten(copied, summary))
    for words in MEASURES.values():
        assert words.of_classes in html


def test_the_plot_has_the_values_of_every_seed(finished_run: Path, page: str) -> None:
    data = page_data(page)
    own = data["panels"]["representations"]
    assert own["better"] == {name: words.better for name, words in MEASURES.items()}
    for arm, drawn in zip(summary_of(finished_run)["arms"], own["values"], strict=True):
        expected = {m["metric"]: m["values"] for m in arm["metrics"] if m["metric"] in MEASURES}
        assert drawn == expected
        assert bool(expected) == (arm["arm"] not in WITHOUT_FEATURES)


@pytest.mark.parametrize(("arms", "there"), [(0, False), (1, False), (2, True)])
def test_it_takes_two_arms_to_set_them_side_by_side(copied: Path, arms: int, there: bool) -> None:
    summary = summary_of(copied)
    for arm in summary["arms"][arms:]:
        arm["metrics"] = [m for m in arm["metrics"] if m["metric"] not in MEASURES]
    page = write_report(rewritten(copied, summary).folder).read_text(encoding="utf-8")
    assert bool(section(page)) is there
    assert ('<a href="#representations">' in page) is there
    assert ("representations" in page_data(page)["panels"]) is there
