"""What the page says of tests: chances, families, what to use, what errors consist of."""

import json
import re
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import pytest
from make_comparisons import MARGIN, TRAININGS
from make_run import ARMS, make_run
from reading import Elements
from some_molecules import Molecules
from test_report_page import HOSTILE
from test_report_panels import many_conditions

from nearfar.report.load import read_run, within
from nearfar.report.page.bars import LEAST, bar
from nearfar.report.page.explained import margin_sentence
from nearfar.report.page.page import render
from nearfar.report.page.sections.results import results_table
from nearfar.report.page.sections.uncertainty import shares_of, uncertainty_section
from nearfar.report.wording import chance_words, whole_percents


def _summary(run: Path) -> Any:
    return json.loads((run / "summary.json").read_text(encoding="utf-8"))


def _page(run: Path, **changes: Any) -> str:
    """The page of a run whose summary has other keys."""
    read = read_run(run)
    read.summary.update(changes)
    return render(read)


def _section(page: str, name: str) -> str:
    return page.partition(f'<section id="{name}">')[2].partition("</section>")[0]


def _bars(html: str) -> list[dict[str, str | None]]:
    return [a for tag, a in Elements(html).tags if tag == "span" and a.get("class") == "bar"]


@pytest.mark.parametrize(
    ("shares", "whole"),
    [
        ([0.0, 0.0, 1.0], [0, 0, 100]),
        ([1 / 3, 1 / 3, 1 / 3], [34, 33, 33]),
        ([0.004, 0.841, 0.155], [0, 84, 16]),
        ([0.005, 0.99, 0.005], [1, 99, 0]),
    ],
)
def test_whole_percents_add_up(shares: list[float], whole: list[int]) -> None:
    assert whole_percents(shares) == whole


def test_nothing_is_certain_by_rounding() -> None:
    words = chance_words((0.0004, 0.0, 0.9996))
    assert words == "better <0.1%, no relevant difference 0.0%, worse >99.9%"


def test_a_bar_fills_its_room_and_shows_one_percent() -> None:
    html = bar([("better", 0.01), ("same", 0.989), ("worse", 0.001)], "a < b")
    drawn = re.findall(r'<rect class="(\w+)" x="([\d.]+)" width="([\d.]+)"', html)
    assert [kind for kind, _, _ in drawn] == ["better", "same"]
    (_, first, thin), (_, second, wide) = drawn
    assert (float(first), float(second) > float(thin)) == (0.0, True)
    assert float(thin) == pytest.approx(LEAST, abs=0.1)
    assert float(second) + float(wide) == pytest.approx(100, abs=0.02)
    assert html.count("a &lt; b") == 2
    assert "style" not in html


def test_the_chances_stand_beside_the_interval(finished_run: Path, page: str) -> None:
    section = _section(page, "results").partition("<details")[0]
    tested = {c["arm"]: c for c in _summary(finished_run)["comparisons"] if c["p"] is not None}
    labels = [a["aria-label"] for a in _bars(section)]
    assert labels == [a["title"] for a in _bars(section)]
    expected = [
        chance_words([tested[arm.name][k] for k in ("p_better", "p_same", "p_worse")])
        for arm in ARMS
        if arm.name in tested
    ]
    assert labels == expected
    table = Elements(section)
    for name, c in tested.items():
        shares = [c[k] for k in ("p_better", "p_same", "p_worse")]
        assert table.row(name)[4] == f" | {' · '.join(map(str, whole_percents(shares)))} %"


def test_the_undecided_show_how_large_and_the_decided_how_sure(
    finished_run: Path,
) -> None:
    comparisons = _summary(finished_run)["comparisons"]
    comparisons[0] |= {"verdict": "better", "p_holm": 0.0004}
    page = _page(finished_run, comparisons=comparisons)
    section = _section(page, "results").partition("<details")[0]
    for c in [c for c in comparisons if c["p"] is not None]:
        cell = Elements(section).row(c["arm"])[6]
        if c["verdict"] == "undecided":
            assert cell == f"undecided | {c['bound']}"
        else:
            assert cell == "better | p < 0.001"
        assert f'title="{escape(c["reason"])}"' in section


