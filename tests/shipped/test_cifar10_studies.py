"""The shipped studies of CIFAR-10, whole, in their smoke profile: on made and on real images."""

import csv
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from made_cifar import write_batches
from whole_runs import run_whole

from nearfar.encoders.timm_library import imported_timm
from nearfar.errors import UserError
from nearfar.execution.prepared import Request
from nearfar.study.files import shipped_studies
from nearfar.study.load import load_study

STUDIES = sorted(name for name in shipped_studies() if name.startswith("cifar10-"))
REAL = os.environ.get("NEARFAR_DATA", "")
TARGETS = {
    "cifar10-classes": {"": 10, "five": 5, "two": 2},
    "cifar10-contrastive": {"": 10},
    "cifar10-few-labels": {"": 10},
    "cifar10-moco": {"": 10},
    "cifar10-pixels": {"": 10, "pair": 2},
    "cifar10-self-supervised": {"": 10},
}


RUNS = [*(("made", name) for name in STUDIES), ("real", "cifar10-classes")]


@pytest.fixture(scope="module")
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        if request.param == "real":
            if not (Path(REAL) / "cifar10").is_dir():
                pytest.skip("NEARFAR_DATA names no folder with a folder cifar10 in it")
        else:
            write_batches(
                home / "cifar10" / "cifar-10-batches-bin",
                {"data_batch_1.bin": 400, "test_batch.bin": 100},
            )
            patch.setenv("NEARFAR_DATA", str(home))
        yield home


def installed_timm() -> None:
    try:
        imported_timm()
    except UserError as error:
        pytest.skip(f"timm is an extra: {error}")


@pytest.mark.parametrize(("data", "name"), RUNS, indirect=["data"])
def test_the_smoke_profile_runs_whole(name: str, data: Path, tmp_path: Path) -> None:
    if name == "cifar10-few-labels":
        installed_timm()
    prepared = run_whole(Request(name, profile="smoke", out=tmp_path))
    summary = json.loads((prepared.folder.path / "summary.json").read_text(encoding="utf-8"))
    states = {(arm["arm"], arm["condition"]): arm["status"] for arm in summary["arms"]}
    assert set(states.values()) == {"done"}, states
    with (prepared.folder.path / "results.csv").open(encoding="utf-8") as file:
        records = [row for row in csv.DictReader(file) if row["split"] == "test"]
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in records:
        if row["metric"] == "balanced_accuracy":
            found[row["target"]][row["arm"]].append(float(row["value"]))
    assert len(found) == len(TARGETS[name])
    for target, count in TARGETS[name].items():
        target = target or prepared.dataset.target_names[0]
        (majority,) = (arm for arm in found[target] if arm.endswith("majority"))
        assert found[target][majority] == pytest.approx([1 / count] * len(found[target][majority]))
        # Real images are too many-sided for so few of them.
        best = max(map(max, found[target].values()))
        assert best > (1.5 if data.name.startswith("made") else 1) / count


@pytest.mark.parametrize("name", STUDIES)
def test_every_arm_of_the_source_has_its_number_and_its_provenance(name: str) -> None:
    study = load_study(name).study
    published = {arm for arm, settings in study.arms.items() if settings.group == "published"}
    # The source has a validation part alone; it stands beside our test part, and says so.
    source = [entry for entry in study.published if entry.validation_beside == "test"]
    assert {entry.arm.split(" [")[0] for entry in source} <= published
    assert all(entry.validation_beside == "test" for entry in study.published if entry.validation)
    assert any(arm.group == "control" for arm in study.arms.values())
    plain = name in ("cifar10-pixels", "cifar10-few-labels")
    efficient = set() if plain else {"efficient"}
    assert set(study.minutes) == {"full", "quick", "smoke"} | efficient
