import base64
import hashlib
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from make_run import ARMS, make_run
from reading import Elements, page_data
from rich.console import Console
from some_molecules import Molecules

from nearfar.errors import UserError
from nearfar.records.run import RunFolder
from nearfar.report import print_summary, write_report
from nearfar.report.documents import to_markdown
from nearfar.report.load import read_run
from nearfar.report.page.page import render, script_json
from nearfar.report.page.sections.results import results_table

HOSTILE = [
    '<img src=x onerror="document.title=1">',
    "</script><script>document.title=2</script>",
    "<!--<script>",
    "a & b 'quoted' \"twice\" \u2028",
]


def test_the_page_is_one_file_that_asks_for_nothing(page: str) -> None:
    for tag, attributes in Elements(page).tags:
        assert tag not in ("iframe", "object", "embed", "base"), tag
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,")), attributes
    assert "@import" not in page
    assert "url(http" not in page
    assert len(page.encode()) < 1_000_000


def test_the_policy_admits_exactly_this_script_and_style(page: str) -> None:
    content = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert content is not None
    for kind, pattern in (
        ("script", r"<script>(.*?)</script>"),
        ("style", r"<style>(.*?)</style>"),
    ):
        body = re.search(pattern, page, re.DOTALL)
        assert body is not None
        digest = base64.b64encode(hashlib.sha256(body[1].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in content[1]
    assert "default-src 'none'" in content[1]
    assert "unsafe" not in content[1]


def test_equal_runs_give_equal_pages(finished_run: Path, page: str) -> None:
    assert write_report(finished_run).read_text(encoding="utf-8") == page


def test_rows_carry_what_the_files_say(finished_run: Path, page: str, molecules: Molecules) -> None:
    data = page_data(page)
    assert data["rows"]["name"] == molecules.names
    assert data["rows"]["truth"] == pytest.approx(list(molecules.truth), rel=1e-3)
    summary = json.loads((finished_run / "summary.json").read_text())
    for position, arm in enumerate(summary["arms"]):
        assert data["arms"][position]["label"] == arm["arm"]
        for seed, chain in arm["stages"].items():
            path = finished_run.parent / "stages" / chain[-1]["hash"] / "predictions.csv"
            column = data["predictions"]["arms"][position].get(seed)
            assert (column is None) == (not path.is_file())
            if column is None:
                continue
            lines = [line.split(",") for line in path.read_text().splitlines()[1:]]
            letters = data["predictions"]["parts"][column[0]]
            assert letters == "".join(
                {"train": "r", "validation": "v", "test": "t"}[line[1]] for line in lines
            )
            kept = [line for line in lines if len(column[1]) == len(lines) or line[1] == "test"]
            assert column[1] == pytest.approx([float(line[4]) for line in kept], rel=1e-3)


def test_every_shown_molecule_is_drawn_once(page: str, molecules: Molecules) -> None:
    data = page_data(page)
    numbers = data["rows"]["drawing"]
    assert None not in numbers
    assert len(data["drawings"]) == len(set(molecules.smiles)) == max(numbers) + 1


def test_the_results_table_says_what_the_summary_says(finished_run: Path, page: str) -> None:
    summary = json.loads((finished_run / "summary.json").read_text())
    table = Elements(page)
    arm = next(a for a in summary["arms"] if a["arm"] == "RnC(L1)")
    entry = next(
        m for m in arm["metrics"] if (m["split"], m["metric"], m["unit"]) == ("test", "mae", "z")
    )
    row = table.row("RnC(L1)")
    assert row[1] == (
        f"{entry['mean']:.3f} ± {entry['std']:.3f} | [{entry['low']:.3f}, {entry['high']:.3f}]"
    )
    comparison = next(c for c in summary["comparisons"] if c["arm"] == "RnC(L1)")
    assert row[3].startswith(f"{comparison['difference']:+.3f}".replace("-", "−"))
    assert row[4].count(" · ") == 2
    assert row[5] == f"{comparison['reduction_percent']:+.1f}%".replace("-", "−")
    assert row[6].startswith(comparison["verdict"])
    assert row[7].startswith("1,100 epochs")


def test_a_diverged_arm_never_becomes_a_number(page: str) -> None:
    row = Elements(page).row("RnC(L2)")
    assert row[0] == "RnC(L2) | withheld | diverged 1 of 3"
    assert row[1:6] == ["–", "–", "–", "", "–"]
    assert row[6].startswith("withheld")
    arm = page_data(page)["arms"][3]
    assert arm["mean"] is None
    assert arm["difference"] == [None, None, None]
    assert len(arm["values"]) == 2


def test_the_comparison_shown_is_the_arms_own(finished_run: Path, tmp_path: Path) -> None:
    shutil.copytree(finished_run.parent, tmp_path / "runs")
    run = tmp_path / "runs" / finished_run.name
    summary = json.loads((run / "summary.json").read_text())
    claimed = [
        {"arm": "L1", "against": "RnC(L1)", "verdict": "better"},
        {"against": "RnC(L2)", "difference": 77.0},
    ]
    first = summary["comparisons"][0] | {"family": "claims"}
    summary["comparisons"] += [first | entry for entry in claimed]
    (run / "summary.json").write_text(json.dumps(summary))
    table = Elements(write_report(run).read_text(encoding="utf-8"))
    assert table.row("L1")[3] == "baseline"
    assert "77" not in table.row("RnC(L1)+freeze")[3]
    claims = [row for row in table.rows if row[:2] == ["L1", "RnC(L1)"]]
    assert len(claims) == 1
    assert claims[0][-1].startswith("better")


def test_unequal_seeds_are_told_everywhere(finished_run: Path, tmp_path: Path) -> None:
    run = read_run(finished_run)
    assert "Every arm ran on the same splits and seeds." in render(run)
    first, *arms = run.summary["arms"]
    few = first | {"runs": 2, "stages": {k: v for k, v in first["stages"].items() if k != "2"}}
    summary = {**run.summary, "arms": [few, *arms], "folds": 3}
    page = render(replace(run, summary=summary))
    assert "Every arm ran on the same splits and seeds." not in page
    assert "Arms have different seeds: a difference is over those that both have." in page
    assert "· 3 folds, 2 to 3 trainings an arm ·" in page
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    assert "deviation over 2 to 3 trainings; lower is better" in to_markdown(tmp_path)
    console = Console(file=io.StringIO(), width=100)
    print_summary(tmp_path, console)
    assert "mean ± deviation over 2 to 3 seeds" in console.file.getvalue()  # type: ignore[attr-defined]


def test_without_a_share_of_an_error_no_reduction_is_told(finished_run: Path) -> None:
    run = read_run(finished_run)
    assert "<small>of the MAE</small>" in results_table(run)
    none = [c | {"reduction_percent": None} for c in run.summary["comparisons"]]
    table = results_table(replace(run, summary={**run.summary, "comparisons": none}))
    assert "reduction" not in table
    assert len({row.count("<td") for row in table.split("<tr") if row.count("<td") > 1}) == 1


def test_nothing_from_data_becomes_markup(molecules: Molecules, tmp_path: Path) -> None:
    few = Molecules(molecules.smiles[:40], HOSTILE * 10, molecules.truth[:40])
    arms = tuple(replace(ARMS[i], name=name) for i, name in enumerate(HOSTILE[:3]))
    run = make_run(tmp_path, few, arms, seeds=1)
    summary = json.loads((run / "summary.json").read_text())
    for key in ("title", "question", "answer", "target", "study", "profile"):
        summary[key] = f"{HOSTILE[1]} {HOSTILE[0]}"
    summary["notes"] = HOSTILE
    summary["claims"] = [{"claim": h, "verdict": h, "reason": h} for h in HOSTILE]
    (run / "summary.json").write_text(json.dumps(summary))
    (run / "provenance.json").write_text(json.dumps({h: {h: [h]} for h in HOSTILE}))
    (run / "study.yaml").write_text("\n".join(HOSTILE))
    page = write_report(run).read_text(encoding="utf-8")
    tags = [tag for tag, _ in Elements(page).tags]
    assert tags.count("script") == 2
    assert "img" not in tags
    assert page.count("</script>") == 2
    assert page_data(page)["rows"]["name"] == HOSTILE * 10
    assert page_data(page)["arms"][0]["label"] == HOSTILE[0]


def test_json_in_a_script_cannot_leave_it() -> None:
    text = script_json({"</script>": "<!--\u2028&"})
    assert not set(text) & set("<>&\u2028")
    assert json.loads(text) == {"</script>": "<!--\u2028&"}


def test_missing_parts_leave_a_page(molecules: Molecules, tmp_path: Path) -> None:
    few = Molecules(molecules.smiles[:40], molecules.names[:40], molecules.truth[:40])
    run = make_run(tmp_path, few, ARMS[:3], seeds=1)
    for name in ("samples.parquet", "provenance.json", "study.yaml", "stages.csv"):
        (run / name).unlink()
    for pattern in ("features.npy", "curves.csv"):
        for path in (tmp_path / "stages").glob(f"*/{pattern}"):
            path.unlink()
    data = page_data(write_report(run).read_text(encoding="utf-8"))
    assert data["panels"]["embedding"] == ["no features stored"] * 3
    assert data["rows"]["id"] == [str(row + 1) for row in range(40)]
    assert data["drawings"] == []
    shutil.rmtree(tmp_path / "stages")
    data = page_data(write_report(run).read_text(encoding="utf-8"))
    assert data["rows"]["id"] == []


def test_vectors_have_no_drawings(tmp_path: Path) -> None:
    truth = np.random.default_rng(0).normal(size=60)
    run = make_run(tmp_path, Molecules([], [], truth), ARMS[:2], seeds=2)
    data = page_data(write_report(run).read_text(encoding="utf-8"))
    assert set(data["rows"]["drawing"]) == {None}
    assert data["kind"] == "vector"
    assert len(data["maps"]) == 2


def test_a_folder_that_is_no_run_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a finished run"):
        write_report(tmp_path)
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        write_report(tmp_path)


def test_only_marked_rows_are_shown(finished_run: Path, tmp_path: Path) -> None:
    shutil.copytree(finished_run.parent, tmp_path / "runs")
    run = tmp_path / "runs" / finished_run.name
    samples = read_run(run).samples
    marks = [row % 3 == 0 for row in range(len(samples.ids))]
    columns = {"id": samples.ids, "name": samples.names, "smiles": samples.smiles, "shown": marks}
    RunFolder(run).write_samples(columns)
    kept = np.flatnonzero(marks)
    for path in (tmp_path / "runs" / "stages").glob("*/features.npy"):
        np.save(path.with_name("rows.npy"), kept.astype(np.int32))
        np.save(path, np.load(path)[kept])
    data = page_data(write_report(run).read_text(encoding="utf-8"))
    assert data["rows"]["name"] == samples.names[::3]
    assert data["rows"]["total"] == len(samples.ids)
    assert {len(xs) for xs, _ in data["maps"]} == {len(kept)}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"folds": 3, "seeds": [0, 1, 2]}, "3 folds, each row tested once"),
        ({"folds": 10, "seeds": [0, 1, 2]}, "3 of 10 folds tested"),
        ({"folds": 2, "seeds": [0, 1, 2]}, "2 folds, rows tested 1.5 times on average"),
        ({"folds": 2, "seeds": [0, 2]}, "2 folds, rows tested once on average"),
        ({"folds": 2, "seeds": [0, 1, 4, 5]}, "2 folds, each row tested 2 times"),
        ({"folds": None}, "split anew for every seed"),
        ({"folds": None, "resplit": False}, "one fixed split"),
    ],
)
def test_the_page_says_how_rows_are_divided(
    finished_run: Path, changes: dict[str, object], words: str
) -> None:
    run = read_run(finished_run)
    assert f"· {words} ·" in render(replace(run, summary={**run.summary, **changes}))