def test_no_relevant_difference_is_written_out_with_its_margin(finished_run: Path) -> None:
    entries = [c | {"verdict": "same"} for c in _summary(finished_run)["comparisons"]]
    section = _section(_page(finished_run, comparisons=entries), "results")
    cell = Elements(section).row("RnC(L1)")[6]
    assert cell == f"no relevant difference | within ±{MARGIN}"
    assert 'class="verdict same" data-sign="≈"' in section
    sentence = f"whose difference lies within ±{MARGIN} count as the same (less than a tenth"
    assert section.count(sentence) == 2


def test_what_to_use_is_marked_and_what_may_be_best(finished_run: Path, page: str) -> None:
    advice = _summary(finished_run)["recommended"]
    table = _section(page, "results").partition("</table>")[0]
    heads = dict(re.findall(r'<th scope="row"[^>]*>([^<]+)(.*?)</th>', table))
    marked = {name.strip(): marks for name, marks in heads.items()}
    used = [name for name, marks in marked.items() if '<small class="use">use this<' in marks]
    assert used == [advice["arm"]]
    dotted = [name for name, marks in marked.items() if 'aria-label="may be the best"' in marks]
    assert dotted == advice["best"] == ["L1 AdamW", "RnC AdamW"]
    assert "the 2 arms with a dot contain the best one" in _section(page, "results")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"best": []}, "use for now"),
        ({"unbeaten": ["untrained encoder"]}, "use this, if any"),
        ({"condition": "labels=1"}, ""),
    ],
)
def test_a_recommendation_is_no_firmer_than_it_is(
    finished_run: Path, changes: dict[str, Any], word: str
) -> None:
    advice = _summary(finished_run)["recommended"] | changes
    page = _page(finished_run, recommended=advice)
    assert re.findall(r'<small class="use">(.*?)</small>', page) == ([word] if word else [])


def test_twins_are_named_below_the_arm_as_text(finished_run: Path) -> None:
    arms = _summary(finished_run)["arms"]
    arms[0]["also"] = HOSTILE[:2]
    page = _page(finished_run, arms=arms)
    assert "img" not in [tag for tag, _ in Elements(page).tags]
    below = Elements(_section(page, "results")).row("L1")[0].split(" | ")[-1]
    assert below == f"also {', '.join(HOSTILE[:2])}: the same computation in this profile"


def test_comparisons_stand_in_the_families_they_are_adjusted_in(
    finished_run: Path, page: str
) -> None:
    table = _section(page, "results").partition("<summary>All comparisons")[2]
    rows = Elements(table.partition("</table>")[0]).rows
    titles = [row[0] for row in rows if len(row) == 1]
    assert titles == [
        "question: 6 comparisons, the 5 tested ones adjusted together (Holm)",
        "controls: 3 comparisons, adjusted together (Holm)",
    ]
    for c in _summary(finished_run)["comparisons"]:
        row = next(row for row in rows if row[0] == c["arm"])
        if c["p"] is None:
            assert row[4:9] == ["", "–", "–", "–", "–"]
            continue
        for value, cell in ((c["p"], row[5]), (c["p_holm"], row[6])):
            assert cell == (f"{value:.3f}" if value >= 0.001 else "<0.001")
        assert float(row[7].removeprefix("±")) == pytest.approx(c["smallest_margin"], rel=0.01)
        undecided = c["verdict"] == "undecided"
        assert row[8] == (f"about {TRAININGS}" if undecided else "–")


def test_the_hopeless_are_told_from_the_costly(finished_run: Path) -> None:
    entries = _summary(finished_run)["comparisons"]
    entries[0] |= {"trainings_to_decide": None, "undecidable": True}
    entries[1] |= {"trainings_to_decide": 4321}
    section = _section(_page(finished_run, comparisons=entries), "results")
    rows = Elements(section.partition("<summary>All comparisons")[2]).rows
    shown = {row[0]: row[8] for row in rows if len(row) == 10}
    assert shown[entries[0]["arm"]] == "more rows"
    assert shown[entries[1]["arm"]] == "over 1,000"


