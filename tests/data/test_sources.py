"""Data sets read through ``load_dataset`` and ``load_inputs``."""

import importlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from nearfar.data import (
    SOURCES,
    DataOptions,
    Dataset,
    InputRows,
    Molecules,
    Vectors,
    load_dataset,
    load_inputs,
)
from nearfar.data.catalogue import Source
from nearfar.errors import UserError

MOLECULES = """smiles,value,label,batch
CCO,1.5,ethanol,a
c1ccccc1,-2,"benzene, pure",b
OCC,1.7,,c
CC(=O)O,0.25,acetic acid,b
"""
COLUMNS = """x,text,y,count,z
1,a,10,0,0.5
2,b,20,1,1.5
3,c,30,2,2.5
"""


def molecules(path: str = "m.csv", **more: object) -> DataOptions:
    return DataOptions(source="molecules", path=path, **{"target": "value", **more})


def table(path: str = "t.csv", **more: object) -> DataOptions:
    return DataOptions(source="table", path=path, **{"target": "y", **more})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m.csv").write_text(MOLECULES, encoding="utf-8")
    (tmp_path / "t.csv").write_text(COLUMNS, encoding="utf-8")
    return tmp_path


def values(dataset: Dataset) -> list[list[float]]:
    assert isinstance(dataset.inputs, Vectors)
    return dataset.inputs.values.tolist()


def test_molecules(folder: Path) -> None:
    dataset = load_dataset(molecules(name="label", unit="log mol/L"), folder)
    assert len(dataset) == len(dataset.inputs) == 4
    assert dataset.inputs.kind == "molecule"
    assert dataset.ids == ["1", "2", "3", "4"]
    assert dataset.names == ["ethanol", "benzene, pure", "", "acetic acid"]
    assert dataset.smiles == ["CCO", "c1ccccc1", "OCC", "CC(=O)O"]
    assert dataset.targets.dtype == np.float64
    assert dataset.targets.tolist() == [[1.5], [-2.0], [1.7], [0.25]]
    assert (dataset.target_names, dataset.unit) == (["value"], "log mol/L")
    assert dataset.parts is None
    assert isinstance(dataset.inputs, Molecules)
    assert dataset.inputs.smiles == dataset.smiles
    assert dataset.source["read"] == 4
    assert dataset.source["dropped"] == 0


def test_equal_molecules_form_a_group_however_they_are_written(folder: Path) -> None:
    assert load_dataset(molecules(), folder).groups.tolist() == [0, 1, 0, 2]


def test_group_column_and_equal_molecules_are_joined(folder: Path) -> None:
    """Row 1 and 3 are one molecule, 2 and 4 one batch; a chain joins all where they touch."""
    dataset = load_dataset(molecules(group="batch"), folder)
    assert dataset.groups.tolist() == [0, 1, 0, 1]
    assert dataset.source["group"] == "batch"
    (folder / "m.csv").write_text(MOLECULES.replace("OCC,1.7,,c", "OCC,1.7,,b"), encoding="utf-8")
    assert load_dataset(molecules(group="batch"), folder).groups.tolist() == [0, 0, 0, 0]


def test_esol_is_shipped_and_whole() -> None:
    dataset = load_dataset(
        DataOptions(source="molecules", path="esol.csv", target="log_solubility"), Path("nowhere")
    )
    assert len(dataset) == 1128
    assert dataset.targets.min() == -11.6
    assert dataset.targets.max() == 1.58
    assert dataset.source["found"] == "shipped sample"
    assert len(np.unique(dataset.groups)) == 1115


def test_table_takes_all_other_columns_but_those_that_tell_rows_apart(folder: Path) -> None:
    dataset = load_dataset(table(), folder)
    assert dataset.inputs.kind == "vector"
    assert dataset.source["features"] == ["x", "count", "z"]
    assert values(dataset) == [[1, 0, 0.5], [2, 1, 1.5], [3, 2, 2.5]]
    assert dataset.smiles == []
    assert dataset.groups.tolist() == [0, 1, 2]


def test_table_takes_the_named_columns_in_their_order(folder: Path) -> None:
    assert values(load_dataset(table(features=["z", "x"]), folder)) == [
        [0.5, 1],
        [1.5, 2],
        [2.5, 3],
    ]


def test_group_and_name_columns_are_no_features(folder: Path) -> None:
    dataset = load_dataset(table(group="count", name="x"), folder)
    assert dataset.source["features"] == ["z"]
    assert dataset.names == ["1", "2", "3"]


