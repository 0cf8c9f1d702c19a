"""``nearfar init``: a study of a user's own file that runs unedited."""

import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from made_rows import made_rows
from whole_runs import run_whole

from nearfar.errors import UserError
from nearfar.execution.prepared import Request
from nearfar.execution.run import prepare
from nearfar.starter.arms import Budget, arms_of
from nearfar.starter.asked import Asked
from nearfar.starter.first_split import first_split
from nearfar.starter.kits import kit_of
from nearfar.starter.scalars import scalar, value_list
from nearfar.starter.write import write_study
from nearfar.study.load import load_study

ALKYLS = ["C" * n for n in range(1, 11)]
TAILS = ["O", "N", "F", "Cl", "C(=O)O", "c1ccccc1"]
SMILES = [chain + tail for chain, tail in itertools.product(ALKYLS, TAILS)]

PROFILES = ("full", "quick", "smoke")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEARFAR_DATA", str(tmp_path / "nowhere"))
    return tmp_path


def molecules(**more: list[Any]) -> pd.DataFrame:
    values = [len(text) + text.count("O") / 2 for text in SMILES]
    return pd.DataFrame({"smiles": SMILES, "value": values, **more})


def columns(rows: int = 60) -> pd.DataFrame:
    rng = random.Random(0)
    frame = pd.DataFrame({name: [rng.gauss(0, 1) for _ in range(rows)] for name in ("a", "b")})
    frame["value"] = frame["a"] + 0.1 * frame["b"] + [rng.gauss(0, 0.5) for _ in range(rows)]
    return frame


def written(frame: pd.DataFrame, target: str = "value", **csv: Any) -> tuple[dict[str, Any], str]:
    """The written study, and what was told, as one text."""
    frame.to_csv("my data.csv", index=False, **csv)
    path, facts = write_study(Path("my data.csv"), [target])
    assert path == Path("my-data.yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8")), "\n".join(facts)


def refused(frame: pd.DataFrame, target: str = "value") -> str:
    with pytest.raises(UserError) as caught:
        written(frame, target)
    assert not Path("my-data.yaml").exists()
    return str(caught.value)


def test_molecules_give_a_study_valid_in_every_profile() -> None:
    study, facts = written(molecules(name=[f"molecule {row}" for row in range(60)]))
    assert study["data"] == {
        "source": "molecules",
        "path": "my data.csv",
        "smiles": "smiles",
        "target": "value",
        "name": "name",
        "task": "regression",
        "on_bad_rows": "error",
    }
    assert "60 rows, molecules: SMILES in column 'smiles'" in facts
    assert "numbers from 2 to 18, treated as regression" in facts
    assert "no missing values and no unreadable rows" in facts
    for profile in PROFILES:
        resolved = load_study("my-data.yaml", profile)
        assert len(resolved.seeds) == {"full": 10, "quick": 5, "smoke": 2}[profile]
        study_there = resolved.study
        assert {arm.group for arm in study_there.arms.values()} == {"own", "control"}
        assert study_there.arms["MPNN+RnC"].pretrain is not None
        assert study_there.stages["rnc"].encoder.name == "mpnn"


@pytest.mark.parametrize("frame", [columns(), molecules()], ids=["table", "molecules"])
def test_text_targets_are_classes(frame: pd.DataFrame) -> None:
    study, facts = written(frame.assign(value=["dog", "cat", "cow"] * 20))
    assert study["data"]["task"] == "classification"
    assert "target 'value': 3 classes ('cat', 'cow', 'dog')" in facts
    assert study["metric"] == "balanced_accuracy"
    for profile in PROFILES:
        assert load_study("my-data.yaml", profile).study.data.task == "classification"


def test_both_ways_get_the_same_epochs_in_every_profile() -> None:
    written(molecules())
    for profile in PROFILES:
        study = load_study("my-data.yaml", profile).study
        fits = {name: getattr(arm.fit, "epochs", 0) for name, arm in study.arms.items()}
        if profile != "smoke":
            assert fits["MPNN"] == study.stages["rnc"].epochs + fits["MPNN+RnC"]
        assert fits["MPNN+RnC"] == fits["untrained encoder"]