def test_errors_are_told_apart_by_what_they_consist_of(finished_run: Path, page: str) -> None:
    section = _section(page, "uncertainty")
    comparisons = _summary(finished_run)["comparisons"]
    asked = [c["arm"] for c in comparisons if c["family"] == "question" and c["parts"]]
    table = Elements(section)
    assert [row[0] for row in table.rows[1:]] == asked
    for c in comparisons:
        if c["arm"] not in asked:
            continue
        shares = shares_of(c)
        assert shares is not None
        assert sum(shares) == pytest.approx(1)
        assert shares[0] * c["error"] ** 2 == pytest.approx(1.7 * c["parts"]["rows"])
        assert table.row(c["arm"])[3] == " | 87 · 13 %"
    assert {a["aria-label"] for a in _bars(section)} == {"tested rows 87%, noise of training 13%"}


def test_what_is_not_noise_is_owed_to_rows() -> None:
    parts = {"training": 10.0, "n": 10, "spread": 1.5}
    assert shares_of({"error": 2.0, "parts": parts}) == pytest.approx((0.625, 0.375))
    assert shares_of({"error": 2.0, "parts": parts | {"training": 0.0}}) == (1.0, 0.0)
    assert shares_of({"error": None, "parts": None}) is None
    assert shares_of({"error": 0.0, "parts": parts}) is None


def test_under_many_conditions_arms_are_named_without_the_one_that_stands_for_all(
    finished_run: Path, tmp_path: Path
) -> None:
    run = many_conditions(finished_run, tmp_path)
    for comparison in run.summary["comparisons"]:
        if comparison["condition"] != run.reference:
            comparison["family"] = "along severity"
    rows = Elements(_section(render(run), "uncertainty")).rows[1:]
    asked = [a.name for a in ARMS[1:] if a.group != "control" and a.diverges_at is None]
    assert [row[0] for row in rows] == asked


def test_two_seeds_leave_a_page_without_chances(molecules: Molecules, tmp_path: Path) -> None:
    run = make_run(tmp_path, molecules, ARMS[:3], seeds=2)
    page = _page(run, recommended=None, margin=None)
    assert "use this" not in page.partition("<details><summary>How to read this")[0]
    assert _bars(page) == []
    assert 'id="uncertainty"' not in page
    row = Elements(page).row("RnC(L1)")
    assert row[5] == "undecided | under 3 seeds: no test"
    assert "count as the same" not in page


def test_a_single_target_has_a_table_without_marks(finished_run: Path) -> None:
    run = read_run(finished_run)
    assert "use this" in results_table(run)
    assert "use this" not in results_table(run, run.summary["target"])
    assert uncertainty_section(run)


@pytest.mark.parametrize(
    ("metric", "given", "shown"),
    [
        ("accuracy", (0.93, 1.04), (0.93, 1.0)),
        ("accuracy", (-0.1, 0.4), (0.0, 0.4)),
        ("r2", (-3.0, 1.2), (-3.0, 1.0)),
        ("mcc", (-1.3, 0.2), (-1.0, 0.2)),
        ("mae", (-0.2, 7.0), (0.0, 7.0)),
        ("of_my_own", (-9.0, 9.0), (-9.0, 9.0)),
        ("accuracy", (None, None), (None, None)),
    ],
)
def test_intervals_end_where_the_metric_does(metric: str, given: Any, shown: Any) -> None:
    entry = {"metric": metric, "mean": 0.5, "low": given[0], "high": given[1]}
    found = within(entry)
    assert (found["low"], found["high"]) == shown
    assert (entry["low"], entry["high"]) == given, "what is stored stays"


def test_differences_end_where_two_values_are_farthest_apart() -> None:
    entry = {"metric": "accuracy", "difference": 0.5, "low": -0.2, "high": 1.2}
    assert (within(entry)["low"], within(entry)["high"]) == (-0.2, 1.0)
    of_mae = {"metric": "mae", "difference": -1.0, "low": -3.0, "high": 1.0}
    assert within(of_mae) == of_mae


@pytest.mark.parametrize(
    ("why", "asked"),
    [
        ("the study's own margin", True),
        ("as small as the noise of a known balance", False),
        ("a tenth of the baseline's", False),
    ],
)
def test_only_a_margin_of_the_study_says_what_matters(
    finished_run: Path, why: str, asked: bool
) -> None:
    run = read_run(finished_run)
    told = margin_sentence(replace(run, summary={**run.summary, "margin": {"size": 1, "why": why}}))
    assert told.startswith("A difference that surely lies within ±1") == asked
    assert why in told
