"""Panels in a real browser: what their scripts draw, and one of a user's own."""

from pathlib import Path

from browsing import Open, move_to, tip_that_comes
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
    move_to(browser, mark)
    tip = tip_that_comes(browser)
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
