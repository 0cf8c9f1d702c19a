"""The smoke profiles of the EMNIST studies, on the shipped characters in EMNIST's own format."""

import csv
import gzip
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from whole_runs import run_whole

from nearfar.data.read.locate import samples
from nearfar.execution.prepared import Prepared, Request

NAMES = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"


def write_idx(folder: Path) -> None:
    """Write the shipped characters as the gzipped IDX files of EMNIST Balanced, transposed."""
    folder.mkdir()
    with np.load(samples() / "characters.npz") as file:
        for part in ("train", "test"):
            images = file[f"x_{part}"].transpose(0, 2, 1)
            labels = np.array([NAMES.index(name) for name in file[f"y_{part}"]], dtype=np.uint8)
            stem = folder / f"emnist-balanced-{part}"
            for kind, magic, values in (
                ("images-idx3", 2051, images),
                ("labels-idx1", 2049, labels),
            ):
                header = struct.pack(f">{1 + values.ndim}i", magic, *values.shape)
                path = Path(f"{stem}-{kind}-ubyte.gz")
                path.write_bytes(gzip.compress(header + values.tobytes(), mtime=0))
    lines = [f"{number} {ord(name)}" for number, name in enumerate(NAMES)]
    (folder / "emnist-balanced-mapping.txt").write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture(scope="module", params=["emnist-pretrained", "emnist-autoencoder"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("emnist")
    write_idx(folder / "emnist")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEARFAR_DATA", str(folder))
        return run_whole(Request(request.param, profile="smoke", out=folder / "runs"))


def test_every_arm_ends_with_numbers(run: Prepared) -> None:
    assert (len(run.dataset), run.dataset.classes) == (564, tuple(NAMES))
    summary: dict[str, Any] = json.loads((run.folder.path / "summary.json").read_text())
    study = run.resolved.study
    assert {arm["arm"] for arm in summary["arms"]} == set(study.arms)
    with (run.folder.path / "results.csv").open(encoding="utf-8") as file:
        tested = [row for row in csv.DictReader(file) if row["split"] == "test"]
    for arm in summary["arms"]:
        mine = [row for row in tested if (row["arm"], row["metric"]) == (arm["arm"], study.metric)]
        assert arm["status"] == "done" or "diverged" in arm["status"]
        assert len(mine) == arm["done"]


def test_what_the_grid_chose_stands_in_the_summary(run: Prepared) -> None:
    summary = json.loads((run.folder.path / "summary.json").read_text())
    searched = [
        name for name in run.resolved.study.arms if "optimizer" in run.resolved.axes_of(name)
    ]
    assert {choice["arm"] for choice in summary["choices"]} == set(searched)
    for choice in summary["choices"]:
        assert {point["labels"]["optimizer"] for point in choice["points"]} == {
            "adam",
            "sgd 0.1",
            "sgd 0.01",
        }
