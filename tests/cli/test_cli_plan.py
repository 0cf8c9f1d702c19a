"""``nearfar plan``: what a study will find, before any training and after a run."""

from pathlib import Path

import pytest
import yaml
from command_line import CommandLine, table
from small_study import SMALL, write_table

from nearfar.records import read_stages
from nearfar.records.stages import StageStore

PLAN = ("plan", "tiny.yaml", "--profile", "smoke", "--jobs", "1")
RUN = ("run", "tiny.yaml", "--profile", "smoke", "--jobs", "1")


def stages(command: CommandLine) -> dict[str, int]:
    """Hash → when it was finished, of every stage in the store."""
    folders = (command.folder / "runs" / "stages").glob("*/done")
    return {path.parent.name: path.stat().st_mtime_ns for path in folders}


def write_study(command: CommandLine, text: str, **changes: object) -> None:
    """Write ``mine.yaml``, top-level keys replaced, and beside it the table of ``small_study``."""
    write_table(command.folder / "small.csv")
    raw = {**yaml.safe_load(text), **changes}
    command.write("mine.yaml", yaml.safe_dump(raw, sort_keys=False))


def said(command: CommandLine, *arguments: str) -> str:
    """What a command printed that went well, in one line."""
    outcome = command(*arguments)
    assert outcome.status == 0, outcome
    return " ".join(outcome.out.split())


def numbers(command: CommandLine, *arguments: str) -> dict[int, list[str]]:
    """Trainings an arm → the cells of the first table's row."""
    outcome = command(*arguments)
    assert outcome.status == 0, outcome
    cells = [line.split() for line in outcome.out.splitlines()]
    return {int(row[0]): row[1:] for row in cells if row and row[0] in {"5", "10", "20", "50"}}


def test_before_a_run_nothing_is_trained_and_a_run_shares_what_was_solved(
    nearfar: CommandLine,
) -> None:
    text = said(nearfar, *PLAN)
    assert "before any training" in text
    assert "the one arm that is solved (ridge)" in text
    assert [path.name for path in (nearfar.folder / "runs").glob("tiny*")] == []
    before = stages(nearfar)
    assert len(before) == 6  # mean and ridge, three seeds each
    for stage_hash in before:
        plain = yaml.safe_load(
            (nearfar.folder / "runs" / "stages" / stage_hash / "stage.yaml").read_text()
        )
        assert "recipe" not in plain["spec"]
        assert plain["outcome"]["steps"] == 0
    assert nearfar(*RUN, "--seeds", "3").status == 0
    after = stages(nearfar)
    assert {stage_hash: after[stage_hash] for stage_hash in before} == before
    rows = read_stages(nearfar.folder / "runs" / "tiny-smoke" / "stages.csv")
    assert before.keys() <= {row.hash for row in rows}
    assert before.keys() == {row.hash for row in rows if row.arm in {"mean", "ridge"}}


def test_planning_twice_solves_nothing_anew(nearfar: CommandLine) -> None:
    first = numbers(nearfar, *PLAN)
    before = nearfar.files()
    assert numbers(nearfar, *PLAN) == first
    assert nearfar.files() == before
    assert list(first) == [5, 10, 20, 50]
    assert all("about" in cells for cells in first.values()), "the time is not measured"
    found = [float(cells[0]) for cells in first.values()]
    assert found == sorted(found, reverse=True)


def test_after_a_run_its_own_variances_are_used(nearfar: CommandLine) -> None:
    before = numbers(nearfar, *PLAN)
    assert nearfar(*RUN, "--seeds", "3").status == 0
    files = nearfar.files()
    text = said(nearfar, *PLAN)
    assert nearfar.files() == files, "plan changed a run"
    assert "from its own run" in text
    assert "Variances are those of the study's own run, with 3 trainings an arm" in text
    assert max(map(len, nearfar(*PLAN).out.splitlines())) <= 100
    after = numbers(nearfar, *PLAN)
    assert {n: cells[:2] for n, cells in after.items()} != {n: c[:2] for n, c in before.items()}
    for arm in ("ridge", "gin", "RnC"):
        assert f" {arm} mean " in text
    assert "unknown" not in text


def test_a_run_that_tested_nothing_is_planned_as_if_there_were_none(nearfar: CommandLine) -> None:
    assert nearfar(*RUN).status == 0  # two seeds
    kept = {name: content for name, content in nearfar.files().items() if "tiny-smoke" in name}
    text = said(nearfar, *PLAN)
    assert "No arm has been trained" not in text
    assert "before any training" not in text
    why = "The run so far tested no difference (2 trainings: a test needs at least 3)."
    assert why in text
    left = {name: content for name, content in nearfar.files().items() if "tiny-smoke" in name}
    assert left == kept


