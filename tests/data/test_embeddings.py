"""Files of embeddings: what is read, how rows are found, and what is refused."""

import json
import unicodedata
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nearfar.data import DataOptions, Dataset, InputRows, Vectors, load_dataset
from nearfar.data.embeddings import with_embeddings
from nearfar.data.inputs.embedded import Embedded, embedded, parted
from nearfar.data.read.embeddings import read_embeddings
from nearfar.errors import UserError
from nearfar.models.embed import embed_rows
from nearfar.starter.write import write_study

NAMES = ["b", "a", "d", "c"]
ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    lines = [f"{k},{k % 2},{name},{k}.0" for k, name in enumerate("abcd")]
    (tmp_path / "rows.csv").write_text("\n".join(["x,y,who,no", *lines]) + "\n")
    np.savez(tmp_path / "by_id.npz", ids=np.array(NAMES), embeddings=ROWS)
    np.save(tmp_path / "rows.npy", ROWS)
    return tmp_path


def read(folder: Path, of_data: str | None = "who", **options: Any) -> np.ndarray:
    chosen: dict[str, Any] = {"path": "rows.csv", "target": "y", "features": ["x"]}
    dataset = load_dataset(DataOptions(source="table", **chosen, id=of_data), folder)
    found = with_embeddings(dataset, [options], folder)
    return next(iter(found.embeddings.values())).values


def test_rows_are_found_by_id_whatever_their_order(data: Path) -> None:
    expected = ROWS[[1, 0, 3, 2]]
    assert np.array_equal(read(data, path="by_id.npz"), expected)
    columns = {"name": NAMES, **{f"f{k}": ROWS[:, k] for k in range(3)}}
    pq.write_table(pa.table(columns), data / "wide.parquet")
    assert np.array_equal(read(data, path="wide.parquet"), expected)
    pq.write_table(pa.table({"who": NAMES, "v": ROWS.tolist(), "n": range(4)}), data / "l.parquet")
    assert np.array_equal(read(data, path="l.parquet"), expected)
    lines = [f"{name},{a},{b},{c}" for name, (a, b, c) in zip(NAMES, ROWS, strict=True)]
    (data / "wide.csv").write_text("\n".join(["id,p,q,r", *lines]) + "\n")
    assert np.array_equal(read(data, path="wide.csv"), expected)


def test_numbers_are_ids_too_however_they_are_written(data: Path) -> None:
    np.savez(data / "numbered.npz", no=np.array([3, 2, 1, 0]), embeddings=ROWS)
    assert np.array_equal(read(data, "no", path="numbered.npz"), ROWS[::-1])


def told(folder: Path, file: str) -> str:
    dataset = load_dataset(DataOptions(source="table", path="rows.csv", target="y"), folder)
    return next(iter(with_embeddings(dataset, [{"path": file}], folder).embeddings.values())).told


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx", "jsonl"])
def test_an_index_saved_along_is_no_part_of_an_embedding(data: Path, ending: str) -> None:
    frame, path = pd.DataFrame(ROWS, columns=["p", "q", "r"]), data / f"e.{ending}"
    if ending == "csv":
        frame.to_csv(path)
    elif ending == "xlsx":
        frame.to_excel(path)
    elif ending == "jsonl":
        frame.rename_axis("...1").reset_index().to_json(path, orient="records", lines=True)
    else:
        frame.set_index(pd.Index([*range(4)])).to_parquet(path, index=True)
        frame.set_index(pd.Index([0, 1, 0, 1])).to_parquet(data / "twice.parquet")
        assert np.array_equal(read(data, None, path="twice.parquet"), ROWS)
    assert np.array_equal(read(data, None, path=path.name), ROWS)
    if ending != "parquet":  # that has a range as its index
        assert "joined by row number; left out, as what counts or names" in told(data, path.name)