def test_columns_give_a_study_with_listed_features() -> None:
    frame = columns()
    frame.insert(0, "row", range(60))
    frame["same"] = 7
    frame["text"] = "word"
    frame["holes"] = [None] * 50 + [1.0, 2.0] * 5
    study, facts = written(frame)
    assert study["data"]["features"] == ["a", "b", "holes"]
    assert study["stages"]["rnc"]["encoder"] == "mlp"
    assert "column 'row' counts the rows" in facts
    assert "column 'same' is the same in every row" in facts
    assert "missing values: 50 in 1 column (holes)" in facts
    assert "column 'text' is the same in every row" in facts
    load_study("my-data.yaml")


@pytest.mark.parametrize("count", [1, 50, 51, 400])
def test_a_list_is_read_back_and_a_long_one_is_no_longer_than_a_screen(count: int) -> None:
    odd = ["a, b", "[x]", "{y}", "#5", "no", "", "é: ä", "'quoted'", "x" * 150, "1.0", "*"]
    values = [odd[k % len(odd)] if k % 3 else f"pixel{k}" for k in range(count)]
    lines = value_list("features", values, "  ")
    assert yaml.safe_load("\n".join(["data:", *lines])) == {"data": {"features": values}}
    assert len(lines) == count + 1 if count <= 50 else len(lines) < count / 2
    assert max(len(line) for line in lines if "xxx" not in line) <= 100
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("kind", ["molecules", "columns"])
def test_written_study_runs_unedited(kind: str) -> None:
    frame = {"molecules": molecules, "columns": columns}[kind]()
    written(frame)
    prepared = run_whole(Request("my-data.yaml", profile="smoke", seeds=1, device="cpu"))
    assert prepared.missing == {}
    assert len(prepared.plan.steps) == {"molecules": 9, "columns": 8}[kind]
    assert (prepared.folder.path / "results.csv").stat().st_size > 1000


def test_smiles_are_found_by_reading_when_no_name_says_so() -> None:
    frame = molecules().rename(columns={"smiles": "structure code"})
    frame.insert(0, "element", ["C", "N"] * 30)
    study, _ = written(frame)
    assert study["data"]["smiles"] == "structure code"


@pytest.mark.parametrize("name", ["SMILES", "canonical_smiles", "smi"])
def test_smiles_are_found_by_name_before_other_readable_columns(name: str) -> None:
    frame = molecules().rename(columns={"smiles": name})
    frame.insert(0, "parent", SMILES[::-1])
    assert written(frame)[0]["data"]["smiles"] == name


def test_classes_of_elements_are_no_smiles() -> None:
    frame = columns()
    frame["element"] = ["C", "N", "O"] * 20
    assert written(frame)[0]["data"]["source"] == "table"


def test_bad_rows_are_counted_and_dropped() -> None:
    frame = molecules()
    frame.loc[4, "value"] = None
    frame.loc[7, "smiles"] = "C1CC"
    frame.loc[9, "smiles"] = "not a molecule"
    study, facts = written(frame)
    assert study["data"]["on_bad_rows"] == "drop"
    assert "bad rows: 3 of 60 are left out" in facts
    assert "2 × molecule not readable, 1 × target missing" in facts
    assert "the first is row 5: target 'value' is missing" in facts
    assert "--missing VALUE" not in facts, "no cell of a feature is at fault"


def test_rows_lost_to_one_cell_of_a_feature_come_with_a_way_to_keep_them() -> None:
    frame = columns()
    number = frame.columns[0]
    frame[number] = frame[number].astype(object)
    frame.loc[[3, 5], number] = "failed"
    frame.loc[8, number] = float("inf")
    facts = written(frame)[1]
    assert "3 of 60 are left out" in facts
    assert "--missing VALUE" in facts


