"""The page of a classification study on images."""

import base64
import csv
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_class_run import CHOICES, TEN, VEHICLES, change_summary, make_class_run, png
from reading import Elements, page_data
from test_report_page import HOSTILE

from nearfar.records.run import RunFolder
from nearfar.records.stage_files import Predictions
from nearfar.report import write_report
from nearfar.report.load import read_run
from nearfar.report.page.rows import ArmPredictions
from nearfar.report.page.sections.choices import choices_section, chosen_lines
from nearfar.report.page.sections.classes import recall_section


@pytest.fixture(scope="module")
def data(class_page: str) -> Any:
    return page_data(class_page)


def _section(page: str, name: str) -> Elements:
    found = re.search(rf'<section id="{name}">(.*?)</section>', page, re.DOTALL)
    assert found is not None
    return Elements(found[1])


def _predictions(run: Path, arm: str) -> list[dict[str, str]]:
    summary = json.loads((run / "summary.json").read_text())
    chains = next(a["stages"] for a in summary["arms"] if a["arm"] == arm)
    found = []
    for chain in chains.values():
        path = run.parent / "stages" / chain[-1]["hash"] / "predictions.csv"
        with path.open(encoding="utf-8") as file:
            found += [row for row in csv.DictReader(file) if row["split"] == "test"]
    return found


def test_shown_rows_carry_their_pictures_and_classes(class_run: Path, data: Any) -> None:
    samples = read_run(class_run).samples
    assert len(samples.ids) == 240
    assert data["rows"]["id"] == [samples.ids[row] for row in samples.shown]
    assert data["rows"]["truth"] == [samples.classes[row] for row in samples.shown]
    assert data["thumbnails"]["type"] == "image/png"
    decoded = [base64.b64decode(text) for text in data["thumbnails"]["rows"]]
    assert decoded == [samples.thumbnails[row] for row in samples.shown]
    assert {len(xs) for xs, _ in data["maps"]} == {120}


def test_a_class_map_is_read_from_what_an_arm_was_to_predict(data: Any) -> None:
    own, two = data["labels"]
    assert (own["name"], own["classes"]) == ("label", list(TEN))
    assert own["of"] == list(range(10))
    assert (two["name"], two["classes"]) == ("two", ["vehicle", "rest"])
    expected = [None if c == "deer" else int(c not in VEHICLES) for c in TEN]
    assert two["of"] == expected
    assert [arm["target"] for arm in data["arms"]] == ["label"] * 4 + ["two"] * 2


def test_every_target_has_a_block_of_its_own(class_page: str) -> None:
    first = [row[0].split(" | ")[0] for row in _section(class_page, "results").rows]
    assert first[1:11] == [
        *("Target label", "Our own", "supervised", "supcon, linear", "decoded", "Controls"),
        *("majority", "Target two", "Our own", "two classes"),
    ]
    assert _section(class_page, "results").row("two classes")[2] == "baseline"


def test_recall_is_that_of_the_predictions(class_run: Path, class_page: str) -> None:
    table = _section(class_page, "classes")
    head = table.rows[0]
    for arm in ("supervised", "decoded", "two classes, scratch"):
        of_arm = head if arm in head else next(row for row in table.rows if arm in row)
        rows = _predictions(class_run, arm)
        for name in {row["truth"] for row in rows}:
            hits = [row["prediction"] == name for row in rows if row["truth"] == name]
            assert table.row(name)[of_arm.index(arm)] == f"{100 * np.mean(hits):.0f}"
    learned = [np.mean([float(cell) for cell in row[1:4]]) for row in table.rows[1:11]]
    assert all(later > earlier - 1 for earlier, later in pairwise(learned))
    assert learned[-1] > learned[0] + 5


def test_confusions_point_to_rows_that_were_so_confused(class_run: Path, class_page: str) -> None:
    run = read_run(class_run)
    shown = [run.samples.ids[row] for row in run.samples.shown]
    section = re.search(r'<section id="confusion">.*?</details>', class_page, re.DOTALL)
    assert section is not None
    confused: dict[tuple[str, str], set[str]] = {}
    count: dict[tuple[str, str], int] = {}
    for row in _predictions(class_run, "supervised"):
        key = (row["truth"], row["prediction"])
        confused.setdefault(key, set()).add(row["id"])
        count[key] = count.get(key, 0) + 1
    pattern = (
        r'<tr><th scope="row">(\w+)</th><td>(\w+)</td>.*?small>(\d+) of.*?data-rows="([\d ]*)"'
    )
    found = re.findall(pattern, section[0])
    assert len(found) == 6
    pictured = 0
    for truth, guess, number, places in found:
        assert int(number) == count[truth, guess]
        rows = {shown[int(place)] for place in places.split()}
        assert rows <= confused[truth, guess]
        assert rows == confused[truth, guess] & set(shown)
        pictured += len(rows)
    assert pictured > 5


