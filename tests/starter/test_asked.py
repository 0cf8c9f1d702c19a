"""``nearfar init``: what its user says wins, and what its messages name can be followed there."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from image_examples import write_images

from nearfar.errors import UserError
from nearfar.starter.asked import AT_INIT, at_init, checked, option
from nearfar.starter.detect_conditions import is_condition
from nearfar.starter.write import write_study


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEARFAR_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def data_of(file: str, /, *targets: str, task: str | None = None, **said: Any) -> dict[str, Any]:
    path, _ = write_study(Path(file), targets, Path("study.yaml"), task, checked(said))
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["data"]
    path.unlink()
    return data


def mistake(file: str, /, *targets: str, **said: Any) -> str:
    with pytest.raises(UserError) as caught:
        data_of(file, *targets, **said)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def table(name: str = "t.csv", separator: str = ",", rows: int = 40) -> None:
    lines = [["a", "b", "who", "label", "y"]]
    for k in range(rows):
        lines.append([str(k * 7 % 11), f"w{k}", f"p{k % 8}", f"n{k}", str(k * 3 % 17 - 0.5)])
    Path(name).write_text("\n".join(separator.join(line) for line in lines) + "\n")


def test_columns_of_a_table_are_taken_as_said() -> None:
    table(separator="|")
    data = data_of("t.csv", "y", separator="|", group="who", name="label", missing=["-0.5"])
    assert (data["separator"], data["group"], data["name"]) == ("|", "who", "label")
    assert data["missing"] == ["-0.5", -0.5]
    assert not {"who", "label"} & set(data["features"])
    assert data["on_bad_rows"] == "drop"
    assert "no column 'whom' (--group); did you mean 'who'?" in mistake(
        "t.csv", "y", group="whom", separator="|"
    )
    assert "named twice" in mistake("t.csv", "y", group="y", separator="|")


def test_a_named_column_makes_molecules() -> None:
    rows = "\n".join(f"{'C' * k}O,{'C' * (k + 1)}N,{k}.5" for k in range(1, 40))
    Path("m.csv").write_text(f"smiles,other,y\n{rows}\n")
    data = data_of("m.csv", "y", smiles="other")
    assert (data["source"], data["smiles"]) == ("molecules", "other")
    assert mistake("m.csv", "y", size=8) == "--size is for images; these are molecules"


def test_the_positive_class_is_as_said() -> None:
    rows = "\n".join(f"{k},{k * k % 13},{'yes' if k % 9 else 'no'}" for k in range(60))
    Path("c.csv").write_text(f"a,b,y\n{rows}\n")
    assert data_of("c.csv", "y")["positive"] == "no"
    assert data_of("c.csv", "y", positive="yes")["positive"] == "yes"
    assert "no class is called 'maybe'" in mistake("c.csv", "y", positive="maybe")


def test_images_get_the_form_that_is_said() -> None:
    write_images(Path("pics"), [f"{'ab'[k % 2]}/{k}.png" for k in range(24)], channels=4)
    assert data_of("pics")["channels"] == 3
    data = data_of("pics", channels=4, size=16)
    assert (data["channels"], data["size"]) == (4, 16)
    assert mistake("pics", smiles="s") == "--smiles is for molecules; these are images"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"decimal": ";"}, "--decimal ';': "),
        ({"pages": "frist"}, "--pages 'frist': did you mean 'first'? allowed: channels, first"),
        ({"size": 0}, "--size 0: "),
        ({"separator": "--"}, "--separator '--': "),
    ],
)
def test_values_that_cannot_be(said: dict[str, Any], words: str) -> None:
    table()
    assert words in mistake("t.csv", "y", **said)


def test_every_option_is_one_of_the_command() -> None:
    from inspect import signature

    from nearfar.cli import init

    assert set(AT_INIT) <= set(signature(init).parameters)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("x: set data: task: regression", "x: take --task regression"),
        ('commas, set data: decimal: ","', 'commas, take --decimal ","'),
        ("set data: channel_axis to first or last", "take --channel-axis to first or last"),
        ("set data: channels", "take --channels"),
        ("no column 'a' (data: group); columns: b", "no column 'a' (--group); columns: b"),
        ("set data: missing: ['', x]", "take --missing ['', x]"),
        ("(data: on_bad_rows: drop)", "(data: on_bad_rows: drop)"),
        ("data: sizes", "data: sizes"),
    ],
)
def test_remedies_are_said_as_options(message: str, told: str) -> None:
    assert at_init(message) == told
    assert option("channel_axis") == "--channel-axis"


def test_what_is_found_can_be_turned_off_or_said() -> None:
    rows = "\n".join(
        f"{k % 7},w{k % 3},p{k % 12},{'test' if k % 5 == 0 else 'train'},n{k},{k * 3 % 17}.5"
        for k in range(60)
    )
    Path("t.csv").write_text(f"a,b,patient,split,name,y\n{rows}\n")
    found = data_of("t.csv", "y")
    assert (found["group"], found["part"], found["name"]) == ("patient", "split", "name")
    assert found["features"] == ["a", "b"]
    off = data_of("t.csv", "y", group="none", part="none", name="none")
    assert not {"group", "part", "name"} & set(off)
    assert data_of("t.csv", "y", features=["b", "patient"])["features"] == ["b", "patient"]
    assert "no column 'c' (--features)" in mistake("t.csv", "y", features=["c"])
    assert data_of("t.csv", "y", unit="kg")["unit"] == "kg"
    assert "leave the unit out, or call it otherwise" in mistake("t.csv", "y", unit="z")


def test_columns_beside_images_are_joined_where_they_are_named() -> None:
    write_images(Path("p"), [f"{k}.png" for k in range(24)])
    rows = "\n".join(f"p/{k}.png,{20 + k * 7 % 40},{'ab'[k % 2]}" for k in range(24))
    Path("t.csv").write_text(f"path,age,label\n{rows}\n")
    assert "features" not in data_of("t.csv", "label")
    assert data_of("t.csv", "label", features=["age"])["features"] == ["age"]
    assert "--features means nothing to a folder of class folders" in mistake_of_folder()


def mistake_of_folder() -> str:
    write_images(Path("c"), [f"{'ab'[k % 2]}/{k}.png" for k in range(24)])
    return mistake("c", features=["age"])


@pytest.mark.parametrize(
    "column",
    [
        *("patient", "PatientID", "Subject Id", "animal_no", "Mouse Nr.", "plateID", "Slide.ID"),
        *(
            "donor-id",
            "site",
            "batch",
            "session_id",
            "family",
            "speaker_name",
            "userId",
            "customer",
        ),
        *("patients", "well", "sample_id", "SUBJ_ID", "participant code"),
    ],
)
def test_columns_of_groups(column: str) -> None:
    rows = "\n".join(f"{k * k % 13},{k % 20},{k * 3 % 17}.5" for k in range(80))
    Path("g.csv").write_text(f"a,{column},y\n{rows}\n")
    assert data_of("g.csv", "y")["group"] == column


@pytest.mark.parametrize("column", ["class_id", "colour", "age", "valid", "humid", "paid", "width"])
def test_columns_of_no_groups(column: str) -> None:
    rows = "\n".join(f"{k * k % 13},{k % 20},{k * 3 % 17}.5" for k in range(80))
    Path("g.csv").write_text(f"a,{column},y\n{rows}\n")
    assert "group" not in data_of("g.csv", "y")


def test_few_patients_are_groups_and_few_sites_a_column_to_learn_from() -> None:
    rows = "\n".join(f"{k * k % 13},{k % 6},{k % 4},{k * 3 % 17}.5" for k in range(90))
    Path("g.csv").write_text(f"a,patient,site,y\n{rows}\n")
    data = data_of("g.csv", "y")
    assert data["group"] == "patient"
    assert data["features"] == ["a", "site"]


@pytest.mark.parametrize(
    ("column", "is_one"),
    [
        *((name, True) for name in ("Temp (K)", "temperature", "T (°C)", "T/K", "pH", "solvent")),
        *((name, True) for name in ("Temperature_C", "Solvent name", "conc. [mM]", "T_K")),
        *(
            (name, False)
            for name in ("melting temperature", "logP", "phenol", "pKa", "T", "t_cell")
        ),
    ],
)
def test_conditions_of_a_measurement(column: str, is_one: bool) -> None:
    assert is_condition(column) == is_one


def test_remedies_name_options_that_there_are() -> None:
    """In messages of init its own options; elsewhere keys of a study file."""
    from inspect import signature

    from nearfar.cli import init
    from nearfar.data.options import DataOptions

    source = Path(__file__).parents[2] / "src/nearfar"
    options = {option(key) for key in signature(init).parameters} | {"--profile"}
    for path in (source / "starter").glob("*.py"):
        said = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", path.read_text(encoding="utf-8")))
        assert said <= options, path.name
    for path in (source / "data").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        said = set(re.findall(r"\bset data: ([a-z_]+)", text))
        assert said <= DataOptions.model_fields.keys(), path.name
        assert said <= set(AT_INIT), f"{path.name}: init has no such option"


def test_what_does_not_fit_the_task_is_said_as_an_option() -> None:
    rows = "\n".join(f"{k},{k * k % 13},{'yes' if k % 2 else 'no'}" for k in range(60))
    Path("c.csv").write_text(f"a,b,y\n{rows}\n")
    assert "--unit goes with regression" in mistake("c.csv", "y", unit="kg")