def test_duplicate_molecules_are_told_with_their_disagreement() -> None:
    frame = molecules()
    frame.loc[60] = ["OC", 9.5]
    frame.loc[61] = ["NC", frame.loc[1, "value"]]
    _, facts = written(frame)
    assert "2 molecules occur more than once, 1 of them with different values (up to 7 apart)" in (
        facts
    )
    assert "copies stay in one part" in facts


def test_duplicate_feature_rows_are_told() -> None:
    frame = columns()
    frame.loc[60] = frame.loc[0]
    _, facts = written(frame)
    assert "1 feature row occurs more than once, with equal values" in facts
    assert "name a group" in facts


def test_feature_that_is_the_target_is_warned_of() -> None:
    frame = columns()
    frame["copy"] = 3 * frame["value"] - 1
    _, facts = written(frame)
    assert "careful: column 'copy' is almost the target itself" in facts
    assert "column 'a'" not in facts


def test_few_whole_values_are_told_to_look_like_classes() -> None:
    frame = columns()
    frame["value"] = [1, 2, 3] * 20
    assert "only 3 different whole values: if these are classes" in written(frame)[1]


def test_target_over_many_powers_of_ten_is_told() -> None:
    frame = columns()
    frame["value"] = [10 ** (row / 10) for row in range(60)]
    assert "consider predicting its logarithm" in written(frame)[1]


def test_predefined_parts_are_used() -> None:
    frame = molecules(split=["train"] * 45 + ["test"] * 15)
    study, facts = written(frame)
    assert study["split"] == {"kind": "predefined", "validation": 0.1}
    assert study["data"]["part"] == "split"
    assert "column 'split' says train and test" in facts
    load_study("my-data.yaml")


def test_column_named_split_with_other_values_is_no_part() -> None:
    study, _ = written(molecules(split=["north", "south"] * 30))
    assert study["split"]["kind"] == "folds"
    assert "part" not in study["data"]


def test_few_rows_are_tested_once_each_and_the_file_says_how() -> None:
    study, _ = written(molecules())
    assert study["split"] == {"kind": "folds", "folds": 10}
    assert "axes" not in study
    text = Path("my-data.yaml").read_text(encoding="utf-8")
    assert "every row is tested once" in " ".join(text.split("\n# "))
    assert "by: scaffold" in text
    assert "by: group" not in text
    resolved = load_study("my-data.yaml")
    assert resolved.seeds == list(range(10))
    more = load_study("my-data.yaml", "quick", ("split.repeats=2",))
    assert more.seeds == list(range(20))


def test_a_column_of_groups_stays_in_one_fold() -> None:
    study, _ = written(columns().assign(patient_id=[f"p{row // 3}" for row in range(60)]))
    assert study["split"] == {"kind": "folds", "folds": 10, "by": "group"}
    text = Path("my-data.yaml").read_text(encoding="utf-8")
    assert "by: group: rows with equal values in column patient_id" in text
    assert "scaffold" not in text


@pytest.mark.parametrize(
    ("sizes", "split"),
    [
        ([53, 50, 47], {"folds": 3, "validation": 0.5}),
        ([40, 40, 35, 35], {"folds": 4, "validation": 0.33}),
        ([40, 20, 20, 20, 20, 20, 10], {"folds": 5}),
    ],
)
def test_few_groups_are_learnt_from_tested_and_choose_epochs_in_turn(
    sizes: list[int], split: dict[str, Any]
) -> None:
    sites = np.repeat([f"s{k}" for k in range(len(sizes))], sizes)
    columns(150).assign(site=sites).to_csv("t.csv", index=False)
    write_study(Path("t.csv"), ["value"], asked=Asked(group="site"))
    study = yaml.safe_load(Path("t.yaml").read_text(encoding="utf-8"))
    assert study["split"] == {"kind": "folds", "by": "group", **split}
    seeds = load_study("t.yaml", "quick").seeds
    assert seeds == list(range(min(study["split"]["folds"], 5)))
    prepare(Request("t.yaml"))


def test_groups_that_no_split_keeps_together_come_with_a_way_out() -> None:
    columns(150).assign(site=["a", "b"] * 75).to_csv("t.csv", index=False)
    words = "there must be 3 groups at least, one for each part .--group none does without them"
    with pytest.raises(UserError, match=words):
        write_study(Path("t.csv"), ["value"], asked=Asked(group="site"))