def test_an_index_in_another_order_is_ids_where_there_are_no_others(data: Path) -> None:
    order = [2, 0, 3, 1]
    frame = pd.DataFrame(ROWS, columns=["p", "q", "r"], index=pd.Index(order))
    frame.to_parquet(data / "e.parquet")
    with pytest.raises(UserError, match=r"has ids \('__index_level_0__', such as '2'\): name the"):
        read(data, None, path="e.parquet")
    assert np.array_equal(
        read(data, "no", path="e.parquet", key="__index_level_0__"), ROWS[np.argsort(order)]
    )
    frame.assign(who=NAMES).to_parquet(data / "named.parquet")
    assert np.array_equal(read(data, path="named.parquet"), ROWS[[1, 0, 3, 2]])
    lists = pd.DataFrame({"#": [1, 2, 3, 4], "e": ROWS.tolist()})
    lists.to_json(data / "l.jsonl", orient="records", lines=True)
    assert np.array_equal(read(data, None, path="l.jsonl"), ROWS)


def test_numbers_that_name_rows_are_no_part_of_an_embedding(data: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=["p", "q", "r"]).assign(patient_id=[31, 17, 45, 23])
    frame.to_csv(data / "e.csv", index=False)
    with pytest.raises(UserError, match=r"has ids \('patient_id', such as '31'\): name the column"):
        read(data, None, path="e.csv")
    assert np.array_equal(read(data, None, path="e.csv", match="row"), ROWS)


def test_without_ids_rows_are_found_by_their_number(data: Path) -> None:
    assert np.array_equal(read(data, None, path="rows.npy"), ROWS)
    assert np.array_equal(read(data, path="rows.npy"), ROWS)
    assert np.array_equal(read(data, None, path="by_id.npz", match="row"), ROWS)


def test_rows_that_are_dropped_or_drawn_keep_their_own_embedding(data: Path) -> None:
    text = (data / "rows.csv").read_text().replace("1,1,b,1.0", "1,,b,1.0")
    (data / "rows.csv").write_text(text)
    options = {"source": "table", "path": "rows.csv", "target": "y", "features": ["x"]}
    dataset = load_dataset(DataOptions(**options, on_bad_rows="drop"), data)
    found = with_embeddings(dataset, [{"path": "rows.npy"}], data).embeddings
    assert np.array_equal(next(iter(found.values())).values, ROWS[[0, 2, 3]])


def test_equal_values_have_one_hash_and_changed_ones_another(data: Path) -> None:
    def digest(path: str) -> str:
        options = {"source": "table", "path": "rows.csv", "target": "y", "features": ["x"]}
        dataset = load_dataset(DataOptions(**options, id="who"), data)
        return next(iter(with_embeddings(dataset, [{"path": path}], data).file_contents.values()))[
            "digest"
        ]

    np.save(data / "same.npy", ROWS[[1, 0, 3, 2]].astype(np.float64))
    assert digest("by_id.npz") == digest("same.npy")
    np.save(data / "other.npy", ROWS)
    assert digest("other.npy") != digest("same.npy")


def saved(data: Path, **arrays: Any) -> str:
    np.savez(data / "bad.npz", **arrays)
    return "bad.npz"


