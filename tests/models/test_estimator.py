"""``nearfar.load``: rows of every form, the same predictions, and models that are refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from image_examples import picture, write_images
from made_models import (
    SMILES,
    fit_spec,
    image_schema,
    made_model,
    molecule_schema,
    table_schema,
)
from small_study import small, write_small
from whole_runs import run_whole

import nearfar
from nearfar.data.inputs.columns import Column, Columns, texts
from nearfar.data.prepare.preparation import Preparation
from nearfar.errors import UserError
from nearfar.execution.prepared import Request
from nearfar.models import ColumnSchema, InputSchema
from nearfar.models.estimator import Estimator
from nearfar.models.given import rows_of


def of_table(**options: Any) -> Estimator:
    return Estimator(made_model(table_schema(), {"mlp": {"hidden": 8}}, fit_spec(), **options))


def frame(rows: int = 5) -> pd.DataFrame:
    values = np.random.default_rng(0).normal(size=(rows, 4))
    return pd.DataFrame(values, columns=["x0", "x1", "x2", "x3"])


def test_few_rows_of_any_scale_are_what_training_rows_were() -> None:
    model = of_table()
    for rows in (frame(2), 1e-6 * frame(3), 1e9 + frame(3), frame(1)):
        assert np.isfinite(model.predict(rows)).all()
        np.testing.assert_allclose(model.predict(rows)[:1], model.predict(rows.head(1)), rtol=1e-4)


def test_rows_of_a_table_may_come_in_any_form(tmp_path: Path) -> None:
    model, rows = of_table(), frame()
    expected = model.predict(rows)
    assert expected.shape == (5,)
    rows.to_csv(tmp_path / "rows.csv", index=False)
    others: list[Any] = [
        rows[["x3", "x0", "x2", "x1"]].assign(more="text"),
        rows.to_numpy(),
        rows.to_numpy().tolist(),
        rows.to_dict("list"),
        rows.to_dict("records"),
        pa.Table.from_pandas(rows),
        str(tmp_path / "rows.csv"),
        rows.astype(pd.SparseDtype("float")),
        torch.tensor(rows.to_numpy(), requires_grad=True),
        list(torch.tensor(rows.to_numpy(), requires_grad=True)),
        pl.from_pandas(rows).lazy(),
    ]
    for other in others:
        np.testing.assert_allclose(model.predict(other), expected, rtol=1e-6)
    halves = torch.tensor(rows.to_numpy(), dtype=torch.bfloat16)
    np.testing.assert_allclose(model.predict(halves), model.predict(halves.double()), rtol=1e-6)


NUMBERS = np.arange(12.0).reshape(6, 2)


@pytest.mark.parametrize(
    "given",
    [
        NUMBERS.astype(np.longdouble),
        NUMBERS.astype(np.longdouble).astype(object),
        NUMBERS.astype(">f8"),
        NUMBERS.astype(">i4"),
        NUMBERS.astype(str).astype(np.dtypes.StringDType()),
        {f"x{k}": NUMBERS[:, k].astype(np.longdouble) for k in range(2)},
        pd.DataFrame(NUMBERS.astype(np.longdouble), columns=["x0", "x1"]),
        pd.DataFrame(NUMBERS.astype(">f8"), columns=["x0", "x1"]),
    ],
)
def test_numbers_of_any_type_are_read(given: Any) -> None:
    np.testing.assert_array_equal(rows_of(table_schema(2), given).inputs.values, NUMBERS)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "given",
    [
        NUMBERS.astype(complex),
        NUMBERS.astype(np.clongdouble),
        NUMBERS.astype(complex).astype(object),
        np.full((6, 2), np.datetime64("2020", "Y")),
        np.full((6, 2), np.datetime64("2020-01-01", "ns")),
        NUMBERS.view("V8"),
    ],
)
def test_what_is_no_number_is_told_in_a_line(given: Any) -> None:
    with pytest.raises(UserError, match=r"^X") as told:
        rows_of(table_schema(2), given)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("gap", [None, float("nan"), pd.NA])
def test_gaps_of_records_are_gaps(gap: Any) -> None:
    """As a frame's own: ``to_dict("records")`` has NaN among texts and truth values."""
    kinds = {"hue": "category", "on": "boolean", "when": "date", "x": "number"}
    columns = tuple(ColumnSchema(name, kind) for name, kind in kinds.items())
    schema = InputSchema("vector", {"source": "table", "target": "y"}, columns, complete=False)
    full = {"hue": "red", "on": True, "when": pd.Timestamp("2024-05-01"), "x": 1.5}
    records = [full, dict.fromkeys(full, gap), {**full, "when": pd.NaT}]
    table = {name: [record[name] for record in records] for name in full}
    cells = np.array([list(record.values()) for record in records], dtype=object)
    for given in (records, table, cells):
        found: Any = rows_of(schema, given).inputs
        there = {column.name: column.cells.tolist() for column in found.columns}
        assert there["hue"] == ["red", "", "red"]
        for name, nothing in (("on", [1]), ("x", [1]), ("when", [1, 2])):
            assert np.flatnonzero(np.isnan(there[name])).tolist() == nothing