@pytest.mark.parametrize("rows_in_a_row", [True, False])
def test_groups_that_given_parts_divide_are_counted(rows_in_a_row: bool) -> None:
    """Parts as given rule; no line promises that groups stay in one."""
    patients = [f"p{row // 6 if rows_in_a_row else row % 10}" for row in range(60)]
    parts = ["train"] * 36 + ["validation"] * 12 + ["test"] * 12
    study, facts = written(columns().assign(patient=patients, split=parts))
    assert study["split"]["kind"] == "predefined"
    assert "stay in one part" not in facts
    if rows_in_a_row:
        assert "value of 'patient' stand in one part each, as the parts are given" in facts
    else:
        assert "careful: 10 of 10 groups by 'patient' have rows in several parts" in facts
        assert "--part none draws a split that keeps each group in one part" in facts


def test_groups_that_a_time_divides_are_counted() -> None:
    days = pd.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d")
    columns().assign(patient=[f"p{row % 10}" for row in range(60)], day=days).to_csv("t.csv")
    _, facts = write_study(Path("t.csv"), ["value"], asked=Asked(part="day"))
    (fact,) = [fact for fact in facts if "patient" in fact]
    assert fact.startswith("careful: 10 of 10 groups by 'patient' have rows in several parts")


def test_of_few_groups_nothing_is_promised_where_parts_are_given() -> None:
    parts = ["train"] * 36 + ["validation"] * 12 + ["test"] * 12
    _, facts = written(columns().assign(patient=["a", "b", "c"] * 20, split=parts))
    assert "keeps them together" not in facts


@pytest.mark.parametrize(
    ("target", "split"),
    [
        (["cat"] * 45 + ["dog"] * 15, {"kind": "folds", "folds": 10}),
        (
            ["cat"] * 59 + ["dog"],
            {"kind": "random", "parts": [0.8, 0.1, 0.1], "resplit": True},
        ),
    ],
    ids=["enough of each", "a class of one row"],
)
def test_folds_need_rows_of_every_class(target: list[str], split: dict[str, Any]) -> None:
    study, _ = written(columns().assign(value=target))
    assert study["split"] == split
    assert ("axes" in study) == (split["kind"] == "random")


@pytest.mark.parametrize(("rare", "folds"), [(12, 10), (10, 10), (9, 5), (5, 5), (4, 4), (3, 3)])
def test_folds_are_as_few_as_have_rows_of_a_rare_class(rare: int, folds: int) -> None:
    frame = columns(90).assign(value=["well"] * (90 - rare) + ["ill"] * rare)
    study, _ = written(frame)
    assert study["split"] == {"kind": "folds", "folds": folds}
    assert study["metric"] == "average_precision"
    prepare(Request("my-data.yaml"))


@pytest.mark.parametrize("classes", [{"a": 9, "b": 9, "c": 2}, {"a": 88, "b": 2}, {"a": 9, "b": 2}])
def test_a_class_of_two_rows_leaves_one_of_three_folds_without_it(classes: dict[str, int]) -> None:
    labels = [name for name, count in classes.items() for _ in range(count)]
    study, facts = written(columns(len(labels)).assign(value=labels))
    assert study["split"] == {"kind": "folds", "folds": 3}
    assert f"class '{labels[-1]}' is not tested in 1 of 3 trainings" in facts
    prepare(Request("my-data.yaml"))