def test_checkpoints_stand_in_their_order(data: Any) -> None:
    (stage,) = data["panels"]["training"]
    assert (stage["stage"], stage["unit"], stage["seed"]) == ("supcon", "iteration", 0)
    assert [place for place, _ in stage["at"]] == [10, 300, 1800]
    assert len({number for _, number in stage["at"]}) == 3
    assert [data["arms"][index]["label"] for index in stage["arms"]] == [
        "supcon, linear",
        "two classes",
    ]


def test_reconstructions_are_shown_once_with_who_uses_them(
    class_run: Path, class_page: str
) -> None:
    images = [tag for tag in _section(class_page, "reconstructions").tags if tag[0] == "img"]
    content = (class_run.parent / "stages" / "autoencoder0" / "reconstructions.png").read_bytes()
    (attributes,) = [attributes for _, attributes in images]
    assert attributes["src"] == f"data:image/png;base64,{base64.b64encode(content).decode()}"
    assert "autoencoder, seed 0</b> for decoded" in class_page


def test_what_was_chosen_stands_in_its_table(class_page: str) -> None:
    table = _section(class_page, "chosen")
    assert table.rows[0] == ["hidden \\ optimizer", "adam 1e-3", "sgd 0.1", "sgd 0.01"]
    first, second = table.rows[1:3]
    assert first[0] == "32"
    assert [cell.split(" | ")[0] for cell in first[1:]] == ["0.710", "0.700", "diverged"]
    assert [cell.split(" | ")[0] for cell in second] == ["64", "✓ 0.810", "0.750", "0.100"]
    assert second[1].split(" | ")[1:] == ["negative log-likelihood 1.190", "10 epochs"]
    assert table.row("validation")[1].startswith("✓ 0.300")
    assert table.row("hidden=64, lr=0.01, decay=1e-4")[1].startswith("✓ 0.850")
    assert class_page.count("Fallback: the first choice diverged with the full budget") == 1
    assert "Then, over 2 seeds: balanced accuracy 0." in class_page


def test_choices_are_a_line_each_in_the_terminal(class_run: Path, tmp_path: Path) -> None:
    assert chosen_lines(read_run(class_run)) == [
        "chosen for supervised: hidden=64, optimizer=adam 1e-3 "
        "(validation balanced accuracy 0.810)",
        "chosen for decoded: optimizer=adam 1e-3 (validation balanced accuracy 0.300; "
        "fallback: the first choice diverged)",
        "chosen for supcon, linear: hidden=64, lr=0.01, decay=1e-4 "
        "(validation balanced accuracy 0.850)",
    ]
    first = CHOICES[0]
    other = {"hidden": "32", "optimizer": "sgd 0.1"}
    summary = json.loads((class_run / "summary.json").read_text())
    summary["choices"] = [first | {"seeds": [0]}, first | {"seeds": [1]}]
    summary["choices"].append(first | {"seeds": [2], "chosen": other})
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    assert chosen_lines(read_run(tmp_path)) == [
        "chosen for supervised, by seed: hidden=64, optimizer=adam 1e-3 (2 of 3); "
        "hidden=32, optimizer=sgd 0.1 (1 of 3)"
    ]


def test_a_choice_still_open_is_said_to_be(class_run: Path, tmp_path: Path) -> None:
    summary = json.loads((class_run / "summary.json").read_text())
    summary["choices"] = [CHOICES[0] | {"chosen": None}]
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    run = read_run(tmp_path)
    assert chosen_lines(run) == ["chosen for supervised: nothing yet (points are still to run)"]
    assert "✓ 0" not in choices_section(run)


def test_curves_hold_every_metric_of_both_splits(data: Any) -> None:
    series = data["panels"]["curves"]["fit"][0]["series"]
    assert {split: sorted(metrics) for split, metrics in series.items()} == {
        "train": ["accuracy", "balanced_accuracy", "loss"],
        "validation": ["accuracy", "balanced_accuracy", "loss"],
    }
    assert series["train"]["loss"]["x"][:2] == [0.5, 1]
    stages = {stage["stage"]: stage for stage in data["panels"]["curves"]["pretrain"]}
    assert set(stages["pretrain:supcon"]["series"]["validation"]) == {"loss", "pick_accuracy"}
    assert stages["pretrain:supcon"]["arms"] == [1, 4]