def test_column_of_mostly_numbers_is_a_feature_with_a_bad_cell(folder: Path) -> None:
    (folder / "t.csv").write_text(COLUMNS.replace("2,b", "two,b"), encoding="utf-8")
    with pytest.raises(UserError, match=r"t.csv, row 2 \(line 3\): feature 'x' is 'two', not"):
        load_dataset(table(), folder)


def test_unnamed_index_column_is_no_feature(folder: Path) -> None:
    (folder / "t.csv").write_text(",x,y\n0,5,1\n1,6,2\n", encoding="utf-8")
    assert load_dataset(table(), folder).source["features"] == ["x"]


def test_several_targets(folder: Path) -> None:
    dataset = load_dataset(table(target=["z", "y"], features=["x", "count"]), folder)
    assert dataset.targets.tolist() == [[0.5, 10], [1.5, 20], [2.5, 30]]
    assert dataset.target_names == ["z", "y"]
    assert dataset.source["features"] == ["x", "count"]


def test_diabetes() -> None:
    dataset = load_dataset(DataOptions(source="diabetes"), Path())
    assert (len(dataset), dataset.inputs.kind) == (442, "vector")
    assert isinstance(dataset.inputs, Vectors)
    assert dataset.inputs.columns == ["age", "sex", "bmi", "bp", *(f"s{k}" for k in range(1, 7))]
    assert dataset.inputs.select(torch.tensor([0]))[0, 0] == 59  # years, not scikit-learn's scaling
    assert (dataset.targets.min(), dataset.targets.max()) == (25, 346)
    few = load_dataset(DataOptions(source="diabetes", features=["bmi", "age"]), Path())
    assert isinstance(few.inputs, Vectors)
    assert few.inputs.values[0].tolist() == pytest.approx([32.1, 59])
    with pytest.raises(UserError, match="no column 'bmj'; did you mean 'bmi'"):
        load_dataset(DataOptions(source="diabetes", features=["bmj"]), Path())


def test_parts_are_read_and_their_names_unified(folder: Path) -> None:
    text = "smiles,value,part\nC,1,Train\nCC,2,val\nCCC,3,test\nCCCC,4,valid\n"
    (folder / "m.csv").write_text(text, encoding="utf-8")
    parts = load_dataset(molecules(part="part"), folder).parts
    assert parts is not None
    assert parts.tolist() == ["train", "validation", "test", "validation"]


def as_parquet(folder: Path) -> None:
    columns = {"smiles": ["CCO", "c1ccccc1", "OCC", "CC(=O)O"], "value": [1.5, -2.0, 1.7, 0.25]}
    pq.write_table(pa.table(columns), folder / "m.parquet")


def test_content_not_the_file_makes_the_digest(folder: Path) -> None:
    as_parquet(folder)
    one = load_dataset(molecules(), folder)
    assert load_dataset(molecules("m.parquet"), folder).digest == one.digest
    (folder / "sub").mkdir()
    semicolons = MOLECULES.replace(",", ";").replace("benzene; pure", "benzene")
    (folder / "sub" / "other.csv").write_text(semicolons, encoding="utf-8-sig")
    again = load_dataset(molecules("sub/other.csv", separator=";"), folder)
    assert again.digest == one.digest


@pytest.mark.parametrize(
    "change",
    [
        ("CCO,1.5", "CCN,1.5"),
        ("CCO,1.5", "OCC,1.5"),
        ("-2,", "-2.0000000001,"),
        ("c1ccccc1,-2", "c1ccccc1,-2,extra,b\nc1ccccc1,-2"),
    ],
    ids=["input", "atom order", "target", "row more"],
)
def test_digest_changes_with_the_content(folder: Path, change: tuple[str, str]) -> None:
    before = load_dataset(molecules(), folder).digest
    text = MOLECULES.replace(*change)
    assert text != MOLECULES
    (folder / "m.csv").write_text(text, encoding="utf-8")
    assert load_dataset(molecules(), folder).digest != before


def test_digest_changes_with_groups_parts_features_and_target(folder: Path) -> None:
    text = "x,y,z,g,p\n1,2,3,a,train\n2,3,4,a,test\n3,4,5,b,train\n"
    (folder / "t.csv").write_text(text, encoding="utf-8")
    fixed = {"features": ["x"]}
    options = [
        fixed,
        {**fixed, "group": "g"},
        {**fixed, "part": "p"},
        {"features": ["z"]},
        {**fixed, "target": "z"},
        {**fixed, "target": ["y", "z"]},
    ]
    digests = [load_dataset(table(**more), folder).digest for more in options]
    assert len(set(digests)) == len(options)