def test_periods_are_the_dates_they_begin_at() -> None:
    schema = InputSchema("vector", {"source": "table"}, (ColumnSchema("d", "date"),), False)
    days = ["2024-05-01", "2024-06-01"]
    seconds = [pd.Timestamp(day).timestamp() for day in days]
    for given in (pd.PeriodIndex(days, freq="M"), pd.PeriodIndex(days, freq="D"), days):
        found: Any = rows_of(schema, pd.DataFrame({"d": given})).inputs
        assert found.columns[0].cells.tolist() == seconds


def masked() -> Any:
    """Rows one cell of which is masked: what lies under the mask is no number of the user's."""
    rows = np.ma.masked_array(np.ones((3, 4)), mask=np.zeros((3, 4)))
    rows[1, 2] = np.ma.masked
    return rows


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (np.zeros((3, 2)), r"X has shape 3x2; this model takes 4 columns, in this order: x0, x1"),
        (np.zeros(4), r"X has shape 4, one row: give \[X\]"),
        (pd.Series(np.zeros(4)), r"one row: give X.to_frame\(\).T"),
        (np.zeros(3), "X has shape 3; this model takes 4 columns"),
        (frame().drop(columns="x2"), "x2"),
        (frame().replace(frame().iloc[2, 1], np.nan), r"X\[2\]: "),
        (frame().iloc[:0], "X has no rows"),
        (frame().assign(age=pd.cut(frame()["x0"], 2)), "X: column 'age' has categories of a type"),
        ({name: [2**70] for name in frame()}, "X: a column of mixed or unknown type: .*Python int"),
        ("nowhere.csv", "X: cannot read 'nowhere.csv'; allowed: a data frame"),
        (None, "X: cannot read NoneType"),
        (iter([[1, 2]]), "X: cannot read list_iterator"),
        (frame().assign(x1="a"), r"^X\[0\]: feature 'x1' is 'a', not a number"),
        (frame().drop(columns="x2"), "^X: no column 'x2'"),
        ({"x0": 1}, "X: a column is 1 and no list of cells"),
        ([[1, 2], [3]], "X: cannot read list"),
        (pd.concat([frame(), frame()[["x0"]]], axis=1), "X: column 'x0' stands 2 times"),
        (np.array([[1, 2, 3, 4], ["a", 2, 3, 4]], dtype=object), "X: a column of mixed or unknown"),
        (masked(), r"^X\[1\]: feature 'x2' is missing"),
        ("x" * 5000, "X: cannot read 'xxx"),
    ],
)
def test_rows_that_cannot_be_used_are_told_in_one_line(given: Any, told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        of_table().predict(given)
    assert "\n" not in str(caught.value)
    assert "/tmp" not in str(caught.value)


def test_arguments_of_other_types_are_told_in_one_line(tmp_path: Path) -> None:
    model = of_table()
    (tmp_path / "file").write_text("")
    calls: list[tuple[str, Any]] = [
        ("model: needs a path, not 3", lambda: nearfar.load(3)),  # type: ignore[arg-type]
        ("device: unknown value None", lambda: nearfar.load(tmp_path, device=None)),  # type: ignore[arg-type]
        ("run: needs a path, not None", lambda: nearfar.load_run(None)),  # type: ignore[arg-type]
        ("study: needs a path, not 3", lambda: nearfar.run(3)),  # type: ignore[arg-type]
        ("out: needs a path, not 3", lambda: nearfar.compare([1, 2], [1, 2], out=3)),  # type: ignore[arg-type]
        ("save: needs a path, not None", lambda: model.save(None)),  # type: ignore[arg-type]
        ("save .*: is not a folder", lambda: model.save(tmp_path / "file")),
        ("save .*file is a file, so no folder", lambda: model.save(tmp_path / "file" / "x")),
        ("level 'a': allowed: from 0.5", lambda: model.predict_interval(frame(), "a")),  # type: ignore[arg-type]
    ]
    for told, call in calls:
        with pytest.raises(UserError, match=told) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_molecules_are_a_list_of_smiles() -> None:
    model = Estimator(made_model(molecule_schema(), {"gin": {"hidden": 8}}, fit_spec()))
    expected = model.predict(SMILES)
    assert expected.shape == (len(SMILES),)
    assert model.transform(SMILES).shape == (len(SMILES), 200)
    assert np.array_equal(model.predict(np.array(SMILES)), expected)
    assert np.array_equal(model.predict(pl.Series(SMILES)), expected)
    assert np.array_equal(model.predict(pd.DataFrame({"smiles": SMILES})), expected)
    with pytest.raises(UserError, match=r"X\[1\]: .*; 1 more bad row"):
        model.predict(["C", "no molecule", "C(("])
    assert np.array_equal(model.predict([{"smiles": text} for text in SMILES]), expected)
    for gap in (None, np.nan, pd.NA):
        with pytest.raises(UserError, match=r"^X\[1\]: .*missing"):
            model.predict([SMILES[0], gap, SMILES[1]])
    with pytest.raises(UserError, match="allowed: a list of SMILES"):
        model.predict([1, 2])


def test_pictures_are_paths_pillow_images_or_arrays(tmp_path: Path) -> None:
    names = ["a.png", "b.png", "c.png"]
    pixels = write_images(tmp_path, names, side=16)
    model = Estimator(
        made_model(
            image_schema(), {"cnn": {"width": 4}}, fit_spec(), task="classification", outputs=3
        )
    )
    expected = model.predict_proba([tmp_path / name for name in names])
    assert expected.shape == (3, 3)
    np.testing.assert_allclose(expected.sum(axis=1), 1)
    for other in (
        [picture(one) for one in pixels],
        pixels.transpose(0, 2, 3, 1),
        np.array([*pixels.transpose(0, 2, 3, 1)], dtype=object),
        tmp_path,
    ):
        np.testing.assert_allclose(model.predict_proba(other), expected, rtol=1e-6)
    classes = model.predict(pixels.transpose(0, 2, 3, 1))
    assert list(classes) == [f"k{k}" for k in expected.argmax(axis=1)]
    with pytest.raises(UserError, match=r"X\[1\]: no such file"):
        model.predict([tmp_path / "a.png", tmp_path / "gone.png"])
    with pytest.raises(UserError, match=r"X has shape 16x16x3, one picture: give X\[None\]"):
        model.predict(pixels[0].transpose(1, 2, 0))
    with pytest.raises(UserError, match="X: cannot read Image; allowed: a list of paths"):
        model.predict(picture(pixels[0]))


def test_arrays_that_hold_no_numbers_are_no_pictures() -> None:
    model = Estimator(made_model(image_schema(), {"cnn": {"width": 4}}, fit_spec(), outputs=3))
    with pytest.raises(UserError, match="X: cannot read ndarray; allowed: a list of paths"):
        model.predict(np.full((2, 16, 16, 3), "red", dtype=object))


def test_what_predict_tells_of_rows_is_a_warning(tmp_path: Path) -> None:
    """At the caller's own line, from every call: categories that training did not know, sizes."""
    columns = Columns([Column("hue", "category", texts(["red", "blue"] * 20))])
    preparation = Preparation.fit(columns, np.arange(40))
    schema = InputSchema(
        "vector", {"source": "table"}, (ColumnSchema("hue", "category"),), complete=False
    )
    made = made_model(schema, {"mlp": {"hidden": 8}}, fit_spec(), preparations=[preparation] * 2)
    words = r"column 'hue': 1 row has a category that the model does not know by name \('Red'\)"
    for call in (Estimator(made).predict, Estimator(made).transform):
        call({"hue": ["red", "blue"]})
        with pytest.warns(UserWarning, match=words) as told:
            call({"hue": ["red", "Red"]})
        assert told[0].filename == __file__
    pictures = Estimator(made_model(image_schema(), {"cnn": {"width": 4}}, fit_spec()))
    with pytest.warns(UserWarning, match="2 images: resized to 16x16, as the study's are"):
        pictures.predict(np.zeros((2, 8, 8, 3), np.uint8))


def test_relative_paths_in_a_table_begin_at_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Estimator(made_model(image_schema(), {"cnn": {"width": 4}}, fit_spec(), outputs=3))
    names = ["a.png", "b.png"]
    write_images(tmp_path, names, side=16)
    monkeypatch.chdir(tmp_path)
    expected = model.predict(names)
    others: list[Any] = [
        pd.DataFrame({"file": names}),
        [{"file": name} for name in names],
        {"file": names},
        pd.DataFrame({"file": pd.Categorical([str(tmp_path / name) for name in names])}),
    ]
    for other in others:
        np.testing.assert_allclose(model.predict(other), expected, rtol=1e-6)
    with pytest.raises(UserError, match=rf"^X\[1\]: .*: {tmp_path}/gone.png"):
        model.predict({"file": ["a.png", "gone.png"]})


def test_labels_and_numbers_say_what_they_cannot_do() -> None:
    labels = of_table(task="multilabel", outputs=2)
    assert set(labels.predict(frame()).ravel()) <= {0, 1}
    assert labels.predict_proba(frame()).shape == (5, 2)
    numbers = of_table(outputs=2)
    assert numbers.predict(frame()).shape == (5, 2)
    with pytest.raises(UserError, match=r"predicts numbers .* use predict"):
        numbers.predict_proba(frame())
    for call in (labels.predict_set, labels.predict_interval):
        with pytest.raises(UserError, match=r"use predict_proba; `nearfar predict` writes"):
            call(frame())
    with pytest.raises(UserError, match="predicts no classes: use predict_interval"):
        numbers.predict_set(frame())
    with pytest.raises(UserError, match=r"level 90: allowed: from 0.5 to below 1"):
        numbers.predict_interval(frame(), 90)
    with pytest.raises(UserError, match=r"no intervals at level 0.9: .*no predictions of held-out"):
        numbers.predict_interval(frame())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    arms = {name: small()["arms"][name] for name in ("mean", "ridge", "plain", "tuned")}
    axes = {"seed": {"role": "repeat", "values": 3}}
    study = write_small(folder, arms=arms, baseline="plain", axes=axes)
    return run_whole(Request(str(study), out=folder / "runs")).folder.path


def test_from_a_run_to_a_notebook(run: Path, tmp_path: Path) -> None:
    from nearfar.commands.models import export_run

    told = export_run(run, tmp_path / "model", "tuned")
    assert "wrote tuned, 3 models" in told
    rows = pd.read_csv(run.parents[1] / "small.csv")
    model = nearfar.load(tmp_path / "model")
    found = model.predict(rows)
    assert np.isfinite(found).all()
    ends = model.predict_interval(rows, 0.8)
    assert ((ends[:, 0] < found) & (found < ends[:, 1])).all()
    with pytest.raises(UserError, match=r"level 0.99: they need 99 held-out rows, and there are "):
        model.predict_interval(rows, 0.99)
    assert "tuned of small, y, 3 models" in repr(model)
    moved = tmp_path / "else" / "where"
    moved.parent.mkdir()
    (tmp_path / "model").rename(moved)
    assert np.array_equal(nearfar.load(moved).predict(rows), found)


def test_embed_writes_ids_and_features(run: Path, tmp_path: Path) -> None:
    from nearfar.commands.models import embed_file

    data = run.parents[1] / "small.csv"
    embed_file(run, data, tmp_path / "f.npz", "tuned")
    with np.load(tmp_path / "f.npz") as file:
        ids, features = file["row_number"], file["features"]
    assert list(ids[:2]) == ["1", "2"]
    assert features.shape == (60, 8)
    embed_file(run, data, tmp_path / "f.parquet", "tuned")
    table = pd.read_parquet(tmp_path / "f.parquet")
    assert list(table.columns) == ["row_number", *(f"feature{k}" for k in range(8))]
    assert np.array_equal(table.iloc[:, 1:].to_numpy(), features)
    spans = pd.read_csv(data).assign(a=pd.to_timedelta(np.arange(60), unit="s"))
    spans.to_parquet(tmp_path / "spans.parquet")
    said = embed_file(run, tmp_path / "spans.parquet", tmp_path / "s.npz", "tuned")
    assert said.endswith("spans.parquet: column 'a': spans of time, in seconds")
    for output, wrong in (
        (tmp_path / "f.csv", "end it in one of these"),
        (tmp_path / "f.npz", "is there already"),
        (data, "end it in one of these"),
        (tmp_path, "end it in one of these"),
    ):
        with pytest.raises(UserError, match=wrong):
            embed_file(run, data, output, "tuned")
    own = run / "own.parquet"
    shutil.copyfile(tmp_path / "f.parquet", own)
    with pytest.raises(UserError, match="is read for this"):
        embed_file(run, data, own, "tuned", force=True)
    own.unlink()
    with pytest.raises(UserError, match="mean looks at no features"):
        embed_file(run, data, tmp_path / "g.npz", "mean")


def test_refit_trains_on_all_rows_and_the_card_says_so(run: Path, tmp_path: Path) -> None:
    from nearfar.commands.models import export_run
    from nearfar.models import FinishedModel

    export_run(run, tmp_path / "all", "tuned", refit=True)
    card = (tmp_path / "all" / "README.md").read_text()
    assert "trained once more on all 60 rows" in card
    assert "none is left to measure it on" in card
    made = FinishedModel.load(tmp_path / "all")
    mean = made.members[0].fitted.outcome["scaler"]["mean"]
    truth = pd.read_csv(run.parents[1] / "small.csv")["y"].mean()
    assert mean == pytest.approx([truth])
    assert len({member.stage for member in made.members}) == 3
    assert made.calibration is not None
    assert made.calibration.source.startswith("the earlier models' ")
    assert " of " not in made.calibration.source
    with pytest.raises(UserError, match="--device cpu: is for --refit"):
        export_run(run, tmp_path / "other", "tuned", device="cpu")
    with pytest.raises(UserError, match=r"--refit: .* is an exported model"):
        export_run(tmp_path / "all", tmp_path / "again", None, refit=True)


def test_refit_says_that_it_needs_the_data_as_they_were(run: Path, tmp_path: Path) -> None:
    from nearfar.commands.models import export_run

    data, away = run.parents[1] / "small.csv", tmp_path / "away.csv"
    shutil.move(data, away)
    try:
        with pytest.raises(UserError, match="--refit reads the training data: no such data file"):
            export_run(run, tmp_path / "all", "plain", refit=True)
        data.write_text("".join(away.read_text().splitlines(keepends=True)[:-1]))
        with pytest.raises(UserError, match="--refit: the data have changed since"):
            export_run(run, tmp_path / "all", "plain", refit=True)
    finally:
        shutil.move(away, data)
    assert not (tmp_path / "all").exists()


def test_refit_says_where_it_cannot_keep_its_trainings(tmp_path: Path) -> None:
    from types import SimpleNamespace

    from nearfar.execution.refit import _carried_out
    from nearfar.records.stages import StageStore

    (tmp_path / "file").write_text("")
    step: Any = SimpleNamespace(hash="0123456789abcdef", name="fit")
    data: Any = None
    with pytest.raises(UserError, match=r"--refit, which keeps its trainings .*file is a file"):
        _carried_out(step, data, StageStore(tmp_path / "file" / "stages"))


def test_nothing_is_written_over(run: Path, tmp_path: Path) -> None:
    from nearfar.commands.models import export_run

    own = tmp_path / "own"
    own.mkdir()
    (own / "thesis.txt").write_text("two years")
    for force in (False, True):
        with pytest.raises(UserError, match="holds what is no model of nearfar"):
            export_run(run, own, "ridge", force=force)
    with pytest.raises(UserError, match="is there already and no folder"):
        export_run(run, own / "thesis.txt", "ridge", force=True)
    export_run(run, tmp_path / "model", "ridge")
    with pytest.raises(UserError, match="--force puts the new model in its place"):
        export_run(run, tmp_path / "model", "plain")
    export_run(run, tmp_path / "model", "plain", force=True)
    assert nearfar.load(tmp_path / "model").model.arm == "plain"
    for name, words in {
        "notes.txt": r"that are not the model's \(notes.txt\), which --force would remove",
        "seed-0/config.json": r"that are not the model's \(seed-0/config.json\)",
        "README.md": "its card, README.md, was edited, and --force would replace it",
    }.items():
        place = tmp_path / "model" / name
        before = place.read_text() if place.exists() else ""
        place.write_text(f"{before}mine\n")
        with pytest.raises(UserError, match=words):
            export_run(run, tmp_path / "model", "plain", force=True)
        assert place.read_text() == f"{before}mine\n"
        place.unlink()
    export_run(run, tmp_path / "model", "plain", force=True)
    with pytest.raises(UserError, match="unknown format 'onx'; did you mean 'onnx'"):
        export_run(run, tmp_path / "other", "ridge", "onx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "own"]
    assert sorted(path.name for path in own.iterdir()) == ["thesis.txt"]


def test_a_folder_that_is_not_whole_is_refused(run: Path, tmp_path: Path) -> None:
    from nearfar.commands.models import export_run

    folder = tmp_path / "model"
    export_run(run, folder, "plain")
    (folder / "README.md").write_text("my own words")
    nearfar.load(folder)
    weights = folder / "seed-1" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(UserError, match="damaged or was changed"):
        nearfar.load(folder)
    weights.unlink()
    with pytest.raises(UserError, match="missing"):
        nearfar.load(folder)
    weights.write_bytes(whole)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "format": 99}))
    with pytest.raises(UserError, match="format 99"):
        nearfar.load(folder)
    with pytest.raises(UserError, match="no folder of a model"):
        nearfar.load(tmp_path)
    with pytest.raises(UserError, match=r"no such folder; a model on the hub .*from_pretrained"):
        nearfar.load(tmp_path / "owner" / "name")
    with pytest.raises(UserError, match=r"it is a run: nearfar.load_run"):
        nearfar.load(run)