def test_stages_of_one_name_that_differ_are_told_apart(tmp_path: Path) -> None:
    run = make_class_run(tmp_path, seeds=1)
    summary = json.loads((run / "summary.json").read_text())
    (tmp_path / "stages" / "supcon0").rename(tmp_path / "stages" / "other")
    for arm in summary["arms"]:
        if arm["arm"] == "two classes":
            arm["stages"]["0"][0]["hash"] = "other"
    (run / "summary.json").write_text(json.dumps(summary))
    stages = page_data(write_report(run).read_text())["panels"]["curves"]["pretrain"]
    assert [(s["stage"], s["arms"]) for s in stages] == [
        ("pretrain:autoencoder", [2]),
        ("pretrain:supcon", [4]),
    ]


def test_nothing_from_data_becomes_markup(tmp_path: Path) -> None:
    classes = (*HOSTILE, *TEN[4:])
    run = make_class_run(tmp_path, classes, seeds=1)
    summary = json.loads((run / "summary.json").read_text())
    for number, arm in enumerate(summary["arms"]):
        arm["arm"] = HOSTILE[number % 4]
        arm["condition"] = HOSTILE[(number + 1) % 4]
        for chain in arm["stages"].values():
            for link in chain:
                link["stage"] = HOSTILE[0]
    axes = {HOSTILE[0]: [HOSTILE[1]], HOSTILE[2]: [HOSTILE[3]]}
    labels = {axis: values[0] for axis, values in axes.items()}
    point = {"labels": labels, "values": {HOSTILE[0]: 1.0}, "status": HOSTILE[1], "epochs": 3}
    choice = CHOICES[0] | {"arm": HOSTILE[0], "axes": axes, "points": [point], "chosen": labels}
    choice |= {"reason": HOSTILE[0], "metric": HOSTILE[0], "fallback": True}
    listed = choice | {"axes": axes | {"third": ["x"]}, "arm": HOSTILE[1]}
    change_summary(run, arms=summary["arms"], choices=[choice, listed, choice])
    page = write_report(run).read_text(encoding="utf-8")
    tags = [tag for tag, _ in Elements(page).tags]
    assert tags.count("script") == 2
    assert page.count("</script>") == 2
    images = [attributes for tag, attributes in Elements(page).tags if tag == "img"]
    assert all((image["src"] or "").startswith("data:image/png;base64,") for image in images)
    assert not any("onerror" in image for image in images)
    assert page_data(page)["labels"][0]["classes"] == list(classes)


def test_the_page_of_many_pictures_stays_small(tmp_path: Path) -> None:
    run = make_class_run(tmp_path, seeds=1)
    for path in (tmp_path / "stages").glob("*/features*.npy"):
        path.unlink()
    random = np.random.default_rng(0)
    rows = 2500
    pictures = [
        png(random.integers(0, 255, size=(32, 32, 3)).astype(np.uint8)) for _ in range(rows)
    ]
    columns: dict[str, list[Any]] = {
        "id": [str(row + 1) for row in range(rows)],
        "name": [""] * rows,
        "shown": [True] * rows,
        "class": [row % 10 for row in range(rows)],
        "thumbnail": pictures,
    }
    RunFolder(run).write_samples(columns)
    assert write_report(run).stat().st_size < 25_000_000


def test_many_classes_stand_side_by_side(tmp_path: Path) -> None:
    names = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")
    run = make_class_run(tmp_path, names, each=6, seeds=1)
    for path in (tmp_path / "stages").glob("*/features*.npy"):
        path.unlink()
    page = write_report(run).read_text(encoding="utf-8")
    classes = [attributes.get("class") for tag, attributes in Elements(page).tags if tag == "table"]
    assert classes.count("recall") == 3
    assert "confusion dense" in classes
    recall = _section(page, "classes").rows
    assert sorted(row[0] for row in recall if row[0] in names) == sorted(names)


def test_a_class_that_an_arm_never_tested_is_no_hard_one() -> None:
    def arm(label: str, truth: list[float], guess: list[float]) -> ArmPredictions:
        rows = [str(row) for row in range(len(truth))]
        columns = (dict(zip(rows, column, strict=True)) for column in (truth, guess))
        read = Predictions(dict.fromkeys(rows, "test"), *columns)
        return ArmPredictions(label, "label", ["cat", "dog"], {0: read})

    found = recall_section([arm("all", [0, 0, 1, 1], [0, 0, 0, 1]), arm("dogs", [1], [1])])
    assert re.findall(r'scope="row">(\w+)<', found) == ["dog", "cat"]
