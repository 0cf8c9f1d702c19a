"""The registry of panels: what it takes to add one, and that none knows of another."""

import json
import re
import shutil
from pathlib import Path

import pytest
from reading import Elements, page_data
from test_report_page import HOSTILE

from nearfar.report.load import Run, read_run
from nearfar.report.page.page import render
from nearfar.report.page.panel import ASSETS, PageContext, Section
from nearfar.report.page.panels import PANELS

SCRIPT = """
const COLOURS = "a name that other scripts have too";
nearfar.panel("lines", (root, own) => {
  root.append(element("p", { class: "drawn" }, `${own.count} arms`));
});
"""


def many_conditions(finished_run: Path, folder: Path) -> Run:
    """Every arm under four conditions; one is hostile to markup."""
    shutil.copytree(finished_run.parent, folder / "runs")
    run = folder / "runs" / finished_run.name
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    conditions = [f"severity={value}" for value in (0, 1, 2, HOSTILE[0])]
    summary["arms"] = [arm | {"condition": c} for arm in summary["arms"] for c in conditions]
    summary["comparisons"] = [
        entry | {"condition": c} for entry in summary["comparisons"] for c in conditions
    ]
    summary["reference"] = conditions[0]
    (run / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return read_run(run)


@pytest.fixture
def lines(tmp_path: Path) -> Section:
    """A made-up panel: one Python value and one script."""
    script = tmp_path / "lines.js"
    script.write_text(SCRIPT, encoding="utf-8")

    def body(page: PageContext) -> str:
        return "<p>As many lines as arms.</p>" if len(page.run.arms) > 1 else ""

    def data(page: PageContext) -> dict[str, int]:
        return {"count": len(page.run.arms)}

    return Section("lines", "Lines", "A line <each>", body, data, script)


def test_one_more_line_adds_a_panel(finished_run: Path, lines: Section) -> None:
    page = render(read_run(finished_run), [*PANELS[:2], lines, *PANELS[2:]])
    section = '<section id="lines"><h2>A line &lt;each&gt;</h2><p>As many lines as arms.</p>'
    assert section in page
    assert page.index('id="arms"') < page.index(section) < page.index('<section id="seeds">')
    assert '<a href="#lines">Lines</a>' in page
    assert page_data(page)["panels"]["lines"] == {"count": 10}
    assert SCRIPT in page


def test_a_panel_with_nothing_to_say_leaves_no_trace(finished_run: Path, lines: Section) -> None:
    run = read_run(finished_run)
    run.summary["arms"] = run.summary["arms"][:1]
    page = render(run, [*PANELS, lines])
    assert "lines" not in page_data(page)["panels"]
    assert "#lines" not in page
    assert SCRIPT not in page


def test_panels_have_names_and_scripts_of_their_own() -> None:
    names = [panel.id for panel in PANELS]
    assert len(set(names)) == len(names)
    for panel in PANELS:
        if panel.script is not None:
            text = panel.script.read_text(encoding="utf-8")
            assert re.findall(r'nearfar\.panel\("(\w+)"', text) == [panel.id]
    used = {panel.script.name for panel in PANELS if panel.script is not None}
    for path in ASSETS.iterdir():
        if "nearfar.panel(" in path.read_text(encoding="utf-8"):
            assert path.name in used


def test_charts_of_conditions_are_data_and_tables_remain(
    finished_run: Path, tmp_path: Path
) -> None:
    run = many_conditions(finished_run, tmp_path)
    page = render(run)
    (chart,) = page_data(page)["panels"]["conditions"]
    assert (chart["axis"], chart["values"]) == ("severity", ["0", "1", "2", HOSTILE[0]])
    series = {one["arm"]: one for one in chart["series"]}
    assert "predict the mean" not in series, "controls stand in the table alone"
    for one in series.values():
        assert [run.arms[place]["arm"] for place in one["of"]] == [one["arm"]]
    entry = next(m for m in run.arms[0]["metrics"] if (m["split"], m["metric"]) == ("test", "mae"))
    expected = [entry["mean"], entry["low"], entry["high"]]
    assert series["L1"]["points"] == [pytest.approx(expected)] * 4
    section = page.partition('<section id="conditions">')[2].partition("</section>")[0]
    assert "<svg" not in section
    assert Elements(section).row("predict the mean")
    assert "img" not in [tag for tag, _ in Elements(page).tags]
