"""``nearfar init`` of tables as people have them: found, told, refused; and what it writes runs."""

import csv
import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from whole_runs import run_whole

from nearfar.data.read.tables import read_file
from nearfar.data.table_form import TableForm
from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Request
from nearfar.starter.asked import Asked
from nearfar.starter.write import write_study

ROWS = 60


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEARFAR_DATA", str(tmp_path / "nowhere"))
    return tmp_path


def frame() -> pd.DataFrame:
    rng = random.Random(0)
    made = pd.DataFrame({name: [rng.gauss(0, 1) for _ in range(ROWS)] for name in ("a", "b")})
    made["Temp (K)"] = 300 + 5 * made["a"] + made["b"]
    return made


def started(name: str, target: str = "Temp (K)") -> tuple[dict[str, object], str]:
    path, facts = write_study(Path(name), [target], Path("study.yaml"))
    data = yaml.safe_load(path.read_text(encoding="utf-8"))["data"]
    path.unlink()
    return data, "\n".join(facts)


@pytest.mark.parametrize("target", ["growth (z)", "growth [z]"])
def test_a_target_that_was_scaled_before_has_no_unit_of_results(target: str) -> None:
    frame().rename(columns={"Temp (K)": target}).to_csv("d.csv")
    data, told = started("d.csv", target)
    assert "unit" not in data
    assert "unit of the target" not in told


def test_semicolons_and_decimal_commas_are_found_run_and_predicted() -> None:
    frame().to_csv("d.csv", sep=";", decimal=",", index=True)
    path, facts = write_study(Path("d.csv"), ["Temp (K)"])
    data = yaml.safe_load(path.read_text(encoding="utf-8"))["data"]
    assert (data["separator"], data["decimal"], data["unit"]) == (";", ",", "K")
    assert data["features"] == ["a", "b"]
    told = "\n".join(facts)
    assert "fields are separated by ';'" in told
    assert "numbers have a decimal comma" in told
    prepared = run_whole(Request(str(path), profile="smoke", seeds=1, device="cpu"))
    assert prepared.dataset.targets[:, 0] == pytest.approx(frame()["Temp (K)"])
    given = {"semicolons.csv": {"sep": ";", "decimal": ","}, "points.csv": {}}
    for name, how in given.items():
        frame().to_csv(name, **how)
    frame().to_excel("sheet.xlsx")
    outputs = []
    for name in (*given, "sheet.xlsx"):
        predict_file(prepared.folder.path, "MLP", Path(name), Path(f"{name}.out.csv"), None)
        with Path(f"{name}.out.csv").open(encoding="utf-8") as file:
            outputs.append([float(row["Temp (K)_pred"]) for row in csv.DictReader(file)])
    assert len(outputs[0]) == ROWS
    assert outputs[0] == pytest.approx(outputs[1], rel=1e-5)
    assert outputs[0] == pytest.approx(outputs[2], rel=1e-5)


def test_signs_between_thousands() -> None:
    made = frame().assign(y=[f"{1000 * value:,.1f}" for value in frame()["a"]])
    made.to_csv("d.csv", index=False)
    assert started("d.csv", "y")[0]["decimal"] == "."
    made.assign(y=[f"{k + 1},{k + 100}" for k in range(ROWS)]).to_csv("d.csv", index=False)
    with pytest.raises(UserError, match=r"'1,100', whose comma may be .* --decimal"):
        started("d.csv", "y")


def test_a_target_alone_with_decimal_commas() -> None:
    """Beside columns with points it is neither text nor classes, and the way out is named."""
    made = frame().assign(y=[f"{k % 55},{k % 7}0" for k in range(ROWS)])
    made.to_csv("d.csv", index=False)
    with pytest.raises(UserError, match=r"decimal comma, such as '0,00': take --decimal ','"):
        started("d.csv", "y")


