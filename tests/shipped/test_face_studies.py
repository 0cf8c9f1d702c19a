"""The studies of faces, whole, in their smoke profile: on made images, and on real ones if there.

A made image is as bright as its person is old.
"""

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_faces import COUNTS, made_faces, write_utkface
from whole_runs import run_whole

from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Prepared, Request
from nearfar.study.load import load_study

REAL = os.environ.get("NEARFAR_DATA", "")
SIX = {
    "L1": (0.2, 1e-4, 1e-3),
    "L2": (0.005, 1e-4, 0),
    "Huber": (0.05, 1e-4, 1e-3),
    "RnC(L1)": (0.05, 0, 8e-3),
    "RnC(L2)": (0.01, 0, 8e-3),
    "RnC(Huber)": (0.05, 0, 8e-3),
}
"""Arm → learning rate, weight decay and the share of the rate that is left, of its fit."""
PUBLISHED = {
    "L1": (6.544, 6.63),
    "L2": (6.852, 6.57),
    "Huber": (6.448, 6.54),
    "RnC(L1)": (6.154, 6.14),
    "RnC(L2)": (6.439, 6.19),
    "RnC(Huber)": (6.182, 6.15),
}
every_study = pytest.mark.parametrize("name", ["agedb", "utkface"])


def write_agedb(folder: Path) -> None:
    folder.mkdir()
    lines = ["age,path,split"]
    for seed, (part, count) in enumerate(COUNTS.items()):
        for k, (file, age) in enumerate(zip(*made_faces(count, seed), strict=True)):
            (folder / f"{part}-{k}.png").write_bytes(file)
            lines.append(f"{age},{part}-{k}.png,{'val' if part == 'validation' else part}")
    (folder / "agedb.csv").write_text("\n".join(lines), encoding="utf-8")


def run(name: str, home: Path) -> Prepared:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEARFAR_DATA", str(home))
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        return run_whole(Request(name, profile="smoke", out=home / "runs"))