def test_a_rare_class_that_few_groups_have_is_not_what_carries_the_verdicts() -> None:
    frame = columns(90).assign(patient=np.arange(90) // 3, value=["well"] * 84 + ["ill"] * 6)
    study, _ = written(frame)
    assert study["split"]["by"] == "group"
    assert study["metric"] == "balanced_accuracy"
    prepare(Request("my-data.yaml"))


def test_ten_folds_give_way_to_five_where_rows_are_few() -> None:
    study, _ = written(columns(18))
    assert study["split"] == {"kind": "folds", "folds": 5}
    assert len(load_study("my-data.yaml").seeds) == 5


def test_many_rows_are_split_at_random() -> None:
    assert first_split(made_rows(range(19_999)), predefined=False).kind == "folds"
    assert first_split(made_rows(range(20_000)), predefined=False).kind == "random"


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_separator_is_found(separator: str) -> None:
    study, _ = written(columns(), sep=separator)
    assert study["data"]["separator"] == separator
    assert load_study("my-data.yaml").study.data.separator == separator


NAMES = [
    "yes",
    "1e3",
    "a: b",
    "#x",
    "- y",
    "ä 'q' \"d\"",
    "{z}",
    "null",
    "back\\slash",
    "*p",
    "[1]",
]


def test_odd_column_names_survive() -> None:
    frame = pd.DataFrame({name: columns()["a"] + k for k, name in enumerate(NAMES)})
    frame["t: #"] = columns()["value"]
    study, _ = written(frame, "t: #")
    assert study["data"]["features"] == NAMES
    assert study["data"]["target"] == "t: #"
    load_study("my-data.yaml")


@pytest.mark.parametrize("text", [*NAMES, "plain", "log S (mol/L)", "no", "2026-11-21", " a", "~"])
def test_scalars_read_back_as_text(text: str) -> None:
    assert yaml.safe_load(f"key: {scalar(text)}   # comment") == {"key": text}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": [f"row {k}" for k in range(60)]}, "60 different values in 60 rows"),
        ({"value": ["cat"] * 60}, "target 'value' is 'cat' in every row"),
        ({"value": [None] * 60}, "column 'value' is empty"),
        ({"value": [4.0] * 60}, "target 'value' is 4 in every row: nothing to learn"),
    ],
)
def test_hopeless_targets_are_refused(change: dict[str, list[Any]], words: str) -> None:
    assert words in refused(columns().assign(**change))


def test_other_refusals() -> None:
    assert "did you mean 'value'" in refused(columns(), "valu")
    assert "5 rows are too few" in refused(columns(5))
    assert "no column to learn from but 'value'" in refused(columns()[["value"]].assign(t="text"))
    money = columns()[["value"]].assign(cost=[f"€ {k}.50" for k in range(60)])
    assert "cost (60 cells hold a number with '€', such as '€ 0.50': leave the" in refused(money)
    with pytest.raises(UserError, match=r"no such data file: gone.csv"):
        write_study(Path("gone.csv"), ["value"])


def test_nothing_is_overwritten(folder: Path) -> None:
    columns().to_csv("d.csv", index=False)
    mine = folder / "mine.yaml"
    mine.write_text("precious", encoding="utf-8")
    with pytest.raises(UserError, match="exists already"):
        write_study(Path("d.csv"), ["value"], mine)
    assert mine.read_text(encoding="utf-8") == "precious"
    with pytest.raises(UserError, match=r"ends in \.yaml"):
        write_study(Path("d.csv"), ["value"], folder / "d.txt")
    with pytest.raises(UserError, match="no such folder"):
        write_study(Path("d.csv"), ["value"], folder / "gone" / "d.yaml")


def test_study_elsewhere_still_finds_the_data(folder: Path) -> None:
    (folder / "studies").mkdir()
    columns().to_csv("d.csv", index=False)
    path, _ = write_study(Path("d.csv"), ["value"], folder / "studies" / "d.yaml")
    assert Path(load_study(str(path)).study.data.path or "") == folder / "d.csv"
    frame = columns()
    frame.to_parquet("studies/e.parquet")
    path, _ = write_study(Path("studies/e.parquet"), ["value"], folder / "studies" / "e.yaml")
    assert load_study(str(path)).study.data.path == "e.parquet"


def test_shipped_sample_needs_no_copy() -> None:
    path, facts = write_study(Path("esol.csv"), ["log_solubility"])
    assert load_study(str(path)).study.data.path == "esol.csv"
    told = "\n".join(facts)
    assert "13 molecules occur more than once, 6 of them with different values" in told


