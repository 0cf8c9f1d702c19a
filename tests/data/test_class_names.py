"""Numbers and names of classes are two namespaces, wherever both are stored."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_examples import encoded, labels_of, load, some_pixels, write_idx, write_images

from nearfar.data import DataOptions, Dataset, load_dataset
from nearfar.data.read.images.mapping import read_mapping
from nearfar.errors import UserError
from nearfar.starter.detect import detect

STORED = [0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4, 4]
NAMES = {
    "from 1": ["1", "2", "3", "4", "5"],
    "reversed": ["4", "3", "2", "1", "0"],
    "gaps": ["10", "3", "1", "77", "0"],
    "missing words": ["none", "NaN", "null", "na", "?"],
    "texts": ["e", "d", "c", "b", "a"],
}


def wanted(names: list[str]) -> dict[str, int]:
    return dict(Counter(names[k] for k in STORED))


def counted(dataset: Dataset) -> dict[str, int]:
    return dict(Counter(labels_of(dataset)))


def noted(names: list[str]) -> dict[str, str]:
    features = {"label": {"names": names, "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    return {"huggingface": json.dumps({"info": {"features": features}})}


def image_cells(count: int = len(STORED)) -> list[dict[str, Any]]:
    return [{"bytes": encoded(one), "path": None} for one in some_pixels(count)]


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("stored", ["int", "float", "text"])
def test_labels_in_parquet_with_names_in_its_metadata(
    tmp_path: Path, kind: str, stored: str
) -> None:
    names = NAMES[kind]
    cells: list[Any] = [
        {"int": int, "float": float}.get(stored, names.__getitem__)(k) for k in STORED
    ]
    table = pa.table({"image": image_cells(), "label": cells})
    pq.write_table(table.replace_schema_metadata(noted(names)), tmp_path / "a.parquet")
    dataset = load(tmp_path / "a.parquet")
    assert dataset.classes == tuple(names)
    assert dataset.targets[:, 0].tolist() == STORED
    assert counted(detect(str(tmp_path / "a.parquet"), [], tmp_path).dataset) == wanted(names)


@pytest.mark.parametrize("file", ["dataset_info.json", "dataset_infos.json", "README.md"])
def test_names_in_a_file_beside(tmp_path: Path, file: str) -> None:
    names = NAMES["from 1"]
    pq.write_table(pa.table({"image": image_cells(), "label": STORED}), tmp_path / "a.parquet")
    info = {"features": {"label": {"names": names, "_type": "ClassLabel"}}}
    text = json.dumps({"default": info} if "infos" in file else info)
    if file == "README.md":
        kinds = "".join(f"          '{k}': '{name}'\n" for k, name in enumerate(names))
        text = (
            "---\ndataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n"
            f"        names:\n{kinds}---\n# Stars\n"
        )
    (tmp_path / file).write_text(text)
    assert counted(load(tmp_path)) == wanted(names)


@pytest.mark.parametrize(
    "features",
    [
        {"hmage": {"_type": "Image"}, "gone": {"names": ["a", "b"], "_type": "ClassLabel"}},
        {"label": {"names": 5, "_type": "ClassLabel"}, "image": {"_type": 3}},
        {"label": 7, "image": None},
        [1],
    ],
)
def test_notes_that_fit_no_column_are_as_none(tmp_path: Path, features: Any) -> None:
    table = pa.table({"image": image_cells(), "label": [str(k) for k in STORED]})
    notes = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(notes), tmp_path / "a.parquet")
    wanted = dict(Counter(map(str, STORED)))
    assert counted(load(tmp_path, target="label")) == wanted
    assert counted(detect(str(tmp_path / "a.parquet"), ["label"], tmp_path).dataset) == wanted


def test_names_beside_that_are_none_are_left_alone(tmp_path: Path) -> None:
    table = pa.table({"image": image_cells(), "label": STORED})
    pq.write_table(table, tmp_path / "a.parquet")
    for label in ("x", "{names: 3}", "{names: {a: b}}"):
        head = f"dataset_info: {{features: [{{name: label, dtype: {{class_label: {label}}}}}]}}"
        (tmp_path / "README.md").write_text(f"---\n{head}\n---\n")
        assert len(load(tmp_path, target="label")) == len(STORED)


def test_pieces_that_name_classes_differently_are_refused(tmp_path: Path) -> None:
    table = pa.table({"image": image_cells(), "label": STORED})
    for part, names in (("train", ["a", "b", "c", "d", "e"]), ("test", ["e", "d", "c", "b", "a"])):
        pq.write_table(table.replace_schema_metadata(noted(names)), tmp_path / f"{part}.parquet")
    with pytest.raises(UserError, match="pieces name the classes of 'label' differently"):
        load(tmp_path)


@pytest.mark.parametrize("kind", NAMES)
def test_a_table_saved_by_hugging_face(tmp_path: Path, kind: str) -> None:
    import datasets

    names = NAMES[kind]
    features = datasets.Features(
        {"a": datasets.Value("float64"), "y": datasets.ClassLabel(names=names)}
    )
    rows = {"a": [float(k % 5) for k in range(len(STORED))], "y": STORED}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(str(tmp_path / "saved"))
    finding = detect(str(tmp_path / "saved"), ["y"], tmp_path)
    assert finding.data.task == "classification"
    assert finding.dataset.classes == tuple(names)
    assert counted(finding.dataset) == wanted(names)


@pytest.mark.parametrize("name", ["9" * 400, "a\0b", "no.arrow"])
def test_a_file_that_cannot_be_there_is_not_there(tmp_path: Path, name: str) -> None:
    state = json.dumps({"_data_files": [{"filename": name}]})
    (tmp_path / "state.json").write_text(state)
    with pytest.raises(UserError, match=r"state\.json: names a file .*, which is not there"):
        detect(str(tmp_path), ["y"], tmp_path)
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": [name]}))
    with pytest.raises(UserError, match=r"names a part '.*', and there is no such folder"):
        detect(str(tmp_path), ["y"], tmp_path)


def test_regression_on_named_classes_takes_the_names(tmp_path: Path) -> None:
    def read(names: list[str]) -> Dataset:
        table = pa.table({"image": image_cells(), "label": STORED})
        pq.write_table(table.replace_schema_metadata(noted(names)), tmp_path / "a.parquet")
        return load(tmp_path / "a.parquet", target="label", task="regression")

    assert read(NAMES["gaps"]).targets[:, 0].tolist() == [int(NAMES["gaps"][k]) for k in STORED]
    with pytest.raises(UserError, match="named classes such as 'e', which are no numbers"):
        read(NAMES["texts"])


LINES = {
    "plain": ("0 1\n1 2\n2 3\n3 4\n4 5\n", "from 1"),
    "any order": ("3\t77\n0\t10\n4\t0\n2\t1\n1\t3\n", "gaps"),
    "commas": ("0,4\n1,3\n2,2\n3,1\n4,0\n", "reversed"),
    "header": ("number,name\n0,none\n1,NaN\n2,null\n3,na\n4,?\n", "missing words"),
    "names first": ("e 0\nd 1\nc 2\nb 3\na 4\n", "texts"),
    "names first by header": ("name;number\n1;0\n2;1\n3;2\n4;3\n5;4\n", "from 1"),
    "quoted": ('"0" "x"\n', ""),
    "names alone": ("e\nd\nc\nb\na\n", "texts"),
    "colons": ("0: e\n1: d\n2: c\n\n# no class\n3: b\n4: a", "texts"),
}


@pytest.mark.parametrize("case", [case for case, (_, kind) in LINES.items() if kind])
@pytest.mark.parametrize("form", ["npz", "idx", "csv"])
def test_mapping(tmp_path: Path, case: str, form: str) -> None:
    text, kind = LINES[case]
    (tmp_path / "names.txt").write_text(text)
    pixels, folder = some_pixels(len(STORED), 1), tmp_path / "data"
    folder.mkdir()
    more = {}
    if form == "npz":
        np.savez(folder / "a.npz", x=pixels, y=np.array(STORED))
        path = folder / "a.npz"
    elif form == "idx":
        write_idx(folder, "train", pixels[:, 0], STORED, True)
        path = folder
    else:
        write_images(folder, [f"{k}.png" for k in range(len(STORED))])
        rows = "".join(f"{k}.png,{label}\n" for k, label in enumerate(STORED))
        path = folder / "a.csv"
        path.write_text(f"image,y\n{rows}")
        more = {"target": "y"}
        if set(NAMES[kind]) == set("01234"):
            with pytest.raises(UserError, match="name of one class and the number of another"):
                load(path, mapping=str(tmp_path / "names.txt"), **more)
            return
    dataset = load(path, mapping=str(tmp_path / "names.txt"), **more)
    assert counted(dataset) == wanted(NAMES[kind])


def test_numbers_of_a_mapping_may_have_gaps_and_begin_anywhere(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("30 third\n1 first\n7 second\n")
    np.savez(tmp_path / "a.npz", x=some_pixels(6, 1), y=np.array([30, 1, 7, 7, 1, 30]))
    dataset = load(tmp_path / "a.npz", mapping=str(tmp_path / "names.txt"))
    assert dataset.classes == ("first", "second", "third")
    assert labels_of(dataset) == ["third", "first", "second", "second", "first", "third"]


@pytest.mark.parametrize(("shift", "first"), [(1, 0), (0, 1)])
def test_labels_and_names_that_are_numbered_otherwise(
    tmp_path: Path, shift: int, first: int
) -> None:
    names = "".join(f"{k + first} name{k}\n" for k in range(5))
    (tmp_path / "names.txt").write_text(names)
    np.savez(tmp_path / "a.npz", x=some_pixels(len(STORED), 1), y=np.array(STORED) + shift)
    with pytest.raises(UserError, match="number both alike"):
        load(tmp_path / "a.npz", mapping=str(tmp_path / "names.txt"), on_bad_rows="drop")


def test_a_mapping_beside_an_npz_file_is_found_and_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "stars.npz", x=some_pixels(len(STORED), 1), y=np.array(STORED))
    (tmp_path / "stars-mapping.txt").write_text("".join(f"{k} {k + 1}\n" for k in range(5)))
    finding = detect(str(tmp_path / "stars.npz"), [], tmp_path)
    assert counted(finding.dataset) == wanted(NAMES["from 1"])
    assert "class names are those of stars-mapping.txt" in finding.facts
    assert finding.dataset.source["mapping"] == "stars-mapping.txt"


def test_mappings_in_json_and_codes(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    for content in ({"0": "cat", "1": "dog"}, {"dog": 1, "cat": 0}, ["cat", "dog"]):
        path.write_text(json.dumps(content))
        assert read_mapping(path) == {0: "cat", 1: "dog"}
    path = tmp_path / "m.txt"
    path.write_text("1 65 97\n2 66 98\n")
    assert read_mapping(path, codes=True) == {1: "Aa", 2: "Bb"}
    path.write_text("0 40\n1 50\n2 60\n")
    assert read_mapping(path, codes=True) == {0: "40", 1: "50", 2: "60"}
    path.write_text("0 65\n1 97\n")
    assert read_mapping(path) == {0: "65", 1: "97"}


def test_missing_labels_are_no_class(tmp_path: Path) -> None:
    labels = [0.0, 1.0, None, float("nan"), 0.0, 1.0]
    table = pa.table({"image": image_cells(6), "label": pa.array(labels, pa.float64())})
    pq.write_table(table, tmp_path / "a.parquet")
    dataset = load(tmp_path / "a.parquet", target="label", on_bad_rows="drop")
    assert (dataset.classes, len(dataset)) == (("0", "1"), 4)
    y = np.array([0, 1, np.nan, np.nan, 0, 1])
    np.savez(tmp_path / "a.npz", x=some_pixels(6, 1), y=y)
    dataset = load(tmp_path / "a.npz", on_bad_rows="drop")
    assert (dataset.classes, len(dataset)) == (("0", "1"), 4)


def test_texts_of_arrays_are_names(tmp_path: Path) -> None:
    for kind in ("U", "S"):
        labels = np.array(["none", "na", "null", "NaN"] * 4).astype(kind)
        np.savez(tmp_path / "a.npz", x=some_pixels(16, 1), y=labels)
        dataset = load(tmp_path / "a.npz")
        assert counted(dataset) == dict.fromkeys(("none", "na", "null", "NaN"), 4)


def test_booleans_are_classes_from_every_format(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.arange(12.0) % 5, "y": [True, False, True] * 4})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    frame.astype({"y": "category"}).to_parquet(tmp_path / "b.parquet")
    np.savez(tmp_path / "a.npz", x=some_pixels(12, 1), y=frame["y"].to_numpy())
    found = [detect(str(tmp_path / "a.npz"), [], tmp_path)]
    for name in ("a.csv", "a.parquet", "b.parquet"):
        found.append(detect(str(tmp_path / name), ["y"], tmp_path))
        options = DataOptions(source="table", path=name, target="y", task="regression")
        with pytest.raises(UserError, match="true or false, which are classes"):
            load_dataset(options, tmp_path)
    for finding in found:
        assert finding.data.task == "classification"
        assert finding.dataset.classes == ("False", "True")
        assert labels_of(finding.dataset) == ["True", "False", "True"] * 4


def test_dates_and_decimals_are_spelled_alike(tmp_path: Path) -> None:
    from datetime import datetime
    from decimal import Decimal

    days = [datetime(2020, 1, 1 + k % 2) for k in range(8)]
    table = pa.table({"a": list(map(float, range(8))), "day": days, "d": [Decimal("2.00")] * 8})
    pq.write_table(table, tmp_path / "a.parquet")
    options = {"source": "table", "path": "a.parquet", "features": ["a"], "task": "classification"}
    dataset = load_dataset(DataOptions(**options, target="day"), tmp_path)
    assert dataset.classes == ("2020-01-01", "2020-01-02")
    with pytest.raises(UserError, match="is 2 in every row: nothing to learn, as a number or"):
        load_dataset(DataOptions(**options, target="d"), tmp_path)