def test_the_hub_is_asked_for_what_is_no_folder(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub
    from huggingface_hub.utils import filter_repo_objects

    from nearfar.commands.models import export_run

    export_run(run, tmp_path / "model", "plain")
    sent: list[tuple[str, str]] = []

    class Api:
        def __init__(self, library_name: str) -> None:
            assert library_name == "nearfar"

        def create_repo(self, name: str, *, private: bool, exist_ok: bool) -> None:
            assert private
            assert exist_ok

        def upload_folder(
            self, *, repo_id: str, folder_path: Path, allow_patterns: list[str]
        ) -> str:
            sent.append((repo_id, folder_path.name))
            there = [str(p.relative_to(folder_path)) for p in folder_path.rglob("*") if p.is_file()]
            left = set(there) - {*filter_repo_objects(there, allow_patterns=allow_patterns)}
            assert left == {"patients.csv"}
            return f"https://example.org/{repo_id}"

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    model = nearfar.load(tmp_path / "model")
    (tmp_path / "model" / "patients.csv").write_text("a,b\n")
    assert model.push_to_hub("me/model") == "https://example.org/me/model"
    assert sent == [("me/model", "model")]
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda name, revision: str(tmp_path / "model")
    )
    assert Estimator.from_pretrained("me/model").model.arm == "plain"
    card = huggingface_hub.ModelCard.load(tmp_path / "model" / "README.md")
    assert card.data.library_name == "nearfar"
    assert card.data.license is None
    assert {result.metric_type for result in card.data.eval_results} >= {"mae", "rmse"}