def holed() -> np.ndarray:
    changed = ROWS.copy()
    changed[2, 1] = np.nan
    return changed


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"ids": np.array(["a", "b", "c"]), "e": ROWS[:3]}, r"has no row for 1 of the 4.*'d'"),
        ({"ids": np.array(["p", "q", "r", "s"]), "e": ROWS}, r"has none of the 4 ids.*like 'p'"),
        ({"ids": np.array(["a", "b", "b", "d"]), "e": ROWS}, "id 'b' stands there 2 times"),
        ({"ids": np.array(NAMES), "e": holed()}, r"row 3 \('d'\), column 2 is nan"),
        (
            {"ids": np.array(NAMES), "e": np.full((4, 2), 1e300)},
            "is inf in float32, not a finite number",
        ),
        ({"ids": np.array(NAMES, dtype=object), "e": ROWS}, "'ids': holds Python objects"),
        ({"ids": np.array(NAMES), "e": ROWS[:, :, None]}, r"shape \[4, 3, 1\].*pool or flatten"),
        ({"ids": np.array(NAMES), "e": ROWS, "f": ROWS}, "say which with values: NAME"),
        ({"ids": np.array(NAMES)}, r"no array in it is a matrix of real numbers"),
        ({"ids": np.array(NAMES), "e": ROWS + 1j}, r"no array in it is a matrix of real numbers"),
        ({"e": ROWS}, "which of its columns is 'who' of the data"),
    ],
)
def test_what_cannot_be_used_is_one_line(data: Path, arrays: Any, told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        read(data, path=saved(data, **arrays))
    assert "\n" not in str(caught.value)
    assert "bad.npz" in str(caught.value)


def test_other_mistakes_are_one_line_too(data: Path) -> None:
    with pytest.raises(UserError, match=r"has ids .* name the column of the data with data: \{id"):
        read(data, None, path="by_id.npz")
    np.save(data / "few.npy", ROWS[:3])
    with pytest.raises(UserError, match=r"3 rows and no ids .*, and the data have 4"):
        read(data, path="few.npy")
    np.save(data / "objects.npy", np.array([{}], dtype=object))
    with pytest.raises(UserError, match=r"objects\.npy: holds Python objects, which are not unp"):
        read(data, path="objects.npy")
    (data / "e.pt").write_bytes(b"x")
    with pytest.raises(UserError, match="never from pickles: save them with"):
        read(data, path="e.pt")
    (data / "cut.npz").write_bytes((data / "by_id.npz").read_bytes()[:100])
    with pytest.raises(UserError, match=r"cut\.npz: is damaged or no file of numpy"):
        read(data, path="cut.npz")
    (data / "text.npz").write_text("hello")
    with pytest.raises(UserError, match=r"text\.npz: is no file of numpy, or a pickle"):
        read(data, path="text.npz")
    with pytest.raises(UserError, match="no array or column is called 'nam'"):
        read(data, path="by_id.npz", key="nam")
    pq.write_table(pa.table({"id": NAMES, "p": ROWS[:, 0], "y": ROWS[:, 1]}), data / "y.parquet")
    with pytest.raises(UserError, match="column 'y' is called as what is predicted"):
        read(data, path="y.parquet")


def test_ids_that_are_not_in_the_data_are_told_and_passed_over(data: Path) -> None:
    more = np.concatenate([ROWS, ROWS[:1]])
    np.savez(data / "more.npz", ids=np.array([*NAMES, "z"]), embeddings=more)
    options = {"source": "table", "path": "rows.csv", "target": "y", "features": ["x"], "id": "who"}
    dataset: Dataset = load_dataset(DataOptions(**options), data)
    (found,) = with_embeddings(dataset, [{"path": "more.npz"}], data).embeddings.values()
    assert "1 of its ids are of no row of the data" in found.told


def test_embeddings_stand_beside_rows_and_part_from_them(data: Path) -> None:
    file = read_embeddings(data / "by_id.npz")
    options = DataOptions(source="table", path="rows.csv", target="y", features=["x"])
    inputs = load_dataset(options, data).inputs
    both = embedded(inputs, {"key": file.values})
    assert isinstance(both, Embedded)
    assert both.kind == "vector"
    alone, beside = parted(both)
    assert alone is inputs
    assert beside["key"] is file.values
    assert embedded(inputs, {}) is inputs


def test_letters_with_marks_are_found_however_they_are_written(data: Path) -> None:
    names = ["e\u0301", "o\u0308", "a", "b"]
    lines = [f"{k},{k % 2},{unicodedata.normalize('NFC', one)}" for k, one in enumerate(names)]
    (data / "rows.csv").write_text("\n".join(["x,y,who", *lines]) + "\n", encoding="utf-8")
    np.savez(data / "marks.npz", ids=np.array(names), embeddings=ROWS)
    np.testing.assert_array_equal(read(data, path="marks.npz"), ROWS)


def test_records_may_hold_lists_and_ids_may_be_long_numbers(data: Path) -> None:
    records = [
        {"id": one, "e": list(map(float, row))} for one, row in zip(NAMES, ROWS, strict=True)
    ]
    (data / "lists.jsonl").write_text("\n".join(map(json.dumps, records)) + "\n")
    np.testing.assert_array_equal(read(data, path="lists.jsonl"), ROWS[[1, 0, 3, 2]])
    codes = [2**53 + k for k in range(4)]
    lines = [f"{k},{k % 2},{code}" for k, code in enumerate(codes)]
    (data / "rows.csv").write_text("\n".join(["x,y,who", *lines]) + "\n")
    pq.write_table(pa.table({"id": codes[::-1], "p": ROWS[:, 0]}), data / "codes.parquet")
    np.testing.assert_array_equal(read(data, path="codes.parquet"), ROWS[::-1, :1])


def test_init_writes_no_study_whose_embeddings_give_the_answer_away(data: Path) -> None:
    table = pa.table({"id": np.arange(60), "x": np.arange(60) % 7, "y": np.arange(60) / 9})
    pq.write_table(table, data / "y.parquet")
    made = data / "made.yaml"
    with pytest.raises(UserError, match="column 'y' is called as what is predicted"):
        write_study(data / "y.parquet", ["y"], made, embeddings=data / "y.parquet")
    assert not made.exists()


def test_rows_joined_by_number_say_what_the_first_ones_are(data: Path) -> None:
    options = {"source": "table", "path": "rows.csv", "target": "y", "features": ["x"], "id": "who"}
    dataset = load_dataset(DataOptions(**options), data)
    (found,) = with_embeddings(dataset, [{"path": "rows.npy"}], data).embeddings.values()
    assert "joined by row number: a, b, c, …" in found.told


def test_numbers_of_rows_find_rows_of_data_without_ids_whatever_is_left_out(data: Path) -> None:
    text = (data / "rows.csv").read_text().splitlines()
    (data / "rows.csv").write_text("\n".join([*text[:2], "1,,b,1", *text[3:]]) + "\n")
    options = {"source": "table", "path": "rows.csv", "target": "y", "features": ["x"]}
    dataset = load_dataset(DataOptions(**options, on_bad_rows="drop"), data)
    numbers = np.array(["4", "3", "1"])
    np.savez(data / "named.npz", row_number=numbers, features=ROWS[:3])
    np.savez(data / "old.npz", ids=numbers, features=ROWS[:3])
    np.savez(data / "few.npz", row_number=numbers[:2], features=ROWS[:2])
    np.savez(data / "words.npz", ids=np.array(["p", "q", "r"]), features=ROWS[:3])
    for file in ({"path": "named.npz"}, {"path": "old.npz", "match": "row"}):
        (found,) = with_embeddings(dataset, [file], data).embeddings.values()
        np.testing.assert_array_equal(found.values, ROWS[[2, 1, 0]])
    with pytest.raises(UserError, match="name the column"):  # ids may be codes of the data's own
        with_embeddings(dataset, [{"path": "old.npz"}], data)
    with pytest.raises(UserError, match=r"no row for 1.* \('1'\)|no row for 1 .*\(1\)"):
        with_embeddings(dataset, [{"path": "few.npz"}], data)
    with pytest.raises(UserError, match="name the column of the data that has its ids"):
        with_embeddings(dataset, [{"path": "words.npz", "match": "row"}], data)


def test_what_a_model_makes_of_rows_is_called_as_the_data_call_them(tmp_path: Path) -> None:
    rows = InputRows(Vectors(np.zeros((3, 2)), ["a", "b"]), ["1", "2", "4"], [], [], {})
    model: Any = SimpleNamespace(name="m", features=lambda inputs, device: inputs.values.numpy())
    for keys, name, ids in (
        (None, "row_number", ["1", "2", "4"]),
        (["p", "q", "r"], "ids", ["p", "q", "r"]),
        (["p", "q", "p"], "row_number", ["1", "2", "4"]),
        (["p", "", "r"], "row_number", ["1", "2", "4"]),
    ):
        for ending in (".npz", ".parquet"):
            embed_rows(model, replace(rows, keys=keys), tmp_path / f"e{ending}", "cpu")
            file = read_embeddings(tmp_path / f"e{ending}")
            assert (file.key, file.ids) == (name if ending == ".npz" else name.rstrip("s"), ids)
