"""What a run says of the data set's own parts."""

import json
from pathlib import Path

import pytest
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
