"""A model needs nothing beside itself: no data file, no run, no place where it was made."""

import csv
import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_study import small, write_small
from whole_runs import run_whole

from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Request
from nearfar.models import FinishedModel, InputSchema, load
from nearfar.models.schema import without_study_keys

ARMS = ("mean", "ridge", "forest", "frozen", "tuned")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study, its run, and new rows."""
    folder = tmp_path_factory.mktemp("world")
    study = write_small(
        folder,
        split={"kind": "folds", "folds": 3},
        axes={"seed": {"role": "repeat", "values": 3}},
        arms={arm: small()["arms"][arm] for arm in ARMS},
        baseline="tuned",
    )
    run_whole(Request(str(study), out=folder / "runs"))
    lines = (folder / "small.csv").read_text().splitlines()
    (folder / "new.csv").write_text("\n".join([lines[0], *lines[5:25]]) + "\n")
    return folder


def predicted(run: Path, data: Path, arm: str | None = "tuned") -> bytes:
    output = data.with_name("predicted.csv")
    predict_file(run, arm, data, output, force=True)
    return output.read_bytes()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def shuffled_columns(path: Path) -> None:
    rows = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text("\n".join(",".join(reversed(row)) for row in rows) + "\n")


def shuffled_rows(path: Path) -> None:
    head, *rows = path.read_text().splitlines()
    random.Random(1).shuffle(rows)
    path.write_text("\n".join([head, *rows]) + "\n")


def test_predictions_stay_what_they_were_whatever_becomes_of_the_training_file(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    shutil.copytree(world, here)
    run = here / "runs" / "small-full"
    before = predicted(run, here / "new.csv")
    for change in (shuffled_columns, shuffled_rows, Path.unlink):
        change(here / "small.csv")
        assert predicted(run, here / "new.csv") == before, change
    shutil.move(here, tmp_path / "moved")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    run = Path("../moved/runs/small-full")
    assert predicted(run, Path("../moved/new.csv")) == before


@pytest.mark.parametrize("arm", ARMS)
def test_a_folder_of_a_model_predicts_what_the_run_does(
    world: Path, tmp_path: Path, arm: str
) -> None:
    run = world / "runs" / "small-full"
    model = FinishedModel.from_run(run, arm)
    model.save(tmp_path / "model")
    shutil.copyfile(world / "new.csv", tmp_path / "new.csv")
    assert predicted(tmp_path / "model", tmp_path / "new.csv", None) == predicted(
        run, world / "new.csv", arm
    )
    again = load(tmp_path / "model")
    assert again.schema == model.schema
    rows = again.schema.read(tmp_path / "new.csv").inputs
    np.testing.assert_array_equal(again.features(rows), model.features(rows))
    assert not list((tmp_path / "model").rglob("*.pt"))
    assert not list((tmp_path / "model").rglob("*.pkl"))


def test_one_seed_of_a_model_has_the_intervals_of_that_seed_in_the_run(
    world: Path, tmp_path: Path
) -> None:
    run = world / "runs" / "small-full"
    FinishedModel.from_run(run, "ridge").save(tmp_path / "model")
    rows = FinishedModel.from_run(run, "ridge").schema.read(world / "new.csv").inputs
    one = FinishedModel.from_run(run, "ridge", seed=1)
    outputs = [tmp_path / "a.csv", tmp_path / "b.csv"]
    predict_file(run, "ridge", world / "new.csv", outputs[0], 1, 0.8)
    predict_file(tmp_path / "model", None, world / "new.csv", outputs[1], 1, 0.8)
    names = ("y_pred", "y_low", "y_high")
    cells = [[[row[name] for name in names] for row in rows_of(path)] for path in outputs]
    assert cells[0] == cells[1]
    assert all(float(low) < float(mid) < float(high) for mid, low, high in cells[0])
    assert one.predict(rows, level=0.8).deviation is None


def said(folder: Path, **changes: object) -> None:
    """Change what config.json says; None takes an entry away."""
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


@pytest.mark.parametrize(
    ("harm", "phrase"),
    [
        (lambda f: (f / "seed-0" / "model.safetensors").unlink(), "is missing: copy the whole"),
        (lambda f: (f / "seed-0" / "model.safetensors").write_bytes(b"x"), "another SHA-256"),
        (lambda f: (f / "config.json").write_text("{"), "is damaged, or no model"),
        (lambda f: (f / "config.json").unlink(), "not a run folder"),
        (
            lambda f: said(f, format=99),
            "in format 99; this is nearfar .* install the one that made it",
        ),
        (lambda f: said(f, estimator="SimCLR"), r"a saved estimator: nearfar\.sklearn\.load"),
        (lambda f: said(f, unit="m"), "config.json: is not as nearfar wrote it"),
        (lambda f: said(f, sha256=None, members=[{}]), r"is damaged, or no model .*\(KeyError"),
        (lambda f: said(f, sha256=None, inputs=3), "is damaged, or no model"),
    ],
)
def test_a_damaged_model_is_refused_in_one_line(
    world: Path, tmp_path: Path, harm: object, phrase: str
) -> None:
    FinishedModel.from_run(world / "runs" / "small-full", "ridge").save(tmp_path / "model")
    harm(tmp_path / "model")  # type: ignore[operator]
    with pytest.raises(UserError, match=phrase) as caught:
        predict_file(tmp_path / "model", None, world / "new.csv", tmp_path / "p.csv")
    assert "\n" not in str(caught.value)


def test_a_model_is_never_written_over_something(world: Path) -> None:
    model = FinishedModel.from_run(world / "runs" / "small-full", "mean")
    with pytest.raises(UserError, match="is there already; name a new folder"):
        model.save(world)


def test_a_schema_comes_back_from_its_plain_form(world: Path) -> None:
    schema = FinishedModel.from_run(world / "runs" / "small-full", "mean").schema
    assert InputSchema.from_plain(json.loads(json.dumps(schema.to_plain()))) == schema
    assert [column.name for column in schema.columns] == ["a", "b", "c"]


def test_other_columns_are_told_or_refused(world: Path, tmp_path: Path) -> None:
    run, new = world / "runs" / "small-full", tmp_path / "new.csv"
    shutil.copyfile(world / "new.csv", new)
    expected = predicted(run, new, "ridge")
    there = [row["y_pred"] for row in rows_of(tmp_path / "predicted.csv")]
    shuffled_columns(new)
    assert predicted(run, new, "ridge") != expected
    assert [row["y_pred"] for row in rows_of(tmp_path / "predicted.csv")] == there
    new.write_text("a,B ,c\n1,2,3\n")
    with pytest.raises(UserError, match=r"no column 'b', .*; rename 'B' if it is meant"):
        predicted(run, new, "ridge")
    new.write_text("a,c,y\n1,2,3\n")
    with pytest.raises(UserError, match="no column 'b', which the model takes"):
        predicted(run, new, "ridge")


def test_messages_name_no_key_of_a_study_that_is_not_there() -> None:
    for message, said in {
        "t.csv: no column of images: set data: image to one of a, b": "t.csv: no column of images"
        "; columns: a, b",
        'line 2: 1,5 is no number: with decimal commas, set data: decimal: ","': "line 2: 1,5 is "
        "no number: write it with a decimal point, as other numbers here are written",
        "a is '1,500.5', not a number: with signs between thousands, set data: decimal: \".\"": "a "
        "is '1,500.5', not a number: write 1500.5, without signs between thousands",
        'a is 1,500: with signs between thousands, set data: decimal: ".", 2 more': "a is 1,500: "
        "write it without signs between thousands, 2 more",
        "x.csv: no sheet 'a' (data: sheet); allowed: b": "x.csv: no sheet 'a'; allowed: b",
        "t.csv: no column 'a'": "t.csv: no column 'a'",
    }.items():
        assert without_study_keys(message) == said


def test_a_decimal_comma_beside_decimal_points_is_refused_with_what_helps(
    world: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new.csv"
    new.write_text('a,b,c\n"0,5",1.5,2.5\n"1,5",2.5,3.5\n')
    said = "feature 'a' is '0,5', not a number: write 0.5, with a decimal point, as other numbers"
    with pytest.raises(UserError, match=said) as found:
        predicted(world / "runs" / "small-full", new, "ridge")
    assert "data:" not in str(found.value)
    new.write_text('a,b,c\n"290,5",1.5,2.5\n1.5,2.5,3.5\n2.5,"1,2,3",4.5\n')
    told = predict_file(world / "runs" / "small-full", "ridge", new, tmp_path / "p.csv")
    reasons = [row["reason"] for row in rows_of(tmp_path / "p.csv")]
    assert reasons[0].startswith("feature 'a' is '290,5', not a number: write 290.5, with")
    assert reasons[2] == "feature 'b' is '1,2,3', not a number"
    assert "data:" not in told + "".join(reasons)


def test_an_arm_or_a_level_that_is_not_there_is_refused(world: Path, tmp_path: Path) -> None:
    run = world / "runs" / "small-full"
    FinishedModel.from_run(run, "ridge").save(tmp_path / "model")
    for given, phrase in (
        ({"arm": "rigde"}, "has no arm 'rigde'; did you mean 'ridge'"),
        ({"level": 90}, "--level 90: allowed: .*; 90% is 0.9"),
        ({"batch": 0}, "--batch 0: allowed"),
        ({"device": "gpu"}, "--device: unknown value 'gpu'"),
    ):
        asked = {"arm": "ridge", **given}
        with pytest.raises(UserError, match=phrase):
            predict_file(run, data=world / "new.csv", output=tmp_path / "p.csv", **asked)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="is a model of ridge alone: leave it out"):
        predict_file(tmp_path / "model", "mean", world / "new.csv", tmp_path / "p.csv")
    with pytest.raises(UserError, match="has no such seed; allowed: 0, 1"):
        predict_file(tmp_path / "model", None, world / "new.csv", tmp_path / "p.csv", 7)
    assert not (tmp_path / "p.csv").exists()
