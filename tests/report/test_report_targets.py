"""Pages and tables of runs with several targets: the mean first, then each by itself."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from reading import page_data
from rich.console import Console
from two_targets import SECOND, with_second_target

from nearfar.report import print_summary, write_report
from nearfar.report.load import read_run
from nearfar.report.page.panel import PageContext


@pytest.fixture(scope="module")
def two(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_second_target(finished_run, tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def text(two: Path) -> str:
    return write_report(two).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def summary(two: Path) -> Any:
    return json.loads((two / "summary.json").read_text(encoding="utf-8"))


def numbers(summary: Any, arm: str) -> dict[str, str]:
    """Target → mean test MAE in z units as shown."""
    (found,) = [a for a in summary["arms"] if a["arm"] == arm]
    return {
        m["target"]: f"{m['mean']:.3f}"
        for m in found["metrics"]
        if (m["split"], m["metric"], m["unit"]) == ("test", "mae", "z")
    }


def test_the_first_table_is_of_the_mean_and_one_follows_for_each(text: str, summary: Any) -> None:
    expected = numbers(summary, "L1")
    results = text.split('<section id="results">')[1].split("</table>")[0]
    assert "z-scored, all targets" in results
    assert expected["all targets"] in results
    assert "log mol/L" not in results, "a mean over targets has no unit of its own"
    section = text.split('<section id="targets">')[1].split("</section>")[0]
    titles = re.findall(r"<h3>(.*?)</h3>", section)
    assert titles == ["log solubility", "melting point"]
    first, second = section.split("<h3>melting point</h3>")
    assert expected[summary["targets"][0]] in first
    assert expected[SECOND] in second
    assert expected[SECOND] not in first
    for part in (first, second):
        assert "log mol/L" in part
        assert part.count("<summary>All metrics</summary>") == 1
        assert 'class="verdict' in part


def test_the_rows_of_each_target_are_on_the_page(text: str) -> None:
    data = page_data(text)
    first, second = data["several"]
    assert [first["target"], second["target"]] == ["log solubility", "melting point"]
    assert [round(b - a) for a, b in zip(first["truth"], second["truth"], strict=True)] == [100] * (
        len(first["truth"])
    )
    assert data["rows"]["truth"] == first["truth"]
    assert data["predictions"] == first["predictions"] != second["predictions"]
    assert data["targets"] == ["all targets"]


def test_a_page_of_one_target_has_no_such_section(page: str) -> None:
    assert page_data(page)["several"] == []
    assert 'id="targets"' not in page


def test_all_comparisons_say_of_which_target_they_are(text: str) -> None:
    table = text.split("<summary>All comparisons</summary>")[1].split("</table>")[0]
    rows = table.split("<tr>")[1:]
    for target in ("all targets", "log_solubility", SECOND):
        assert sum(f"<small>{target}</small>" in row for row in rows) == len(rows) // 3


def test_the_terminal_shows_each_target_beside_the_other(two: Path, summary: Any) -> None:
    out = io.StringIO()
    print_summary(two, Console(file=out, width=100, color_system=None, force_terminal=True))
    lines = out.getvalue().splitlines()
    place = next(i for i, line in enumerate(lines) if line.strip() == "each target")
    head = next(line for line in lines[place:] if SECOND in line)
    assert "log_solubility" in head
    (row,) = [line for line in lines[place:] if line.strip().startswith("L1  ")]
    expected = numbers(summary, "L1")
    assert re.findall(r"(\d\.\d{3}) ±", row) == [expected["log_solubility"], expected[SECOND]]
    assert max(map(len, lines)) <= 100


def test_more_targets_than_fit_are_left_to_the_page(two: Path, tmp_path: Path) -> None:
    summary = json.loads((two / "summary.json").read_text(encoding="utf-8"))
    summary["targets"] += [f"t{i}" for i in range(4)]
    (tmp_path / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    out = io.StringIO()
    print_summary(tmp_path, Console(file=out, width=100, color_system=None))
    assert "each target (and 2 more: see the report)" in out.getvalue()


def test_where_no_terminal_shows_it_a_sentence_stays_on_one_line(two: Path, summary: Any) -> None:
    out = io.StringIO()
    print_summary(two, Console(file=out, width=40, color_system=None))
    assert f" {summary['answer']}" in out.getvalue().splitlines()


def test_predictions_of_a_stage_are_read_once_for_all_targets(
    two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    opening = Path.open

    def counted(path: Path, *given: Any, **named: Any) -> Any:
        opened.append(path)
        return opening(path, *given, **named)

    page = PageContext(read_run(two))
    monkeypatch.setattr(Path, "open", counted)
    assert [target for target, _, _ in page.by_target] == page.run.several
    read = [path for path in opened if path.name == "predictions.csv"]
    assert len(read) == len(set(read)) > 0