def test_budget_follows_the_rows() -> None:
    small, middle, large = (Budget.of(rows) for rows in (100, 1000, 100_000))
    assert (small.epochs, middle.epochs, large.epochs) == (200, 100, 20)
    assert (small.batch, middle.batch, large.batch) == (32, 128, 128)
    assert Budget.of(900, "molecule").epochs == 60


def picture_folder(root: Path) -> None:
    from PIL import Image

    rng = random.Random(0)
    for name, level in (("dark", 40), ("bright", 200)):
        (root / name).mkdir(parents=True)
        for number in range(24):
            pixels = [rng.randint(level - 30, level + 30) for _ in range(10 * 10 * 3)]
            Image.frombytes("RGB", (10, 10), bytes(pixels)).save(root / name / f"{number}.png")


def test_a_folder_of_images_gives_a_study_that_runs_unedited(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    picture_folder(folder / "pictures")
    path, facts = write_study(Path("pictures"))
    assert any("dark" in fact for fact in facts)
    study = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert study["stages"]["supcon"]["augment"] == ["shift", "alternating_flip"]
    assert study["metric"].startswith("balanced_accuracy")
    prepared = run_whole(Request(str(path), profile="smoke"))
    results = (prepared.folder.path / "results.csv").read_text(encoding="utf-8")
    assert "small pixels logistic,0,,test," in results


@pytest.mark.parametrize(
    ("sides", "channels", "views"),
    [
        ((50, 1), 3, "alternating_flip"),
        ((50, 2), 3, [{"shift": {"padding": 1}}, "alternating_flip"]),
        ((2, 2), 1, {"shift": {"padding": 1}}),
        ((1, 1), 3, "alternating_flip"),
        ((1, 1), 1, None),
        ((3, 5), 1, "shift"),
    ],
)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_images_of_a_pixel_or_two_give_a_study_that_runs(
    folder: Path, sides: tuple[int, int], channels: int, views: Any, task: str
) -> None:
    shape = (24, *sides[::-1], channels)
    x = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    y = np.arange(24) % 2 if task == "classification" else np.arange(24) / 7
    np.savez("tiny.npz", x=x, y=y)
    path, _ = write_study(Path("tiny.npz"))
    study = yaml.safe_load(path.read_text(encoding="utf-8"))
    (stage,) = study["stages"].values()
    assert stage.get("augment") == views
    run_whole(Request(str(path), profile="smoke"))


@pytest.mark.parametrize(
    ("rows", "baseline"), [(1_000, "columns SVR"), (20_000, "columns boosting")]
)
def test_kernel_machines_are_asked_of_as_many_rows_as_they_can(rows: int, baseline: str) -> None:
    arms = arms_of(kit_of("vector", "regression"), Budget.of(rows), rows)
    assert arms.baseline == baseline
    assert ("columns SVR" in {arm.name for arm in arms.arms}) == (rows == 1_000)


@pytest.mark.parametrize(("classes", "there"), [(3, True), (200, False)])
def test_trees_are_boosted_for_few_classes_alone(classes: int, there: bool) -> None:
    kit, rows = kit_of("vector", "classification"), 9_000
    arms = arms_of(kit, Budget.of(rows), rows, classes=classes)
    assert ("columns boosting" in {arm.name for arm in arms.arms}) is there
    assert arms.baseline == ("columns boosting" if there else "columns logistic")


def test_the_question_is_the_users() -> None:
    study, _ = written(molecules())
    assert study["question"] == "Which model predicts value best from these 60 molecules?"
    assert study["baseline"] == "descriptors SVR"


@pytest.mark.parametrize(
    ("rows", "side", "there"), [(1500, 8, True), (1500, 32, False), (9000, 8, False)]
)
def test_a_kernel_machine_looks_at_images_of_few_pixels_alone(
    rows: int, side: int, there: bool
) -> None:
    arms = arms_of(kit_of("image", "classification"), Budget.of(rows, "image"), rows, side)
    assert ("pixels SVC" in [arm.name for arm in arms.arms]) is there
    assert arms.baseline == "CNN"
