"""Panels in a real browser: what their scripts draw, and one of a user's own."""

from pathlib import Path

import pytest
from browsing import Open, tip_at
from test_report_page import HOSTILE
from test_report_panels import SCRIPT, many_conditions

from nearfar.report import write_report
from nearfar.report.load import read_run
from nearfar.report.page.page import render
from nearfar.report.page.panel import Section
from nearfar.report.page.panels import PANELS


def test_the_chart_of_conditions_follows_the_arms_and_says_its_numbers(
    load: Open, finished_run: Path, tmp_path: Path
) -> None:
    browser = load(write_report(many_conditions(finished_run, tmp_path).folder))

    def count(css: str) -> int:
        return len(browser.find_elements("css selector", css))

    lines = "#conditions-plots path.stroke:not(.interval)"
    assert (count("#conditions-legend .key"), count(lines)) == (7, 7)
    browser.find_elements("css selector", "#chips .chip")[0].click()
    assert (count("#conditions-legend .key"), count(lines)) == (6, 6)
    mark = browser.find_elements("css selector", "#conditions-plots path.ink")[-1]
    tip = tip_at(browser, mark)
    cells = [cell.text for cell in tip.find_elements("css selector", "td")]
    assert cells[::2] == ["at", "test MAE", "95% interval"]
    assert cells[1] == HOSTILE[0]


def test_a_panel_of_ones_own_is_drawn(load: Open, finished_run: Path, tmp_path: Path) -> None:
    script = tmp_path / "lines.js"
    script.write_text(SCRIPT, encoding="utf-8")
    own = Section("lines", "Lines", "Lines", lambda _: "<p></p>", lambda _: {"count": 7}, script)
    path = tmp_path / "report.html"
    path.write_text(render(read_run(finished_run), [*PANELS, own]), encoding="utf-8")
    browser = load(path)
    assert browser.find_element("css selector", "#lines .drawn").text == "7 arms"
    assert browser.find_elements("css selector", "#embedding-plots .panel")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_one_percent_of_a_bar_is_seen(
    load: Open, finished_run: Path, tmp_path: Path, width: int, scheme: str
) -> None:
    run = read_run(finished_run)
    run.summary["comparisons"][0] |= {"p_better": 0.01, "p_same": 0.98, "p_worse": 0.01}
    path = tmp_path / "report.html"
    path.write_text(render(run), encoding="utf-8")
    browser = load(path, width=width, scheme=scheme)
    bar = browser.find_element("css selector", "#results td.chances .bar")
    assert bar.get_attribute("title") == "better 1.0%, no relevant difference 98.0%, worse 1.0%"
    parts = bar.find_elements("css selector", "rect")
    widths = [part.rect["width"] for part in parts]
    assert widths[0] == pytest.approx(widths[2])
    assert min(widths) >= 2
    assert sum(widths) == pytest.approx(bar.rect["width"], rel=0.04)
    assert bar.rect["width"] >= 80
    colours = [part.value_of_css_property("fill") for part in parts]
    assert len(set(colours)) == 3


def test_the_plot_of_seeds_has_room_for_its_longest_word(
    load: Open, finished_run: Path, tmp_path: Path
) -> None:
    run = read_run(finished_run)
    for comparison in run.summary["comparisons"]:
        comparison["verdict"] = "same"
    path = tmp_path / "report.html"
    path.write_text(render(run), encoding="utf-8")
    browser = load(path, width=1280)
    plot = browser.find_elements("css selector", "#seeds-plots .plot")[1]
    edge = plot.rect["x"] + plot.rect["width"]
    words = [t for t in plot.find_elements("css selector", "text") if t.text.startswith("≈")]
    assert {word.text for word in words} == {"≈ no relevant difference"}
    for word in words:
        assert word.rect["x"] + word.rect["width"] <= edge


@pytest.mark.parametrize(("width", "is_there"), [(390, True), (1280, False)])
def test_verdicts_stand_beside_arms_where_the_page_is_narrow(
    load: Open, finished_run: Path, page: str, width: int, is_there: bool
) -> None:
    assert page
    browser = load(finished_run / "report.html", width=width)
    beside = browser.find_elements("css selector", "#results table.results th .verdict")
    assert len(beside) >= 8
    for mark in beside:
        assert mark.is_displayed() is is_there
        assert not is_there or mark.rect["x"] + mark.rect["width"] < width


def test_the_name_of_an_axis_lies_on_no_number(load: Open, finished_run: Path, page: str) -> None:
    assert page
    browser = load(finished_run / "report.html", width=1280)
    words = browser.find_elements("css selector", "#predictions-plots .panel:first-child text")
    (name,) = [word for word in words if word.text == "predicted"]
    mine = name.rect
    for other in words:
        box = other.rect
        across = box["x"] < mine["x"] + mine["width"] and mine["x"] < box["x"] + box["width"]
        down = box["y"] < mine["y"] + mine["height"] and mine["y"] < box["y"] + box["height"]
        assert other == name or not (across and down)
