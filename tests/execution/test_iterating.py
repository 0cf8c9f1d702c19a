"""A study that is changed and run again: what is still true stays, and nothing else is trained."""

import json
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_study import small, write_small
from whole_runs import run_whole

from nearfar.errors import UserError
from nearfar.execution.check import check
from nearfar.execution.prepared import Prepared, Request
from nearfar.execution.reused import reused_stages
from nearfar.execution.run import alone, carry_out, prepare
from nearfar.heads.solved.exact import Forest
from nearfar.records import read_results, read_stages
from nearfar.records.run import RunFolder

ARMS = {
    "mean": {"group": "control", "fit": {"head": "mean"}},
    "ridge": {"fit": {"encoder": "identity", "head": "ridge"}},
    "forest": {"fit": {"encoder": "identity", "head": {"forest": {"trees": 3}}}},
}


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    split = {"kind": "random", "resplit": True}
    return write_small(tmp_path, arms=ARMS, stages={}, baseline="mean", split=split)


def write(path: Path, **changes: Any) -> None:
    raw = {**yaml.safe_load(path.read_text()), **changes}
    path.write_text(yaml.safe_dump(raw, sort_keys=False))


def trainings(run: Path) -> dict[str, int]:
    """Arm → with how many seeds it was tested."""
    rows = read_results(run / "results.csv")
    return dict(Counter(arm for arm, _ in {(row.arm, row.seed) for row in rows}))


def asked(**given: Any) -> Prepared:
    return run_whole(Request("small.yaml", **given))


def test_arms_and_seeds_mean_what_help_says_of_a_run_that_is_there(study: Path) -> None:
    run = asked().folder.path
    assert trainings(run) == {"mean": 2, "ridge": 2, "forest": 2}
    asked(arms=["forest"], seeds=1)
    assert trainings(run) == {"mean": 2, "ridge": 2, "forest": 2}
    prepared = asked(arms=["forest"], seeds=4)
    assert {cell.arm for cell in prepared.plan.cells} == {"mean", "ridge", "forest"}
    assert trainings(run) == {"mean": 4, "ridge": 2, "forest": 4}
    asked(seeds=3)
    assert trainings(run) == {"mean": 4, "ridge": 3, "forest": 4}
    assert not prepare(Request("small.yaml", seeds=4, arms=["forest"])).missing