def test_points_between_thousands_beside_decimal_commas() -> None:
    made = pd.DataFrame({"size": [f"{k}.5".replace(".", ",") for k in range(ROWS)]})
    made["km"] = [f"{k * 97 + 1300:,}".replace(",", ".") for k in range(ROWS)]
    made["z"] = [f"{k * k + 700:,}".replace(",", ".") for k in range(ROWS)]
    made.to_csv("d.csv", index=False, sep=";")
    data, told = started("d.csv", "z")
    assert data["decimal"] == ","
    assert "target 'z': numbers from 700 to 4181" in told
    assert "careful: columns 'km', 'z' have three digits behind every point, as '1.300'" in told
    made["north"] = [f"{48 + k / 777:.4f}" for k in range(ROWS)]
    made.to_csv("d.csv", index=False, sep=";")
    facts = write_study(Path("d.csv"), ["z"], Path("n.yaml"), asked=Asked(decimal=","))[1]
    assert "column 'north': numbers have a decimal point here, and no comma" in facts
    assert "3 feature columns" in facts[0]


def test_numbers_that_mean_missing_are_advised_once() -> None:
    cells = ["-999,0" if k % 9 == 0 else f"{k}.7".replace(".", ",") for k in range(ROWS)]
    made = pd.DataFrame({"b": cells, "z": [f"{k * 7 % 60},3" for k in range(ROWS)]})
    made.to_csv("d.csv", index=False, sep=";")
    assert "7 cells are -999, far off" in started("d.csv", "z")[1]
    asked = Asked(missing=("", "-999"))
    facts = write_study(Path("d.csv"), ["z"], asked=asked)[1]
    assert not any("far off" in fact for fact in facts)
    assert any("missing values: 7 in 1 column (b)" in fact for fact in facts)


def test_new_rows_have_signs_between_thousands() -> None:
    frame().to_csv("d.csv", index=False)
    made = frame().astype({"a": float}).assign(a=lambda found: found["a"] * 1000)
    made.to_csv("points.csv", index=False)
    made.assign(a=[f"{value:,.6f}" for value in made["a"]]).to_csv("signs.csv", index=False)
    needed = frozenset({"a"})
    form = TableForm(strict=False, needed=needed)
    plain, signs = (read_file(Path(f"{name}.csv"), form) for name in ("points", "signs"))
    values = [[float(cell) for cell in table.columns["a"]] for table in (plain, signs)]
    assert values[0] == pytest.approx(values[1], rel=1e-6)


def test_none_is_a_class_and_told() -> None:
    made = frame().assign(defect=["none", "scratch", "dent"] * 20)
    made.to_csv("d.csv", index=False)
    data, told = started("d.csv", "defect")
    assert data["task"] == "classification"
    assert "3 classes ('dent', 'none', 'scratch')" in told
    assert "'none' (20 cells) is taken as a text like the others" in told
    assert "data: missing: ['', none]" in told


def test_missing_words_are_told() -> None:
    made = frame().astype(object)
    made.loc[3, "Temp (K)"] = "NA"
    made.loc[5, "Temp (K)"] = None
    made.to_csv("d.csv", index=False)
    _, told = started("d.csv")
    assert "missing values: 2 in 1 column (Temp (K)) (empty cells, 'NA'" in told


def test_limits_in_a_target_are_told_and_counted() -> None:
    made = frame().astype(object)
    made.loc[3, "Temp (K)"] = "<250"
    made.to_csv("d.csv", index=False)
    data, told = started("d.csv")
    assert data["on_bad_rows"] == "drop"
    assert "1 cell is a limit and no value, such as '<250'" in told
    assert "1 × target censored" in told


def test_true_and_false_are_classes_from_every_file() -> None:
    made = frame().assign(y=[k % 2 == 0 for k in range(ROWS)])
    made.to_csv("d.csv", index=False)
    made.assign(y=made["y"].map({True: "TRUE", False: "false"})).to_csv("e.csv", index=False)
    made.to_parquet("d.parquet")
    made.to_excel("d.xlsx", index=False)
    made.to_json("d.jsonl", orient="records", lines=True)
    for name in ("d.csv", "e.csv", "d.parquet", "d.xlsx", "d.jsonl"):
        data, told = started(name, "y")
        assert data["task"] == "classification", name
        assert "2 classes ('False', 'True')" in told, name


