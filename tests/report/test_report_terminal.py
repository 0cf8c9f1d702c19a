import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from two_targets import SECOND, with_second_target

from nearfar.errors import UserError
from nearfar.report import print_summary

VERDICTS = ("better", "worse", "undecided")


def _summary(run: Path) -> Any:
    return json.loads((run / "summary.json").read_text(encoding="utf-8"))


def _changed(run: Path, folder: Path, **changes: Any) -> Path:
    """A copy of a run's summary with other keys."""
    folder.mkdir(exist_ok=True)
    (folder / "summary.json").write_text(json.dumps(_summary(run) | changes), encoding="utf-8")
    return folder


def _line_of(lines: list[str], arm: str) -> str:
    (line,) = [line for line in lines if re.match(rf" {re.escape(arm)}( ◀ use)?  ", line)]
    return line


def _printed(run: Path, width: int) -> list[str]:
    text = io.StringIO()
    print_summary(run, Console(file=text, width=width, color_system=None))
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_the_table_fits_a_hundred_columns_unbroken(finished_run: Path, page: str) -> None:
    lines = _printed(finished_run, 100)
    assert page
    arms = json.loads((finished_run / "summary.json").read_text())["arms"]
    for arm in arms:
        assert len(_line_of(lines, arm["arm"])) <= 100
    row = next(line for line in lines if line.strip().startswith("RnC(L1)  ")).split()
    assert row[2] == "±"
    assert sum(map(int, row[-2].split("/"))) == 100
    assert row[-1] in VERDICTS
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


def test_names_are_text_in_every_table(finished_run: Path, tmp_path: Path) -> None:
    odd, place, target = "wide [k=3] [/x] :dog:", "noise=[b] :cat:", "y [red] :dog:"
    text = json.dumps(_summary(with_second_target(finished_run, tmp_path)))
    for old, new in (("RnC(L1)", odd), (SECOND, target)):
        text = text.replace(json.dumps(old), json.dumps(new))
    summary = json.loads(text)
    summary["arms"] = [a | {"condition": c} for a in summary["arms"] for c in ("noise=0", place)]
    run = tmp_path / "run"
    run.mkdir()
    (run / "summary.json").write_text(json.dumps(summary | {"reference": "noise=0"}))
    tables = "\n".join(_printed(run, 180)).split("mean ±")[0]
    assert tables.count(odd) == 4  # of results, along noise, and of each target twice
    assert "[b] :cat:" in tables
    assert target in tables


def test_a_folder_that_is_no_run_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a finished run"):
        print_summary(tmp_path, Console(file=io.StringIO()))


def test_ten_rows_and_how_many_more(finished_run: Path, tmp_path: Path) -> None:
    summary = _summary(finished_run)
    known = {arm["arm"]: arm for arm in summary["arms"]}
    worst, best = known["predict the mean"], known["fingerprints, forest"]
    extra = [worst | {"arm": f"bad {k}", "order": 20 + k} for k in range(3)]
    extra += [best | {"arm": "good control", "order": 30}]
    run = _changed(finished_run, tmp_path / "run", arms=[*summary["arms"], *extra])
    lines = _printed(run, 100)
    assert " 4 more rows: see the report" in lines
    rows = lines[: lines.index(" 4 more rows: see the report")]
    shown = [name for name in [*known, "good control"] if any(f" {name} " in r for r in rows)]
    learned = [name for name, arm in known.items() if arm["group"] != "control"]
    assert shown == [*learned, "untrained encoder", "fingerprints, forest", "good control"]
    assert not any(" bad " in row for row in rows)


def test_all_rows_fit_and_nothing_is_said(finished_run: Path) -> None:
    assert not any("more row" in line for line in _printed(finished_run, 100))


def test_what_is_recommended_is_never_cut(finished_run: Path, tmp_path: Path) -> None:
    summary = _summary(finished_run)
    model = next(arm for arm in summary["arms"] if arm["arm"] == "L1 AdamW")
    more = [model | {"arm": f"own {k}", "order": 20 + k} for k in range(9)]
    told = summary["recommended"] | {"arm": "own 8"}
    run = _changed(finished_run, tmp_path / "run", arms=[*summary["arms"], *more], recommended=told)
    lines = _printed(run, 100)
    assert "own 8 ◀ use" in _line_of(lines, "own 8")
    assert " 9 more rows: see the report" in lines
    assert sum("◀ use" in line for line in lines) == 1


