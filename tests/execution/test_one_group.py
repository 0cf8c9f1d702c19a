"""What is said before a run whose tested rows are all of one group."""

import csv
from pathlib import Path

import pytest
from small_study import small, write_small

from nearfar.errors import UserError
from nearfar.execution.outlook import outlook_before, solved_alone
from nearfar.execution.prepared import Request
from nearfar.execution.run import prepare


def test_an_outlook_of_one_tested_group_says_so(tmp_path: Path) -> None:
    arms = {name: small()["arms"][name] for name in ("mean", "ridge")}
    data = {**small()["data"], "part": "part", "group": "site"}
    more = {"arms": arms, "stages": {}, "baseline": "mean", "profiles": {}}
    study = write_small(tmp_path, data=data, split={"kind": "predefined"}, **more)
    rows = list(csv.DictReader((tmp_path / "small.csv").read_text().splitlines()))
    with (tmp_path / "small.csv").open("w") as file:
        writer = csv.DictWriter(file, [*rows[0], "site"])
        writer.writeheader()
        writer.writerows({**row, "site": row["part"]} for row in rows)
    prepared = prepare(Request(str(study), out=tmp_path / "runs"))
    with pytest.raises(UserError, match="all tested rows are of one group, so no error of rows"):
        outlook_before(prepared, solved_alone(prepared), 1, lambda event: None)