@pytest.fixture(scope="module", params=["agedb", "utkface"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    home = tmp_path_factory.mktemp(request.param)
    {"agedb": write_agedb, "utkface": write_utkface}[request.param](home / request.param)
    return run(request.param, home)


def test_every_arm_ends_with_numbers_and_no_face_is_kept(made: Prepared) -> None:
    study, folder = made.resolved.study, made.folder.path
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert {arm["arm"]: arm["status"] for arm in summary["arms"]} == dict.fromkeys(
        study.arms, "done"
    )
    with (folder / "results.csv").open(encoding="utf-8") as file:
        tested = [r for r in csv.DictReader(file) if (r["split"], r["metric"]) == ("test", "mae")]
    years = {r["arm"]: float(r["value"]) for r in tested if r["unit"] == "years"}
    assert set(years) == set(study.arms)
    assert years["pixels ridge"] < 0.3 * years["mean"]
    assert "thumbnail" not in pq.read_schema(folder / "samples.parquet").names


def test_a_run_predicts_for_new_faces(made: Prepared, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    files, _ = made_faces(3, 9)
    for k, file in enumerate(files):
        (tmp_path / "new" / f"{k}.png").write_bytes(file)
    home = made.folder.path.parents[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEARFAR_DATA", str(home))
        for arm in ("RnC(DEX)", "ordinal", "pixels ridge"):
            output = tmp_path / "predicted.csv"
            predict_file(made.folder.path, arm, tmp_path / "new", output, None, force=True)
            with output.open(encoding="utf-8") as table:
                ages = [float(row["age_pred"]) for row in csv.DictReader(table)]
            assert len(ages) == 3
            assert all(np.isfinite(ages))


def test_the_smoke_profile_runs_on_real_faces(tmp_path: Path) -> None:
    if not (Path(REAL) / "utkface").is_dir():
        pytest.skip("NEARFAR_DATA names no folder with a folder utkface in it")
    (tmp_path / "utkface").symlink_to(Path(REAL) / "utkface")
    prepared = run("utkface", tmp_path)
    assert prepared.dataset.unit == "years"


def plain(name: str, profile: str | None = None) -> dict[str, Any]:
    text = load_study(name, profile).study.model_dump(mode="json")
    return {"stages": text["stages"], "arms": text["arms"], "study": text}


@every_study
def test_the_recipes_are_the_published_ones(name: str) -> None:
    found = plain(name)
    for arm, (rate, decay, end) in SIX.items():
        fit = found["arms"][arm]["fit"]
        assert found["arms"][arm]["group"] == "published"
        assert fit["optimizer"] == {
            "sgd": {"lr": rate, "momentum": 0.9, "weight_decay": decay, "nesterov": False}
        }
        assert fit["schedule"]["cosine"] == {"end": end, "warmup": 0}
        two_stages = arm.startswith("RnC")
        assert (fit["epochs"], fit["batch"]) == (100 if two_stages else 400, 128)
        assert (fit["train"] == "head") == two_stages
        assert (fit["readout"], fit["clip"], fit["standardise"]) == ({"own": {}}, None, False)
        assert found["arms"][arm].get("against") == (
            arm.removeprefix("RnC(").removesuffix(")") if two_stages and arm != "RnC(L1)" else None
        )
    assert {
        name: arm["pretrain"]["stage"]
        for name, arm in found["arms"].items()
        if name in SIX and "pretrain" in arm
    } == {
        "RnC(L1)": "rnc",
        "RnC(L2)": "rnc",
        "RnC(Huber)": "rnc_decay",
    }
    for stage, decay in (("rnc", 0), ("rnc_decay", 1e-4)):
        recipe = found["stages"][stage]
        assert (recipe["epochs"], recipe["batch"]) == (400, 128)
        assert recipe["optimizer"]["sgd"]["lr"] == 0.5
        assert recipe["optimizer"]["sgd"]["weight_decay"] == decay
        assert recipe["schedule"]["cosine"]["end"] == 1e-3
        assert recipe["objective"]["rnc"]["views"] == 2
        assert recipe["objective"]["rnc"]["temperature"] == 2


@every_study
def test_the_views_are_the_published_ones(name: str) -> None:
    found = plain(name)
    trained = [*found["stages"].values(), *(found["arms"][arm]["fit"] for arm in SIX)]
    side = {"agedb": 224, "utkface": 96}[name]
    for block in trained:
        crop, flip, jitter, grey = block["augment"]
        assert crop["resized_crop"]["scale"] == [0.2, 1.0]
        assert crop["resized_crop"]["size"] == side
        assert flip == {"flip": {"p": 0.5}}
        assert jitter["jitter"] == {
            "brightness": 0.4,
            "contrast": 0.4,
            "saturation": 0.4,
            "hue": 0.1,
            "p": 0.8,
        }
        assert grey == {"greyscale": {"p": 0.2}}


def test_the_published_tables_stand_in_the_study() -> None:
    study = load_study("agedb").study
    here, paper = (
        {e.arm: e for e in study.published if word in e.provenance}
        for word in ("batch 128", "batch 256")
    )
    assert {arm: (here[arm].test["mae"], paper[arm].test["mae"]) for arm in SIX} == PUBLISHED
    for arm in SIX:
        if arm.startswith("RnC"):
            own = arm.removeprefix("RnC(").removesuffix(")")
            for table in (here, paper):
                below = 100 * (1 - table[arm].test["mae"] / table[own].test["mae"])
                assert table[arm].note == f"{below:.3f}% below its {own}"


@every_study
def test_quick_trains_every_arm_on_three_seeds(name: str) -> None:
    resolved = load_study(name, "quick")
    assert resolved.seeds == [0, 1, 2]
    assert resolved.study.data.size == 32
    assert len(resolved.study.arms) == len(load_study(name).study.arms)


@pytest.mark.parametrize("profile", ["full", "efficient", "quick", "smoke"])
@every_study
def test_faces_are_tested_at_the_size_of_the_views(name: str, profile: str) -> None:
    found = plain(name, profile)
    trained = [*found["stages"].values(), *(arm["fit"] for arm in found["arms"].values())]
    encoders = [next(iter(block["encoder"].values())) for block in trained if block.get("encoder")]
    seen = {options.get("crop") for options in encoders if "crop" in options} or {None}
    views = [step for block in trained for step in block.get("augment", [])[:1]]
    assert {view.get("resized_crop", {}).get("size") for view in views} == seen
