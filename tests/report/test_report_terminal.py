import io
import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from nearfar.errors import UserError
from nearfar.report import print_summary


def _printed(run: Path, width: int) -> list[str]:
    text = io.StringIO()
    print_summary(run, Console(file=text, width=width, color_system=None))
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_the_table_fits_a_hundred_columns_unbroken(finished_run: Path, page: str) -> None:
    lines = _printed(finished_run, 100)
    assert page
    arms = json.loads((finished_run / "summary.json").read_text())["arms"]
    for arm in arms:
        (line,) = [line for line in lines if line.strip().startswith(arm["arm"] + "  ")]
        assert len(line) <= 100
    row = next(line for line in lines if line.strip().startswith("RnC(L1)  ")).split()
    assert row[2] == "±"
    assert row[-3:] == ["1,100", "5", "min"]
    assert any("diverged 1/3" in line and "withheld" in line for line in lines)


def test_the_answer_the_claims_and_the_page_follow(finished_run: Path, page: str) -> None:
    lines = _printed(finished_run, 100)
    assert page
    text = " ".join(" ".join(lines).split())
    summary = json.loads((finished_run / "summary.json").read_text())
    assert summary["answer"] in text
    assert summary["notes"][0] in text
    assert "not supported: every RnC arm beats L1" in text
    assert lines[-1].strip() == f"Report: {finished_run / 'report.html'}"


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_narrow_terminal_loses_columns_but_no_verdict(finished_run: Path, width: int) -> None:
    lines = _printed(finished_run, width)
    rows = lines[: next(i for i, line in enumerate(lines) if "mean ±" in line)]
    assert all(len(line) <= width for line in rows)
    if width >= 60:
        assert sum("undecided" in line or "worse" in line for line in rows) >= 8


def test_markup_in_names_is_text(finished_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    summary = json.loads((run / "summary.json").read_text())
    summary["arms"][0]["arm"] = "[red]odd[/red]"
    summary["answer"] = "No [bold]markup[/bold]."
    (run / "summary.json").write_text(json.dumps(summary))
    text = "\n".join(_printed(run, 120))
    assert "[red]odd[/red]" in text
    assert "No [bold]markup[/bold]." in text


def test_a_folder_that_is_no_run_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a finished run"):
        print_summary(tmp_path, Console(file=io.StringIO()))
