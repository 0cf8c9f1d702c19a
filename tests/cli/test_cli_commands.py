"""What the commands print, write and return when nothing is wrong, or something breaks."""

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from command_line import GOOD_ROWS, MOLECULES, CommandLine, table

from nearfar.errors import UserError
from nearfar.execution.progress import Display
from nearfar.execution.results import write_records
from nearfar.plan.specs import SolveSpec, StageSpec
from nearfar.records import read_stages
from nearfar.records.run import RunFolder
from nearfar.study.files import shipped_studies

RUN = ("run", "tiny.yaml", "--profile", "smoke", "--jobs", "1")
COLUMNS = ["arm", "seed", "condition", "split", "target", "metric", "unit", "value", "stage"]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_the_files_of_the_design(ran: CommandLine) -> None:
    folder = ran.folder / "runs" / "tiny-smoke"
    names = {path.name for path in folder.iterdir()}
    documented = ["study.yaml", "results.csv", "stages.csv", "samples.parquet", "summary.json"]
    documented.append("plan.json")
    assert {*documented, "report.html"} <= names
    results = rows(folder / "results.csv")
    assert list(results[0]) == COLUMNS
    cells = {(row["arm"], row["seed"]) for row in results}
    assert cells == {(arm, seed) for arm in ("mean", "ridge", "gin", "RnC") for seed in "01"}
    left = [name for name in ran.files() if ".tmp" in name or name.endswith(".lock")]
    assert not left


def test_running_again_computes_nothing_and_changes_nothing(ran: CommandLine) -> None:
    before = ran.files()
    again = ran(*RUN)
    assert again.status == 0
    after = ran.files()
    kept = {"results.csv", "study.yaml", "done"}
    same = [name for name in before if Path(name).name in kept and "-smoke/done" not in name]
    assert len(same) > 8
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


def test_the_resolved_study_gives_the_same_run(ran: CommandLine) -> None:
    resolved = ran.folder / "runs" / "tiny-smoke" / "study.yaml"
    outcome = ran("run", resolved, "--out", "again", "--jobs", "1")
    assert outcome.status == 0, outcome
    first = (ran.folder / "runs" / "tiny-smoke" / "results.csv").read_bytes()
    assert (ran.folder / "again" / "tiny-smoke" / "results.csv").read_bytes() == first


def test_report_rebuilds_the_page(ran: CommandLine) -> None:
    folder = ran.folder / "runs" / "tiny-smoke"
    before = (folder / "results.csv").read_bytes()
    (folder / "report.html").unlink()
    outcome = ran("report", "runs/tiny-smoke")
    assert outcome.status == 0, outcome
    assert (folder / "report.html").stat().st_size > 10_000
    assert (folder / "results.csv").read_bytes() == before


def test_report_keeps_why_a_stage_failed_and_needs_no_data(nearfar: CommandLine) -> None:
    assert nearfar(*RUN).status == 0
    folder = RunFolder(nearfar.folder / "runs" / "tiny-smoke")
    summary = folder.read_json("summary.json")
    lost = read_stages(folder.path / "stages.csv")[-1]
    shutil.rmtree(folder.store.folder(lost.hash))
    write_records(folder, {lost.hash: "OSError: planted"})
    (nearfar.folder / "tiny.csv").unlink()
    assert nearfar("report", folder.path).status == 0
    rows = {row.hash: row for row in read_stages(folder.path / "stages.csv")}
    assert (rows[lost.hash].status, rows[lost.hash].reason) == ("failed", "OSError: planted")
    assert folder.read_json("summary.json")["rows"] == summary["rows"]


def test_a_run_that_does_not_say_what_it_consists_of_is_refused(nearfar: CommandLine) -> None:
    RunFolder(nearfar.folder / "runs" / "old-full").write_study({"study": "old"})
    said = nearfar.mistake("report", "runs/old-full")
    assert said == "runs/old-full: has no plan.json; the command that made this run writes it"


def test_predict_is_the_mean_over_seeds(ran: CommandLine) -> None:
    ran.write("new.csv", table(["CCO", "CCCCCC"], "smiles"))
    command = ("predict", "runs/tiny-smoke", "new.csv", "--arm", "ridge", "-o")
    for name, more in {"all": [], "0": ["--seed", "0"], "1": ["--seed", "1"]}.items():
        outcome = ran(*command, f"made-{name}.csv", *more)
        assert outcome.status == 0, outcome
    made = {name: rows(ran.folder / f"made-{name}.csv") for name in ("all", "0", "1")}
    assert [row["smiles"] for row in made["all"]] == ["CCO", "CCCCCC"]
    for i in range(2):
        single = [float(made[seed][i]["y_pred"]) for seed in "01"]
        deviation = abs(single[0] - single[1]) / 2**0.5
        assert deviation > 0
        assert float(made["all"][i]["y_pred"]) == pytest.approx(sum(single) / 2, rel=1e-5)
        assert float(made["all"][i]["y_std"]) == pytest.approx(deviation, rel=1e-3)
        assert made["0"][i]["y_std"] == ""