def test_parquet_keeps_full_precision_and_knows_missing_values(folder: Path) -> None:
    value = 0.1 + 1e-16
    columns = {"x": [1, 2, 5], "y": [value, None, float("nan")], "z": [1.5, 2, 2]}
    pq.write_table(pa.table(columns), folder / "t.parquet")
    dataset = load_dataset(table("t.parquet", on_bad_rows="drop"), folder)
    assert dataset.targets.tolist() == [[value]]
    assert values(dataset) == [[1, 1.5]]
    assert dataset.source["reasons"] == {"target missing": 2}


def test_quoted_newlines_and_blank_lines_keep_row_and_line_numbers(folder: Path) -> None:
    text = 'smiles,value,note\nC,1,"two\nlines"\n\nCC,2,x\nC1C,3,x\n'
    (folder / "m.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"m.csv, row 3 \(line 6\): SMILES 'C1C' cannot be read"):
        load_dataset(molecules(), folder)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_endings_and_byte_order_mark_do_not_matter(folder: Path, newline: str) -> None:
    before = load_dataset(molecules(), folder)
    (folder / "m.csv").write_bytes(MOLECULES.replace("\n", newline).encode("utf-8-sig"))
    after = load_dataset(molecules(name="label"), folder)
    assert after.digest == before.digest
    assert after.names[3] == "acetic acid"


def test_tab_separated_file(folder: Path) -> None:
    (folder / "t.tsv").write_text(COLUMNS.replace(",", "\t"), encoding="utf-8")
    assert load_dataset(table("t.tsv"), folder).digest == load_dataset(table(), folder).digest


def test_places_are_searched_in_order(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("NEARFAR_DATA", str(home))
    options = molecules("esol.csv", target="log_solubility")
    assert load_dataset(options, folder).source["found"] == "shipped sample"
    small = "smiles,log_solubility\nC,1\nCC,2\n"
    (home / "esol.csv").write_text(small, encoding="utf-8")
    assert load_dataset(options, folder).source["found"] == "$NEARFAR_DATA"
    (folder / "esol.csv").write_text(small + "CCC,3\n", encoding="utf-8")
    dataset = load_dataset(options, folder)
    assert (dataset.source["found"], len(dataset)) == ("the study's folder", 3)
    absolute = load_dataset(options.model_copy(update={"path": str(home / "esol.csv")}), folder)
    assert (absolute.source["found"], len(absolute)) == ("absolute path", 2)


def test_cache_folder_stands_in_for_nearfar_data(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.delenv("NEARFAR_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    (cache / "nearfar").mkdir()
    (cache / "nearfar" / "here.csv").write_text(COLUMNS, encoding="utf-8")
    assert load_dataset(table("here.csv"), folder).source["found"] == "the cache folder"


def test_new_source_is_one_line(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    reads = "nearfar.data.sources.diabetes:load_diabetes"
    monkeypatch.setitem(
        SOURCES.built_in, "constant", Source("vector", frozenset({"unit"}), reads, reads)
    )
    found = load_dataset(DataOptions(source="constant", unit="m"), folder)
    assert found.digest == load_dataset(DataOptions(source="diabetes"), folder).digest
    assert DataOptions(source="constant").kind == "vector"


def inputs_of(options: DataOptions, path: Path, folder: Path) -> InputRows:
    """Rows to predict for, in the form of the study's own."""
    return load_inputs(options, path, load_dataset(options, folder).inputs)


def test_inputs_of_molecules(folder: Path) -> None:
    new = folder / "new.csv"
    new.write_text("id,smiles\n7,CCN\n8,CCCl\n", encoding="utf-8")
    like = load_dataset(molecules(), folder).inputs
    rows = load_inputs(molecules(name="label", group="batch", part="part"), new, like)
    assert not isinstance(rows, Dataset)
    assert (rows.ids, rows.names, rows.smiles) == (["1", "2"], ["", ""], ["CCN", "CCCl"])
    assert rows.inputs.select(torch.tensor([1])).atoms[:, 0].tolist() == [6, 6, 17]


def test_inputs_of_molecules_with_bad_rows(folder: Path) -> None:
    new = folder / "new.csv"
    new.write_text("smiles,label\nCCN,amine\nC1C,broken\n,none\nO,water\n", encoding="utf-8")
    message = r"new.csv, row 2 \(line 3\): SMILES 'C1C' cannot be read; 1 more bad row "
    with pytest.raises(UserError, match=message):
        inputs_of(molecules(), new, folder)
    rows = inputs_of(molecules(on_bad_rows="drop", name="label"), new, folder)
    assert (rows.ids, rows.names) == (["1", "4"], ["amine", "water"])
    assert rows.source["reasons"] == {"molecule not readable": 1, "smiles missing": 1}
    (folder / "none.csv").write_text("structure\nC\n", encoding="utf-8")
    with pytest.raises(UserError, match="no column 'smiles'"):
        inputs_of(molecules(), folder / "none.csv", folder)
    with pytest.raises(UserError, match="no such file"):
        inputs_of(molecules(), folder / "nowhere.csv", folder)


@pytest.mark.parametrize("features", [None, ["x", "count", "z"]])
def test_inputs_of_vectors_take_the_order_of_the_training_columns(
    folder: Path, features: list[str] | None
) -> None:
    new = folder / "new.csv"
    new.write_text("z,extra,count,x\n9,1,8,7\n", encoding="utf-8")
    rows = inputs_of(table(features=features), new, folder)
    assert isinstance(rows.inputs, Vectors)
    assert rows.inputs.columns == ["x", "count", "z"]
    assert rows.inputs.values.tolist() == [[7, 8, 9]]


def test_inputs_of_vectors_must_have_every_training_column(folder: Path) -> None:
    new = folder / "new.csv"
    new.write_text("x,counts,z\n1,2,3\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"new.csv: no column 'count'.*did you mean 'counts'"):
        inputs_of(table(), new, folder)


def test_inputs_for_diabetes(folder: Path) -> None:
    new = folder / "new.csv"
    new.write_text("bmi,age\n30,50\n", encoding="utf-8")
    rows = inputs_of(DataOptions(source="diabetes", features=["age", "bmi"]), new, folder)
    assert isinstance(rows.inputs, Vectors)
    assert rows.inputs.values.tolist() == [[50, 30]]


def test_saved_and_plain_folders_of_hugging_face(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
    columns = {"smiles": ["CCO", "c1ccccc1", "OCC", "CC(=O)O"], "value": [1.5, -2.0, 1.7, 0.25]}
    datasets.Dataset.from_dict(columns).save_to_disk(str(folder / "saved"))
    plain = folder / "plain"
    plain.mkdir()
    as_parquet(plain)
    digest = load_dataset(molecules(), folder).digest
    bars = datasets.are_progress_bars_disabled()
    assert load_dataset(molecules("saved"), folder).digest == digest
    assert load_dataset(molecules("plain"), folder).digest == digest
    assert datasets.are_progress_bars_disabled() == bars


def test_parts_of_a_hugging_face_data_set_are_predefined(folder: Path) -> None:
    import datasets

    def part(*rows: str) -> datasets.Dataset:
        return datasets.Dataset.from_dict({"smiles": list(rows), "value": [1.0] * len(rows)})

    both = datasets.DatasetDict({"train": part("C", "CC"), "test": part("CCC")})
    both.save_to_disk(str(folder / "both"))
    dataset = load_dataset(molecules("both"), folder)
    assert dataset.smiles == ["C", "CC", "CCC"]
    assert dataset.parts is not None
    assert dataset.parts.tolist() == ["train", "train", "test"]


def test_hub_name_reaches_the_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    asked = []

    def load(name: str, subset: str | None) -> datasets.Dataset:
        asked.append((name, subset))
        if name == "owner/none":
            raise FileNotFoundError("no such data set\nand more")
        return datasets.Dataset.from_dict({"smiles": ["C", "CC"], "value": [1.0, 2.0]})

    monkeypatch.setattr(datasets, "load_dataset", load)
    options = DataOptions(source="molecules", hub="owner/set", subset="small", target="value")
    dataset = load_dataset(options, folder)
    assert (dataset.smiles, dataset.source["hub"]) == (["C", "CC"], "owner/set")
    missing = DataOptions(source="molecules", hub="owner/none", target="value")
    with pytest.raises(UserError, match=r"'owner/none' from the hub: no such data set$"):
        load_dataset(missing, folder)
    assert asked == [("owner/set", "small"), ("owner/none", None)]


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_names_readers_that_are_there(name: str) -> None:
    for place in (SOURCES[name].dataset, SOURCES[name].inputs):
        module, _, function = place.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