def test_codes_are_categories() -> None:
    frame().assign(plz=["02134", "10001"] * 30).to_csv("d.csv", index=False)
    data, told = started("d.csv")
    assert data["features"] == ["a", "b", "plz"]
    assert "1 column of categories (plz: 2)" in told
    assert "column 'plz': codes" in told


def refused(name: str, target: str | None = "z", **asked: Any) -> str:
    with pytest.raises(UserError) as caught:
        write_study(Path(name), [target] if target else [], asked=Asked(**asked))
    return str(caught.value)


def test_a_column_on_another_sheet_and_a_title_above_the_header() -> None:
    rows = {"x": [0.5, 1.5, 2.5], "z": [1.5, 2.5, 4.0]}
    with pd.ExcelWriter("book.xlsx") as writer:
        pd.DataFrame({"by": ["me"]}).to_excel(writer, sheet_name="about", index=False)
        pd.DataFrame(rows).to_excel(writer, sheet_name="my data", index=False)
    words = refused("book.xlsx")
    assert "no column 'z' (--target) on sheet 'about', which was read" in words
    assert "which was read; take --sheet 'my data'; columns: by" in words
    assert "--sheet takes another: 'my data'" in refused("book.xlsx", "q")
    with pd.ExcelWriter("title.xlsx") as writer:
        pd.DataFrame(rows).to_excel(writer, index=False, startrow=2)
        writer.sheets["Sheet1"].cell(1, 1, "Quarterly report")
    words = refused("title.xlsx")
    assert "stand in row 3, below 'Quarterly report'; the header must stand in the first" in words
    Path("title.csv").write_text("Quarterly report\nx,z\n1,2\n2,3\n", encoding="utf-8")
    assert "stand in row 2, below 'Quarterly report'" in refused("title.csv")


def test_what_values_beside_the_target_say_is_told() -> None:
    made = frame()
    made["relation"], made["units"] = ["=", "<", ">"] * 20, ["nM", "uM"] * 30
    made["b"] = [-999 if k % 9 == 0 else k / 7 for k in range(ROWS)]
    made["part"] = ["train"] * 40 + ["test"] * 20
    made.iloc[40:43, :3] = made.iloc[:3, :3]
    made.to_csv("t.csv", index=False)
    told = started("t.csv")[1]
    assert "'relation' says of 40 rows that a value is a limit (20 × '<', 20 × '>')" in told
    assert "'units' names 2 units (30 × 'nM', 30 × 'uM')" in told
    assert "column 'b': 8 cells are -999" in told
    made.drop(columns=["relation", "units"]).to_csv("t.csv", index=False)
    assert "careful: 3 of 20 test rows are copies of training rows" in started("t.csv")[1]


@pytest.mark.parametrize("name", ["12", "1e5", "true", "null", "2024-01-01", "a"])
def test_a_study_may_be_called_as_a_number(name: str) -> None:
    frame().to_csv(f"{name}.csv", index=False)
    path, _ = write_study(Path(f"{name}.csv"), ["Temp (K)"])
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["study"] == name


def test_points_that_may_be_thousands_are_told_and_periods_are_categories() -> None:
    made = frame()
    made["a"] = [f"{1 + k % 9}.{k * 37 % 1000:03d}" for k in range(ROWS)]
    made["quarter"] = [f"202{k % 3}Q{k % 4 + 1}" for k in range(ROWS)]
    made.round(0).to_csv("t.csv", sep=";", index=False)
    told = started("t.csv")[1]
    assert "column 'a' has three digits behind every point" in told
    assert "categories (quarter: 12)" in told


def test_messages_name_what_can_be_done() -> None:
    made = frame().assign(word=["None", "NA", "null"] * 20, Y=range(ROWS))
    made.to_csv("t.csv", index=False)
    with pytest.raises(UserError, match=r"'None', 'NA', 'null' stand for missing.*--missing ''"):
        started("t.csv", "word")
    with pytest.raises(UserError, match="did you mean 'Y'"):
        started("t.csv", "y")
    write_study(Path("t.csv"), ["word"], Path("w.yaml"), asked=Asked(missing=("",)))