def test_a_dry_run_tells_the_stages_and_writes_nothing(nearfar: CommandLine) -> None:
    before = nearfar.files()
    outcome = nearfar(*RUN, "--dry-run")
    assert outcome.status == 0, outcome
    assert nearfar.files() == before
    for phrase in (
        "rnc",
        "ridge",
        "to run",
        "expected time for what is missing",
        "measured on this machine",
        "on the disk",
    ):
        assert phrase in outcome.out


def test_more_arms_and_seeds_extend_a_run(nearfar: CommandLine) -> None:
    assert nearfar(*RUN, "--arm", "ridge", "--seeds", "1").status == 0
    folder = nearfar.folder / "runs" / "tiny-smoke"
    first = (folder / "results.csv").read_text()
    assert {row["arm"] for row in rows(folder / "results.csv")} == {"mean", "ridge"}
    stages = set((nearfar.folder / "runs" / "stages").iterdir())
    times = {path: (path / "done").stat().st_mtime_ns for path in stages}
    assert nearfar(*RUN, "--arm", "gin", "--seeds", "2").status == 0
    results = rows(folder / "results.csv")
    asked = {(arm, seed) for arm in ("mean", "gin") for seed in "01"}
    assert {(row["arm"], row["seed"]) for row in results} == {*asked, ("ridge", "0")}
    assert set(first.splitlines()) <= set((folder / "results.csv").read_text().splitlines())
    assert times == {path: (path / "done").stat().st_mtime_ns for path in stages}
    dry = nearfar(*RUN, "--arm", "gin", "--seeds", "2", "--dry-run")
    assert "expected time for tables and page, every stage is there" in dry.out


def test_clean_removes_only_what_no_run_refers_to(nearfar: CommandLine) -> None:
    assert nearfar(*RUN, "--arm", "ridge").status == 0
    kept = nearfar.files()
    assert nearfar(*RUN, "--arm", "gin", "--out", "other").status == 0
    (nearfar.folder / "other" / "stages").rename(nearfar.folder / "moved")
    for stage in (nearfar.folder / "moved").iterdir():
        target = nearfar.folder / "runs" / "stages" / stage.name
        if stage.is_dir() and not target.exists():
            stage.rename(target)
    outcome = nearfar("clean", "runs")
    assert outcome.status == 0, outcome
    assert "removed 2 stages" in outcome.out
    features = {name for name in kept if name.startswith("runs/features/")}
    assert features
    left = {name: content for name, content in nearfar.files().items() if name.startswith("runs")}
    assert left == {
        name: content
        for name, content in kept.items()
        if name.startswith("runs") and name not in features
    }


def test_bad_rows_can_be_dropped_and_are_counted(nearfar: CommandLine) -> None:
    nearfar.write("tiny.csv", table(["C1CC,1", "CN,high", *GOOD_ROWS]))
    outcome = nearfar(*RUN, "--dry-run", "--set", "data.on_bad_rows=drop")
    assert outcome.status == 0, outcome
    assert f"{len(GOOD_ROWS)} rows, 2 bad ones left out" in outcome.out


def test_show_prints_a_study_that_runs(nearfar: CommandLine) -> None:
    outcome = nearfar("show", "tiny.yaml", "--set", "arms.gin.fit.epochs=7")
    assert outcome.status == 0, outcome
    shown = yaml.safe_load(outcome.out)
    assert shown["arms"]["gin"]["fit"]["epochs"] == 7
    assert shown["arms"]["gin"]["fit"]["schedule"] == {"one_cycle": {"warmup": 0.3}}
    nearfar.write("shown.yaml", outcome.out)
    assert nearfar("show", "shown.yaml").out == outcome.out


def test_studies_lists_every_shipped_one_on_a_line(nearfar: CommandLine) -> None:
    outcome = nearfar("studies")
    assert outcome.status == 0, outcome
    firsts = [line.split()[0] for line in outcome.out.splitlines()]
    assert {"esol", "esol-trials", "diabetes"} <= set(shipped_studies()) <= set(firsts)


