"""No command writes over what a run was made from, with ``--force`` either."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from small_study import small, write_small
from whole_runs import run_whole

from nearfar.commands import write_document, write_splits
from nearfar.commands.models import embed_file, export_run
from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Request
from nearfar.starter.write import write_study

Command = Callable[[Path, Path, Path], object]
COMMANDS: dict[str, Command] = {
    "predict": lambda run, new, out: predict_file(run, "ridge", new, out, force=True),
    "embed": lambda run, new, out: embed_file(run, new, out, "ridge", force=True),
    "report": lambda run, new, out: write_document(run, "md", out, force=True),
    "splits": lambda run, new, out: write_splits(run, out, force=True),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study beside its data, with a run and a model of it."""
    place = tmp_path_factory.mktemp("kept")
    arms = {"ridge": {"fit": small()["arms"]["ridge"]["fit"]}}
    data = {**small()["data"], "path": "small.parquet"}
    study = write_small(place, arms=arms, stages={}, baseline="ridge", data=data)
    pd.read_csv(place / "small.csv").to_parquet(place / "small.parquet")
    run_whole(Request(str(study), out=place / "runs"))
    shutil.copyfile(place / "small.parquet", place / "new.parquet")
    return place


@pytest.mark.parametrize("command", COMMANDS)
def test_the_data_of_the_run_stay(folder: Path, command: str) -> None:
    data = folder / "small.parquet"
    before = data.read_bytes()
    run = next((folder / "runs").glob("small-*"))
    with pytest.raises(UserError, match=r"small\.parquet: is read for this; name another file"):
        COMMANDS[command](run, folder / "new.parquet", data)
    assert data.read_bytes() == before


def test_study_files_stay(folder: Path, tmp_path: Path) -> None:
    run, study = next((folder / "runs").glob("small-*")), folder / "small.yaml"
    before = study.read_bytes()
    with pytest.raises(UserError, match=r"small\.yaml: is a study file; name another file"):
        write_document(run, "md", study, force=True)
    assert study.read_bytes() == before
    (tmp_path / "notes.yaml").write_text("mine: 1\n")
    write_document(run, "md", tmp_path / "notes.yaml", force=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_put_into_a_run_its_stages_or_a_model(folder: Path, command: str) -> None:
    run = next((folder / "runs").glob("small-*"))
    other, model = folder / "others" / "small-full", folder / "model"
    if not model.exists():
        shutil.copytree(run, other)
        export_run(run, model, "ridge")
    stage = next((run.parent / "stages").iterdir())
    models = {model: "a model", model / "seed-0": "a model"}
    for place, what in {run: "a run", other: "a run", stage: "stages", **models}.items():
        with pytest.raises(UserError, match=rf"a folder of {what}, where nearfar alone writes"):
            COMMANDS[command](run, folder / "new.parquet", place / "p.parquet")
        assert not (place / "p.parquet").exists()
    with pytest.raises(UserError, match=r"-o .*a folder of a run, where nearfar alone writes"):
        export_run(run, run / "winner", "ridge")
    with pytest.raises(UserError, match=r"--out .*a folder of a run, where nearfar alone writes"):
        write_study(folder / "new.parquet", ["y"], run / "new.yaml")