def test_a_wide_terminal_shows_how_large_the_undecided_can_be(finished_run: Path) -> None:
    found = [c for c in _summary(finished_run)["comparisons"] if c["verdict"] == "undecided"]
    assert found
    wide, narrow = _printed(finished_run, 180), _printed(finished_run, 100)
    for comparison in found:
        assert f"undecided: {comparison['bound']}  " in _line_of(wide, comparison["arm"])
        assert comparison["bound"] not in _line_of(narrow, comparison["arm"])


@pytest.mark.parametrize(("width", "there", "gone"), [(100, "own", "epochs"), (180, "time", "x")])
def test_columns_that_do_not_fit_are_left_out(
    finished_run: Path, width: int, there: str, gone: str
) -> None:
    head = "\n".join(_printed(finished_run, width)[:5])
    assert "better/same" in head
    assert ("mol/L" if there == "own" else there) in head
    assert gone not in head
    assert "better/same" not in "\n".join(_printed(finished_run, 80)[:6])


def test_no_relevant_difference_is_written_out(finished_run: Path, tmp_path: Path) -> None:
    entries = [c | {"verdict": "same"} for c in _summary(finished_run)["comparisons"]]
    run = _changed(finished_run, tmp_path / "run", comparisons=entries)
    assert "no relevant difference" in _line_of(_printed(run, 120), "RnC(L1)")
    narrow = _printed(run, 80)
    k = narrow.index(_line_of(narrow, "RnC(L1)"))
    assert narrow[k].endswith("] z  no relevant")
    assert narrow[k + 1].strip() == "difference"
    text = " ".join(" ".join(narrow).split())
    assert "Holm-adjusted within families" in text
    assert "within ±0.0256" in text


def test_without_a_test_there_are_no_chances(finished_run: Path, tmp_path: Path) -> None:
    blank = {"p_better": None, "p_same": None, "p_worse": None, "bound": "", "p_holm": None}
    entries = [c | blank for c in _summary(finished_run)["comparisons"]]
    run = _changed(
        finished_run, tmp_path / "run", comparisons=entries, recommended=None, margin=None
    )
    lines = _printed(run, 140)
    assert not any("better/same" in line or "◀" in line for line in lines)
    assert "min" in _line_of(lines, "RnC(L1)")


def test_the_own_unit_stays_where_there_is_little_room(finished_run: Path, tmp_path: Path) -> None:
    summary = _summary(finished_run)
    own = {"unit": "log mol/L", "difference": 7.25, "low": 7.0, "high": 7.5}
    entries = [c | {"original": own} for c in summary["comparisons"]]
    run = _changed(finished_run, tmp_path / "run", comparisons=entries)
    arm = next(arm for arm in summary["arms"] if arm["arm"] == "RnC(L1)")
    (mean,) = [
        f"{entry['mean']:.3f} ±"
        for entry in arm["metrics"]
        if (entry["split"], entry["metric"], entry["unit"]) == ("test", "mae", "log mol/L")
    ]
    narrow, wide = _printed(run, 80), _printed(run, 180)
    for lines in (narrow, wide):
        assert "mol/L" in "".join(lines[:5])
        row = _line_of(lines, "RnC(L1)")
        assert mean in row
        assert "+7.250 [7.000, 7.500]  " in row
    assert "z-scored" not in "".join(narrow[:5])
    assert "z-scored" in "".join(wide[:5])


def test_the_legend_names_only_what_is_shown(finished_run: Path, tmp_path: Path) -> None:
    def legend(run: Path, width: int) -> str:
        return " ".join(" ".join(_printed(run, width)).split())

    wide = legend(finished_run, 180)
    for words in ("time: elapsed", "z-scored: in", "[ ]: 95% interval", "verdicts: Holm"):
        assert words in wide
    narrow = legend(finished_run, 80)
    assert "time: elapsed" not in narrow
    assert "z-scored: in" not in narrow
    nothing = [
        c | {"verdict": "undecided", "low": None, "high": None, "p_holm": None, "p_better": None}
        for c in _summary(finished_run)["comparisons"]
    ]
    bare = legend(_changed(finished_run, tmp_path / "run", comparisons=nothing), 80)
    for words in ("[ ]:", "Holm-adjusted within", "same: no relevant"):
        assert words not in bare