INIT = {
    "SMILES": ("structure,y,note", [f"{s},{len(s)},x" for s in MOLECULES], ["molecules"]),
    "columns": ("a,b,y", [f"{i * i},{i % 7},{3 * i}" for i in range(60)], ["2 feature columns"]),
    "one column": ("a,y", [f"{i * i},{3 * i}" for i in range(60)], ["1 feature column"]),
    "gaps and duplicates": (
        "smiles,y",
        [*GOOD_ROWS, "CCCC,7", "CN,", "C1CC,2"],
        ["2 of 48", "missing", "not readable", "more than once"],
    ),
}


@pytest.mark.parametrize("case", INIT)
def test_init_writes_a_commented_study_that_runs_unedited(nearfar: CommandLine, case: str) -> None:
    header, lines, phrases = INIT[case]
    nearfar.write("mine.csv", table(lines, header))
    outcome = nearfar("init", "mine.csv", "--target", "y")
    assert outcome.status == 0, outcome
    written = nearfar.folder / "mine.yaml"
    text = written.read_text(encoding="utf-8")
    assert text.count("#") >= 3
    for phrase in phrases:
        assert phrase in outcome.out + text
    dry = nearfar("run", "mine.yaml", "--profile", "quick", "--dry-run")
    assert dry.status == 0, dry
    smoke = nearfar("run", "mine.yaml", "--profile", "smoke", "--jobs", "1")
    assert smoke.status == 0, smoke


def test_what_init_says_of_names_with_line_ends_stays_on_its_lines(nearfar: CommandLine) -> None:
    values = np.random.default_rng(0).normal(size=(60, 2))
    frame = pd.DataFrame(values, columns=["a", "y\nz"])
    frame["b\n\x1b[31m"] = ["u", "v", "w"] * 20
    frame.to_parquet(nearfar.folder / "mine.parquet")
    outcome = nearfar("init", "mine.parquet", "--target", "y\nz")
    assert outcome.status == 0, outcome
    assert "target 'y\\nz': numbers" in outcome.out
    assert "1 column of categories (b\\n\\x1b[31m: 3)" in outcome.out
    written = yaml.safe_load((nearfar.folder / "mine.yaml").read_text(encoding="utf-8"))
    assert (written["title"], written["data"]["target"]) == ("Predicting y\\nz", "y\nz")


def test_a_failing_stage_gives_status_1_and_the_others_go_on(
    nearfar: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nearfar.stages import run

    run_stages = run.run_stages

    def failing(specs: dict[str, StageSpec], *rest: Any) -> object:
        if any(isinstance(s, SolveSpec) and s.head.name == "ridge" for s in specs.values()):
            raise RuntimeError("planted")
        return run_stages(specs, *rest)

    monkeypatch.setattr(run, "run_stages", failing)
    outcome = nearfar(*RUN, "--arm", "ridge", "--seeds", "1")
    assert outcome.status == 1, outcome
    assert "planted" in outcome.out + outcome.err
    assert "Traceback" not in outcome.out + outcome.err
    folder = nearfar.folder / "runs" / "tiny-smoke"
    assert {row["arm"] for row in rows(folder / "results.csv")} == {"mean"}
    states = {row["arm"]: row["status"] for row in rows(folder / "stages.csv")}
    assert states == {"mean": "done", "ridge": "failed"}


def test_an_interrupt_gives_status_130_and_the_same_command_goes_on(
    nearfar: CommandLine, monkeypatch: pytest.MonkeyPatch, ran: CommandLine
) -> None:
    show = Display.__call__
    seen: list[object] = []

    def interrupted(display: Display, event: object) -> None:
        seen.append(event)
        if len(seen) == 4:
            raise KeyboardInterrupt
        show(display, event)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Display, "__call__", interrupted)
        outcome = nearfar(*RUN)
    assert outcome.status == 130, outcome
    assert outcome.err.count("\n") == 1
    assert "goes on" in outcome.err
    resumed = nearfar(*RUN)
    assert resumed.status == 0, resumed
    assert "of them there already" in resumed.out
    results = Path("runs") / "tiny-smoke" / "results.csv"
    assert (nearfar.folder / results).read_bytes() == (ran.folder / results).read_bytes()


def test_debug_shows_the_traceback_of_a_mistake(nearfar: CommandLine) -> None:
    with pytest.raises(UserError, match="no study is called"):
        nearfar("--debug", "run", "esl")


def test_one_of_a_kind_is_told_in_the_singular(nearfar: CommandLine) -> None:
    nearfar.write("tiny.csv", table(["C1CC,1", *GOOD_ROWS]))
    one = [*RUN, "--dry-run", "--arm", "mean", "--seeds", "1"]
    outcome = nearfar(*one, "--set", "data.on_bad_rows=drop")
    assert outcome.status == 0, outcome
    assert f"{len(GOOD_ROWS)} rows, 1 bad one left out, 1 arm, seed 0; 1 stage, 0" in outcome.out
