"""Names and categories are the same in both of Unicode's forms, which look alike."""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nearfar.data import Columns, DataOptions, Split, load_dataset, load_inputs
from nearfar.data.class_maps import mapped
from nearfar.data.conditions import is_unseen
from nearfar.errors import UserError
from nearfar.execution.predicted import _given
from nearfar.library.inputs import rows_of
from nearfar.plain_yaml import parse_yaml
from nearfar.starter.asked import Asked
from nearfar.starter.write import write_study


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


SPELL: dict[str, Callable[[str], str]] = {"NFC": nfc, "NFD": nfd}
WRITE: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "parquet": lambda frame, path: frame.to_parquet(path),
    "xlsx": lambda frame, path: frame.to_excel(path, index=False),
    "jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
}


def frame(spell: Callable[[str], str], cells: Callable[[str], str]) -> pd.DataFrame:
    size = np.random.default_rng(0).normal(size=24).round(3)
    kinds = [cells(name) for name in ("café", "thé", "maté") * 8]
    colours = [cells(name) for name in ("grün", "rot") * 12]
    return pd.DataFrame({spell("größe"): size, spell("farbe ä"): colours, spell("été"): kinds})


@pytest.mark.parametrize("ending", WRITE)
@pytest.mark.parametrize("form", SPELL)
def test_a_file_in_either_form_is_read_as_the_other(tmp_path: Path, ending: str, form: str) -> None:
    path = tmp_path / f"t.{ending}"
    WRITE[ending](frame(SPELL[form], SPELL[form]), path)
    for said in (nfc, nfd):
        options = DataOptions(
            source="table",
            path=path.name,
            target=said("été"),
            features=[said("größe"), said("farbe ä")],
            task="classification",
        )
        dataset = load_dataset(options, tmp_path)
        assert dataset.classes == tuple(map(nfc, ("café", "maté", "thé")))
        assert dataset.target_names == [nfc("été")]
        assert isinstance(dataset.inputs, Columns)
        assert [column.name for column in dataset.inputs.columns] == [nfc("größe"), nfc("farbe ä")]
        assert set(dataset.inputs.columns[1].cells) == {nfc("grün"), "rot"}
        for other, spell in SPELL.items():
            new = tmp_path / f"{other}.{ending}"
            WRITE[ending](frame(spell, spell), new)
            rows = load_inputs(options, new, dataset.inputs)
            assert isinstance(rows.inputs, Columns)
            assert np.array_equal(rows.inputs.columns[1].cells, dataset.inputs.columns[1].cells)
    table = _given(rows)
    written = spell if ending == "parquet" else nfc
    assert [*table][1:] == [*map(written, ("größe", "farbe ä", "été"))]


def test_a_category_in_both_forms_is_one(tmp_path: Path) -> None:
    table = frame(nfc, nfc)
    table.iloc[:12, 1:] = frame(nfc, nfd).iloc[:12, 1:]
    table.to_csv(tmp_path / "t.csv", index=False)
    options = DataOptions(source="table", path="t.csv", target=nfd("été"), task="classification")
    dataset = load_dataset(options, tmp_path)
    assert len(dataset.classes) == 3
    assert isinstance(dataset.inputs, Columns)
    assert len(set(dataset.inputs.columns[1].cells)) == 2
    assert is_unseen(dataset, (nfd("thé"),)).sum() == 8
    rows = np.arange(8)
    split = Split(train=rows, validation=rows + 8, test=rows + 16)
    joined, _ = mapped(dataset, split, "two", {nfd("thé") + "+" + nfd("maté"): "a", "*": "b"})
    assert joined.classes == ("a", "b")


def test_a_name_in_both_forms_is_refused(tmp_path: Path) -> None:
    table = pd.DataFrame({nfc("é"): [1, 2], nfd("é"): [3, 4], "y": [1, 2]})
    for ending, write in WRITE.items():
        write(table, tmp_path / f"t.{ending}")
        options = DataOptions(source="table", path=f"t.{ending}", target="y")
        with pytest.raises(UserError, match="column '\u00e9' stands 2 times"):
            load_dataset(options, tmp_path)


@pytest.mark.parametrize("form", SPELL)
def test_init_and_compare_find_columns_in_either_form(tmp_path: Path, form: str) -> None:
    table = frame(SPELL[form], SPELL[form])
    table.to_parquet(tmp_path / "t.parquet")
    for other, said in SPELL.items():
        asked = Asked(features=(said("größe"), said("farbe ä")))
        made = tmp_path / f"{form}{other}.yaml"
        write_study(tmp_path / "t.parquet", [said("été")], made, asked=asked)
        data = parse_yaml(made.read_text(encoding="utf-8"), "study")["data"]
        assert (data["target"], data["features"]) == (nfc("été"), [nfc("größe"), nfc("farbe ä")])
        rows = rows_of(table, said("été"), {"group": said("farbe ä")}, tmp_path)
        assert (rows.targets, rows.options["group"]) == ([nfc("été")], nfc("farbe ä"))
