"""The studies of objectives for numbers, whole, in their smoke profile; faces are made."""

from pathlib import Path

import pytest
from made_faces import write_utkface
from whole_runs import run_whole

from nearfar.execution.prepared import Request
from nearfar.records import read_results
from nearfar.study.files import shipped_studies

STUDIES = sorted(name for name in shipped_studies() if name.startswith("regression-objectives"))
OBJECTIVES = {"L1", "L1+freeze", "RnC", "SupReMix", "RankSim", "ordinal entropy", "C-Mixup"}


def test_there_is_one_for_molecules_columns_and_images() -> None:
    assert STUDIES == [
        "regression-objectives",
        "regression-objectives-diabetes",
        "regression-objectives-utkface",
    ]


@pytest.mark.parametrize("name", STUDIES)
def test_every_objective_is_trained_and_judged(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name.endswith("utkface"):
        write_utkface(tmp_path / "utkface")
        monkeypatch.setenv("NEARFAR_DATA", str(tmp_path))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    one_seed = ("axes.seed.values=1",)
    prepared = run_whole(Request(name, "smoke", settings=one_seed, out=tmp_path / "runs"))
    folder = prepared.folder.path
    found = {
        record.arm: record.value
        for record in read_results(folder / "results.csv")
        if (record.split, record.metric) == ("test", "mae")
    }
    assert found.keys() >= OBJECTIVES
    values = {found[arm] for arm in OBJECTIVES}
    assert len(values) == len(OBJECTIVES), "two objectives gave the same numbers"
    claims = prepared.folder.read_json("summary.json")["claims"]
    assert [claim["verdict"] for claim in claims] == ["undecided", "undecided"]