def test_time_is_measured_and_grows_with_the_trainings(nearfar: CommandLine) -> None:
    """What a study says of its minutes is its own statement."""
    units = {"second": 1, "seconds": 1, "s": 1, "min": 60, "h": 3600}
    found = numbers(nearfar, *PLAN, "--set", "minutes.smoke=20000")
    seconds = [float(cells[-2]) * units[cells[-1]] for cells in found.values()]
    assert seconds == sorted(seconds)
    assert seconds[0] < seconds[-1] < 3600


def test_differences_of_solved_arms_are_what_rows_contribute(nearfar: CommandLine) -> None:
    write_study(nearfar, SMALL)
    text = said(nearfar, "plan", "mine.yaml", "--jobs", "1")
    assert "the differences of arms that are solved (ridge, forest)" in text
    assert "over the question's 3 comparisons" in text
    assert len(stages(nearfar)) == 9


def test_a_study_without_a_solved_arm_gets_a_constant_one(nearfar: CommandLine) -> None:
    raw = yaml.safe_load(SMALL)
    write_study(nearfar, SMALL, arms={k: raw["arms"][k] for k in ("plain", "frozen")})
    text = said(nearfar, "plan", "mine.yaml", "--jobs", "1")
    assert "the scores of a constant prediction (constant) alone, as no arm is solved" in text
    assert len(stages(nearfar)) == 3


CLASSES = """\
study: kinds
data: {source: table, path: kinds.csv, target: kind, features: [a, b], task: classification}
split: {kind: random, parts: [0.6, 0.2, 0.2], resplit: false}
metric: accuracy
baseline: plain
arms:
  logistic: {group: control, fit: {encoder: identity, head: logistic}}
  neighbours: {group: control, fit: {encoder: identity, head: knn}}
  plain: {fit: {encoder: {mlp: {layers: 1, hidden: 4}}, epochs: 1}}
  wide: {fit: {encoder: {mlp: {layers: 1, hidden: 8}}, epochs: 1}}
"""


def write_kinds(folder: Path) -> None:
    lines = [f"{i % 7},{i % 11},{'odd' if (i % 7 + i % 11) % 3 else 'even'}" for i in range(120)]
    (folder / "kinds.csv").write_text(table(lines, "a,b,kind"), encoding="utf-8")


def test_accuracy_of_few_rows_cannot_meet_its_margin(nearfar: CommandLine) -> None:
    write_kinds(nearfar.folder)
    nearfar.write("kinds.yaml", CLASSES)
    text = said(nearfar, "plan", "kinds.yaml", "--jobs", "1")
    assert "A margin of ±0.02 is out of reach with 50 seeds an arm" in text
    assert "% of the error" not in text, "an accuracy is no error"
    assert len(stages(nearfar)) == 2, "on a fixed split one stage serves all seeds"
    wide = said(nearfar, "plan", "kinds.yaml", "--jobs", "1", "--set", "margin=0.9")
    assert "Equal arms count as the same within the margin of ±0.9 from 5 seeds on" in wide


def test_a_metric_without_row_scores_is_refused(nearfar: CommandLine) -> None:
    write_kinds(nearfar.folder)
    nearfar.write("kinds.yaml", CLASSES.replace("metric: accuracy", "metric: ece"))
    wrong = nearfar.mistake("plan", "kinds.yaml")
    assert wrong.startswith("metric: ece has no scores of single rows")
    assert "accuracy" in wrong
    assert "after a run" not in wrong
    nearfar.write(
        "kinds.yaml", CLASSES.replace("metric: accuracy", "metric: ece").replace("false", "true")
    )
    assert "after a run with at least 3 seeds it needs none" in nearfar.mistake(
        "plan", "kinds.yaml"
    )


def test_a_study_that_changed_since_its_run_is_planned_beside_it(nearfar: CommandLine) -> None:
    assert nearfar(*RUN, "--arm", "ridge").status == 0
    text = said(nearfar, *PLAN, "--set", "metric=rmse")
    assert "What rows contribute is guessed" in text, "that run's stages are of another metric"


def test_a_solved_stage_that_fails_is_told(
    nearfar: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("nearfar.heads.Ridge.fit", fail)
    outcome = nearfar(*PLAN)
    assert outcome.status == 1
    assert "a stage failed: RuntimeError: planted" in outcome.out
    assert "the scores of a constant prediction (mean) alone" in " ".join(outcome.out.split())


def test_an_unknown_study_is_a_mistake(nearfar: CommandLine) -> None:
    assert "esoll" in nearfar.mistake("plan", "esoll")


def test_the_store_of_a_plan_is_that_of_its_out(nearfar: CommandLine) -> None:
    assert nearfar(*PLAN, "--out", "other").status == 0
    store = StageStore(nearfar.folder / "other" / "stages")
    assert len(list(store.root.glob("*/done"))) == 6
    assert not (nearfar.folder / "runs").exists()
