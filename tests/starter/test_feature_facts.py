"""What a first study makes of columns that are not all numbers, and what it says of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nearfar.data import Columns, Preparation
from nearfar.heads.solved.exact import Ridge
from nearfar.plain_yaml import from_yaml
from nearfar.starter.asked import checked
from nearfar.starter.detect import detect
from nearfar.starter.write import write_study
from nearfar.study.load import load_study


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def colours(rows: int = 400) -> pd.DataFrame:
    """The colour says almost all of y."""
    rng = np.random.default_rng(0)
    colour, z = rng.choice(["red", "green", "blue"], rows), rng.normal(size=rows)
    effect = pd.Series(colour).map({"red": 3.0, "green": 0.0, "blue": -3.0}).to_numpy()
    y = effect + 0.3 * z + 0.2 * rng.normal(size=rows)
    return pd.DataFrame({"colour": colour, "z": z, "y": y})


def test_a_category_carries_a_linear_arm() -> None:
    """One-hot and ridge have a mean absolute error of 0.16; the mean has more than 2."""
    colours().to_csv("colour.csv", index=False)
    finding = detect("colour.csv", ["y"], Path.cwd())
    assert finding.data.features == ["colour", "z"]
    inputs, targets = finding.dataset.inputs, finding.dataset.targets
    assert isinstance(inputs, Columns)
    train, rest = np.arange(300), np.arange(300, 400)
    values = Preparation.fit(inputs, train, targets[train]).apply_to_own(inputs).values.numpy()
    ridge = Ridge()
    ridge.fit(values[train], targets[train], 0)
    assert np.abs(ridge.predict(values[rest]) - targets[rest]).mean() < 0.18
    assert np.abs(targets[rest] - targets[train].mean()).mean() > 2


def test_every_kind_of_column_is_told_and_no_row_is_lost() -> None:
    table = colours(60).assign(
        day=pd.date_range("2020-01-01", periods=60).strftime("%Y-%m-%d"),
        sure=np.tile(["yes", "no", "no"], 20),
        code=[f"A-{k:04}" for k in range(60)],
    )
    table.loc[::7, "z"] = np.nan
    table.to_csv("t.csv", index=False)
    path, facts = write_study(Path("t.csv"), ["y"])
    study = from_yaml(path.read_text())
    assert study["data"]["features"] == ["colour", "z", "day", "sure"]
    assert study["data"]["on_bad_rows"] == "error"
    assert [fact.split(":")[0] for fact in facts if " column of " in fact] == [
        "1 column of numbers (z)",
        "1 column of truth values (sure)",
        "1 column of dates (day)",
        "1 column of categories (colour",
    ]
    assert "left out: column 'code' names the rows" in facts
    assert "every row is used" in facts
    assert any(fact.startswith("missing cells of features are no bad rows") for fact in facts)


def test_equal_rows_and_a_column_that_is_the_target_are_told_among_mixed_columns() -> None:
    table = colours(50)
    table = pd.concat([table, table.head(3)]).assign(copy=lambda t: 2 * t["y"] + 1)
    table.to_csv("t.csv", index=False)
    _, facts = write_study(Path("t.csv"), ["y"])
    assert any(fact.startswith("duplicates: 3 feature rows occur more than once") for fact in facts)
    assert any("column 'copy' is almost the target itself" in fact for fact in facts)


def test_a_column_that_is_a_function_of_the_target_is_told() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=400), "price": np.exp(3 * rng.normal(size=400))})
    table["near"] = np.log(table["price"]) + rng.normal(size=400)
    table["log"] = -np.log(table["price"])
    table["far"] = 0.1
    table.loc[5:, "far"] += 1e-16
    table.loc[:1, "log"] = np.nan
    table.to_csv("price.csv", index=False)
    _, facts = write_study(Path("price.csv"), ["price"])
    warned = [fact for fact in facts if "almost the target" in fact]
    assert len(warned) == 1
    assert warned[0].startswith("careful: column 'log' is almost the target itself (correlation of")


@pytest.mark.parametrize("kind", ["texts", "numbers", "truth values"])
def test_a_column_that_says_the_class_in_other_words_is_told(kind: str) -> None:
    words = {
        "texts": {"red": "C1", "green": "C2", "blue": "C3"},
        "numbers": {"red": 2, "green": 9, "blue": 4},
        "truth values": {"red": "yes", "green": "no"},
    }[kind]
    table = colours(150)
    table = table[table["colour"].isin(words)]
    table["code"] = table["colour"].map(words)
    table["hint"] = table["code"].where(table.index % 10 > 0, table["code"].iloc[0])
    table.to_csv("c.csv", index=False)
    _, facts = write_study(Path("c.csv"), ["colour"])
    warned = [fact for fact in facts if "almost the target" in fact]
    beside = f"each of its {len(words)} values stands beside one class alone"
    assert warned == [f"careful: column 'code' is almost the target itself ({beside})"]


def test_few_rows_of_a_class_that_a_column_meets_by_chance_are_no_warning() -> None:
    table = colours(100).assign(flag="no", state="well")
    table.loc[:3, ["flag", "state"]] = "yes", "ill"
    table.to_csv("few.csv", index=False)
    _, facts = write_study(Path("few.csv"), ["state"])
    assert not [fact for fact in facts if "almost the target" in fact]


def test_columns_beside_molecules_are_used_or_told() -> None:
    rows = [("C" * k + "O" * (k % 2), 290.0 + k % 5, k / 3) for k in range(1, 41)]
    frame = pd.DataFrame(rows, columns=["smiles", "Temp (K)", "y"])
    frame.to_csv("m.csv", index=False)
    path, facts = write_study(Path("m.csv"), ["y"])
    assert load_study(str(path)).study.data.features == ["Temp (K)"]
    assert any(fact.startswith("column 'Temp (K)': a condition of the mea") for fact in facts)
    path.unlink()
    path, facts = write_study(Path("m.csv"), ["y"], asked=checked({"features": ["none"]}))
    assert load_study(str(path)).study.data.features is None
    assert any(fact.startswith("columns not used: Temp (K) (numbers);") for fact in facts)


def test_rows_that_lie_in_time_are_told_how_the_latest_are_tested() -> None:
    table = colours(60).assign(day=pd.date_range("2020-01-01", periods=60).strftime("%Y-%m-%d"))
    table.to_csv("t.csv", index=False)
    told = [fact for fact in detect("t.csv", ["y"], Path.cwd()).facts if "come later" in fact]
    assert len(told) == 1
    assert "(column 'day')" in told[0]
    assert "--part day learns from the earliest" in told[0]
    table.rename(columns={"day": "sold on"}).to_csv("t.csv", index=False)
    facts = detect("t.csv", ["y"], Path.cwd()).facts
    assert any("--part 'sold on' learns from" in fact for fact in facts)
    smiles = ["C" * k + "O" * (k % 2) for k in range(1, 61)]
    table.drop(columns="x", errors="ignore").assign(smiles=smiles).to_csv("m.csv", index=False)
    facts = detect("m.csv", ["y"], Path.cwd()).facts
    assert any("--part day learns from the earliest" in fact for fact in facts)
    parts = np.repeat(["train", "validation", "test"], [40, 10, 10])
    table.assign(part=parts).to_csv("parts.csv", index=False)
    assert not any("come later" in fact for fact in detect("parts.csv", ["y"], Path.cwd()).facts)
    few = table.assign(day=np.tile(["2020-01-01", "2021-01-01", "2022-01-01"], 20))
    few.to_csv("few.csv", index=False)
    assert not any("come later" in fact for fact in detect("few.csv", ["y"], Path.cwd()).facts)
