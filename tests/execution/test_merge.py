"""Two folders of runs become one, as if one machine had run both; nothing damaged comes along."""

import fcntl
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from small_study import pretrain_spec, small, write_small
from whole_runs import run_whole

from nearfar.errors import UserError
from nearfar.execution.merge import _same_files, merge
from nearfar.execution.prepared import Request
from nearfar.plan.specs import Named
from nearfar.records.run_plan import PlannedCell, PlannedStage, RunPlan
from nearfar.records.seals import seal
from nearfar.records.stages import StageStore, write_stage

RUN = "small-full"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs ``a`` of seed 0, ``b`` of seed 1 and ``whole`` of both."""
    folder = tmp_path_factory.mktemp("merge")
    study = str(write_small(folder))
    for name, seeds in {"a": (0,), "b": (1,), "whole": (0, 1)}.items():
        run_whole(Request(study, out=folder / name, only_seeds=seeds))
    return folder


@pytest.fixture
def two(ran: Path, tmp_path: Path) -> Path:
    """Copies of ``a`` and ``b``, to be changed."""
    for name in ("a", "b"):
        shutil.copytree(ran / name, tmp_path / name)
    return tmp_path


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: timeless(inner) for key, inner in value.items() if key != "seconds"}
    return [timeless(inner) for inner in value] if isinstance(value, list) else value


def fit_of(out: Path) -> Path:
    """A finished stage with a model and predictions that is not in the other run."""
    return next(p.parent for p in sorted(out.glob("stages/*/predictions.csv")))


def test_merged_seeds_are_those_of_one_run_and_twice_changes_nothing(ran: Path, two: Path) -> None:
    before = files(two / "b")
    merged = merge(two / "out", [two / "a", two / "b"])
    assert (merged.lacking, merged.told, merged.seeds) == (False, [], 2)
    assert merged.stages == len(list((ran / "whole/stages").glob("*/done")))
    for name in ("results.csv", "plan.json", "samples.parquet"):
        assert (two / "out" / RUN / name).read_bytes() == (ran / "whole" / RUN / name).read_bytes()
    summaries = [
        timeless(json.loads((out / RUN / "summary.json").read_text()))
        for out in (two / "out", ran / "whole")
    ]
    assert summaries[0] == summaries[1]
    assert files(two / "b") == before
    once = files(two / "out")
    again = merge(two / "out", [two / "a", two / "b"])
    assert (again.stages, again.seeds, again.lacking) == (0, 0, False)
    assert files(two / "out") == once


@pytest.mark.parametrize("harm", ["spec", "cut", "missing"])
def test_a_damaged_stage_is_skipped_and_told(two: Path, harm: str) -> None:
    stage = fit_of(two / "b")
    model = stage / "model.safetensors"
    if harm == "spec":
        text = (stage / "stage.yaml").read_text()
        (stage / "stage.yaml").write_text(text.replace("seed: 1", "seed: 7"))
    elif harm == "cut":
        model.write_bytes(model.read_bytes()[:-1])
    else:
        (stage / "predictions.csv").unlink()
    merged = merge(two / "a", [two / "b"])
    assert merged.lacking
    assert [stage.name in line for line in merged.told] == [True]
    assert not (two / "a/stages" / stage.name).exists()
    assert "pending" in (two / "a" / RUN / "stages.csv").read_text()


def test_a_stage_at_work_is_left_to_who_holds_it(two: Path) -> None:
    stage = fit_of(two / "b").name
    with (two / "a/stages" / f"{stage}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        merged = merge(two / "a", [two / "b"])
        assert merged.lacking
        assert "at work" in merged.told[0]
        assert not (two / "a/stages" / stage).exists()
    assert not merge(two / "a", [two / "b"]).lacking
    assert (two / "a/stages" / stage / "done").exists()


def test_other_bytes_under_the_same_hash_leave_ours(two: Path, ran: Path) -> None:
    merge(two / "a", [ran / "whole"])
    stage = fit_of(two / "b")
    with (stage / "predictions.csv").open("a") as file:
        file.write((stage / "predictions.csv").read_text().splitlines()[1] + "\n")
    seal(stage)
    kept = files(two / "a/stages" / stage.name)
    merged = merge(two / "a", [two / "b"])
    assert "differs from ours" in merged.told[0]
    assert files(two / "a/stages" / stage.name) == kept


def test_another_study_of_the_name_is_told_and_changes_no_run(two: Path) -> None:
    raw = small()
    raw["arms"]["plain"]["fit"]["epochs"] = 2
    run_whole(Request(str(write_small(two, **raw)), out=two / "c", only_seeds=(1,)))
    before = files(two / "a" / RUN)
    merged = merge(two / "a", [two / "c"])
    assert merged.lacking
    assert "arms.plain.fit.epochs: was 3, now 2" in merged.told[-1]
    assert files(two / "a" / RUN) == before


def test_what_is_no_folder_of_runs_is_refused(two: Path) -> None:
    (two / "empty").mkdir()
    others = {
        "empty": "no folder of runs",
        "a": "merged into itself",
        f"b/{RUN}": f"it is a run, and its stages lie beside it: name {two / 'b'}$",
    }
    for other, said in others.items():
        with pytest.raises(UserError, match=said):
            merge(two / "a", [two / other])


def test_runs_on_other_embeddings_or_weights_are_refused(tmp_path: Path) -> None:
    def plan_of(store: StageStore, seed: int, **arms: Named) -> RunPlan:
        cells = []
        for arm, encoder in arms.items():
            name = f"{arm}{seed}"
            with store.working_on(name) as (folder,):
                write_stage(folder, pretrain_spec(encoder, seed).to_plain(), {"status": "done"})
            chain = (PlannedStage("pretrain:one", name, "", "cpu"),)
            cells.append(PlannedCell(arm, seed, "", True, chain))
        return RunPlan(tuple(cells), {}, "", (), False, "vector", "", {}, (), (), 0)

    ours, theirs = StageStore(tmp_path / "ours"), StageStore(tmp_path / "theirs")
    one, other = ({"timm": Named("timm", {"checkpoint": 16 * digit})} for digit in "ab")
    file = Named("joined", {"parts": [{"file": {"digest": "c"}}, {"mlp": {}}]})
    own = plan_of(ours, 0, file=file, plain=Named("mlp", {}), **one)
    _same_files(own, ours, plan_of(theirs, 1, file=file, plain=Named("mlp", {}), **one), theirs)
    with pytest.raises(UserError, match=r"embeddings or weights \(arm 'timm'\)"):
        _same_files(own, ours, plan_of(theirs, 2, file=file, **other), theirs)