@pytest.mark.parametrize("other", [{"arms": ["ridge"]}, {"only_seeds": (1,)}])
def test_an_arm_that_failed_stays_withheld_when_others_are_asked_for(
    study: Path, other: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    fit = Forest.fit

    def fails(head: Forest, x: Any, y: Any, seed: int) -> None:
        tried.append(seed)
        if seed == 0:
            raise ValueError("too few neighbours")
        fit(head, x, y, seed)

    with monkeypatch.context() as broken:
        broken.setattr(Forest, "fit", fails)
        first = prepare(Request("small.yaml"))
        carry_out(first, 1, lambda event: None)
        run, seeds = first.folder.path, len(tried)
        assert len(first.failures) == 1
        assert not asked(**other).missing
        assert len(tried) == seeds
    arms = {arm["arm"]: arm for arm in json.loads((run / "summary.json").read_text())["arms"]}
    assert arms["forest"]["status"] == "failed 1 of 2"
    assert all(metric["mean"] is None for metric in arms["forest"]["metrics"])
    reasons = {row.status: row.reason for row in read_stages(run / "stages.csv")}
    assert "too few neighbours" in reasons["failed"]
    asked(arms=["forest"])
    assert trainings(run) == {"mean": 2, "ridge": 2, "forest": 2}


def test_a_renamed_arm_goes_to_a_run_of_its_own_and_trains_nothing(study: Path) -> None:
    first = asked().folder.path
    before = (first / "results.csv").read_bytes()
    write(study, arms={("line" if name == "ridge" else name): arm for name, arm in ARMS.items()})
    prepared = prepare(Request("small.yaml"))
    assert prepared.folder.path == first.with_name("small-full-2")
    assert not prepared.missing
    assert "arms.ridge: was" in prepared.notes[0]
    assert str(prepared.folder.path) in prepared.notes[1]
    asked()
    assert trainings(prepared.folder.path) == {"mean": 2, "line": 2, "forest": 2}
    assert (first / "results.csv").read_bytes() == before
    assert asked().folder.path == prepared.folder.path, "the same study again is the same run"


def test_what_is_reused_is_said(study: Path) -> None:
    asked(arms=["ridge"])
    said = reused_stages(prepare(Request("small.yaml")))
    assert said == "all of mean, ridge"


def test_a_title_changes_no_run(study: Path) -> None:
    first = asked(arms=["ridge"]).folder
    write(study, title="Another title")
    assert asked(arms=["ridge"]).folder.path == first.path
    assert (first.study() or {})["title"] == "Another title"


def test_changed_data_are_told_and_results_are_replaced_only_as_told(
    study: Path, tmp_path: Path
) -> None:
    first = asked(arms=["ridge"]).folder.path
    before = (first / "results.csv").read_bytes()
    table = tmp_path / "small.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines, *(line.replace("0.", "0.1") for line in lines[1:4])]))
    beside = prepare(Request("small.yaml", arms=["ridge"]))
    assert beside.folder.path.name == "small-full-2"
    assert "3 rows more" in beside.notes[0].replace("data have 3 rows more", "3 rows more")
    assert (first / "results.csv").read_bytes() == before
    replaced = run_whole(Request("small.yaml", arms=["ridge"], name="small-full"))
    assert "are replaced" in replaced.notes[0]
    assert (first / "results.csv").read_bytes() != before


def test_changed_data_are_told_beside_runs_of_another_study(study: Path, tmp_path: Path) -> None:
    asked(arms=["ridge"])
    write(study, metric="rmse")
    second = asked(arms=["ridge"]).folder.path
    table = tmp_path / "small.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:-2]))
    third = prepare(Request("small.yaml", arms=["ridge"]))
    assert third.folder.path.name == "small-full-3"
    assert third.notes[0].startswith(f"{second}: the data have 2 rows fewer")
    write(study, metric="r2")
    assert "2 rows fewer" not in prepare(Request("small.yaml", arms=["ridge"])).notes[0]


@pytest.mark.parametrize("name", ["../x", "stages", "", "a/b", ".hidden"])
def test_a_name_that_is_no_folder_is_refused(study: Path, name: str) -> None:
    with pytest.raises(UserError, match="--as"):
        prepare(Request("small.yaml", name=name))


def test_a_named_run_of_another_study_is_refused(study: Path) -> None:
    asked(arms=["ridge"], name="mine")
    write(study, metric="rmse")
    with pytest.raises(UserError, match=r"--as mine: .*metric: was 'mae'.*another name"):
        prepare(Request("small.yaml", name="mine"))


def test_the_small_study_has_what_is_replaced_here() -> None:
    assert {"arms", "stages", "baseline", "split"} <= set(small())


def test_what_another_command_added_meanwhile_stays(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is prepared while the first trains, and its study is written, but no plan."""
    run = asked(arms=["ridge"]).folder.path
    kept = {name: (run / name).read_bytes() for name in ("plan.json", "stages.csv")}
    for name in kept:
        (run / name).unlink()
    working = RunFolder.working

    def first_ends(folder: RunFolder) -> AbstractContextManager[None]:
        for name, content in kept.items():
            (run / name).write_bytes(content)
        return working(folder)

    monkeypatch.setattr(RunFolder, "working", first_ends)
    with alone(Request("small.yaml", arms=["forest"])) as prepared:
        carry_out(prepared, 1, lambda event: None)
    assert trainings(run) == {"mean": 2, "ridge": 2, "forest": 2}


@pytest.mark.parametrize("damaged", [["plan.json"], ["plan.json", "stages.csv"]])
def test_a_damaged_plan_is_made_anew_and_its_arms_stay(study: Path, damaged: list[str]) -> None:
    run = asked(arms=["ridge"]).folder.path
    for name in damaged:
        (run / name).write_bytes(b"")
    asked(arms=["forest"])
    both = {"mean": 2, "forest": 2}
    assert trainings(run) == (both if "stages.csv" in damaged else both | {"ridge": 2})
    assert check(run).damaged == []
