"""What a run says of the data set's own parts, and of what its numbers stand on."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from image_examples import picture, write_images
from made_runs import BASE, MadeRun, shifted
from small_study import small, write_small

from nearfar.execution.prepared import Request
from nearfar.execution.run import carry_out, prepare


@pytest.mark.parametrize(("group", "told"), [("g", ["12 groups have"]), (None, [])])
def test_groups_in_several_parts_of_a_predefined_split_are_told(
    group: str | None, told: list[str], tmp_path: Path
) -> None:
    data = {**small()["data"], "part": "part"} | ({"group": group} if group else {})
    arms = {name: small()["arms"][name] for name in ("mean", "ridge")}
    split = {"kind": "predefined"}
    study = write_small(
        tmp_path, data=data, split=split, arms=arms, stages={}, baseline="mean", axes={}
    )
    prepared = prepare(Request(str(study), out=tmp_path / "runs"))
    carry_out(prepared, 1, lambda event: None)
    notes = json.loads((prepared.folder.path / "summary.json").read_text())["notes"]
    found = [note for note in notes if "in more than one part of the data set's own" in note]
    assert [" ".join(note.split()[:3]) for note in found] == told


@pytest.mark.parametrize(
    ("group", "told"), [(None, "3 images stand in more than"), ("patient", "3 groups have rows in")]
)
def test_copies_in_several_parts_are_told_as_what_they_are(
    group: str | None, told: str, tmp_path: Path
) -> None:
    pixels = write_images(tmp_path, [f"{number}.png" for number in range(40)])
    parts = ["train"] * 28 + ["test"] * 12
    for copy, original in ((37, 0), (38, 1), (39, 2)):
        picture(pixels[original]).save(tmp_path / f"{copy}.png")
    rows = [f"{row}.png,{'ab'[row % 2]},{parts[row]},{row}" for row in range(40)]
    table = ["file,label,part,patient", *rows]
    (tmp_path / "small.csv").write_text("\n".join(table), encoding="utf-8")
    data = {"source": "images", "path": "small.csv", "target": "label", "image": "file", "size": 8}
    study = {
        "study": "small",
        "data": {**data, "part": "part", **({"group": group} if group else {})},
        "split": {"kind": "predefined", "validation": 0.3},
        "metric": "accuracy",
        "baseline": "one",
        "arms": {"one": {"fit": {"encoder": "pixels", "head": "logistic"}}},
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    prepared = prepare(Request(str(tmp_path / "study.yaml"), out=tmp_path / "runs"))
    carry_out(prepared, 1, lambda event: None)
    notes = json.loads((prepared.folder.path / "summary.json").read_text())["notes"]
    assert len([note for note in notes if note.startswith(told)]) == 1


def note(run: MadeRun, start: str, **more: Any) -> str:
    """The one note that starts so; empty if there is none."""
    found = [line for line in run.summary(**more)["notes"] if line.startswith(start)]
    assert len(found) <= 1
    return found[0] if found else ""


@pytest.mark.parametrize(("seeds", "percent"), [(3, 63), (10, 26)])
def test_breakdowns_that_so_many_trainings_do_not_exclude(seeds: int, percent: int) -> None:
    """At a rate r, ``seeds`` trainings without one have a probability of (1 - r)^seeds."""
    assert (1 - percent / 100) ** seeds == pytest.approx(0.05, rel=0.03)
    run = MadeRun().arm("L1", BASE[:seeds])
    told = note(run, "A training by gradient descent may break down now and then. ")
    assert f"Where none of {seeds} did, breakdowns in up to {percent}% of trainings" in told
    run.stages = [replace(row, steps=0) for row in run.stages]
    assert note(run, "A training by gradient descent") == "", "nothing was trained by steps"


def test_a_lead_after_much_longer_training_is_told() -> None:
    run = MadeRun().arm("L1", BASE).arm("long", shifted(-0.1, 0.01)).arm("bad", shifted(0.1, 0.01))
    seconds = {"L1": 10.0, "long": 14.0, "bad": 5.0}
    run.stages = [replace(row, seconds=seconds[row.arm]) for row in run.stages]
    told = note(run, "Better after longer training: ")
    assert told.startswith("Better after longer training: L1 2.0 times as long as bad (seconds")
    seconds["long"] = 21.0
    run.stages = [replace(row, seconds=seconds[row.arm]) for row in run.stages]
    told = note(run, "Better after longer training: ")
    assert "long 2.1 times as long as L1; L1 2.0 times as long as bad (" in told
    run.study["arms"]["bad"]["group"] = "control"
    assert "times as long as bad" not in note(run, "Better after longer training: ")
    run.stages = [replace(row, steps=0) if row.arm == "L1" else row for row in run.stages]
    assert note(run, "Better after longer training: ") == "", "a solved head has no such budget"


def test_breakdowns_are_told_of_arms_that_no_first_condition_has() -> None:
    run = MadeRun()
    for condition in ("labels=0.5", "labels=1.0"):
        run.arm("L1", BASE, condition=condition)
    run.arm("late", BASE[:5], condition="labels=1.0")
    assert "none of 5 did" in note(run, "A training by gradient descent")
    assert note(MadeRun().arm("L1", BASE[:2]), "A training by gradient descent") == ""


def test_what_intervals_and_verdicts_stand_on_is_told() -> None:
    run = MadeRun().arm("L1", BASE).arm("A", shifted(-0.1, 0.01))
    told = note(run, "Intervals are 95% and unadjusted: ")
    assert "Holm" not in told, "a single comparison is not adjusted"
    assert "contribute to the variance counts 1.7 times" in told
    run.arm("B", shifted(0.1, 0.01)).arm("mean", shifted(3.0, 0.1), group="control")
    told = note(run, "Intervals are 95% and unadjusted: ")
    assert "adjusted within each family of comparisons (Holm): question (2), controls (1)." in told
    fixed = MadeRun(resplit=False).arm("L1", BASE).arm("A", shifted(-0.1, 0.01))
    told = note(fixed, "Intervals are 95% and unadjusted: ", scores=fixed.scores())
    assert told.endswith("One fixed split: verdicts are for this split; those of differences count "
                         "that the test part has only 113 rows.")  # fmt: skip
    assert note(MadeRun().arm("L1", BASE[:2]), "Intervals") == ""


def test_fewer_seeds_are_told_of_arms_that_have_fewer_than_others() -> None:
    run = MadeRun().arm("L1", BASE).arm("A", BASE[:5])
    told = "Fewer seeds than the others: A (5 of 10). Pairs are compared on common seeds."
    assert note(run, "Fewer seeds") == told
    run.stages = [row for row in run.stages if row.arm == "A" or row.seed > 3]
    run.records = [r for r in run.records if r.arm == "A" or r.seed > 3]
    assert note(run, "Fewer seeds") == ""
    assert note(run, "Arms have").startswith(
        "Arms have different seeds: L1 (6 of 10), A (5 of 10)."
    )


def test_an_arm_that_lost_trainings_is_neither_decided_nor_compared() -> None:
    lost = [*BASE[:4], None]
    run = MadeRun().arm("L1", BASE).arm("A", lost)
    assert note(run, "Fewer seeds") == "Fewer seeds than the others: A (5 of 10)."
    run = MadeRun(rounds=2).arm("L1", BASE).arm("A", lost).arm("B", BASE[:5])
    assert note(run, "Took no part") == (
        "Took no part in later rounds, being decided or hopeless: B (5 of 10); having lost "
        "trainings: A (5 of 10)."
    )
