"""An encoder that starts from training rows: which rows it sees, when, and what is kept."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from whole_runs import run_whole

from nearfar.encoders import build_encoder
from nearfar.execution.prepared import Prepared, Request
from nearfar.stages import models
from nearfar.stages.fitted import Fitted

FAST = {"fast_cnn": {"widths": [4, 8], "test_time": "flip"}}
RECIPE: dict[str, Any] = {
    "epochs": 6,
    "batch": 16,
    "optimizer": {"sgd": {"lr": 0.05, "nesterov": True}},
    "schedule": "triangular",
    "average": {"lookahead": {"every": 2}},
    "augment": [{"shift": {"padding": 1}}, "alternating_flip", {"cutout": {"size": 2}}],
}
STUDY: dict[str, Any] = {
    "study": "started",
    "data": {"source": "images", "path": "pictures.npz", "size": 12},
    "split": {"kind": "random", "parts": [0.6, 0.2, 0.2]},
    "metric": "balanced_accuracy",
    "baseline": "whole",
    "stages": {
        "classes": {
            "encoder": FAST,
            "objective": {"cross_entropy": {"label_smoothing": 0.1}},
            **RECIPE,
        }
    },
    "arms": {
        "whole": {"fit": {"encoder": FAST, "label_smoothing": 0.1, **RECIPE}},
        "frozen": {"pretrain": "classes", "fit": {"train": "head", "epochs": 2}},
        "last": {"pretrain": "classes", "fit": {"train": "last:1", "epochs": 2}},
        "neighbours": {"pretrain": "classes", "fit": {"head": "knn"}},
        "untrained": {"fit": {"encoder": FAST, "train": "head", "epochs": 2}},
    },
    "axes": {"seed": {"role": "repeat", "values": 1}},
}


def run_in(folder: Path) -> Prepared:
    random = np.random.default_rng(0)
    labels = np.arange(120) % 3
    images = random.integers(0, 60, size=(120, 12, 12, 3))
    images[:, 3:9, 3:9] += (labels * 90)[:, None, None, None]
    np.savez(folder / "pictures.npz", x=images.astype(np.uint8), y=labels)
    (folder / "started.yaml").write_text(json.dumps(STUDY), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr(models, "START_ROWS", 20)
        return run_whole(Request(str(folder / "started.yaml"), out=folder / "runs"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return run_in(tmp_path_factory.mktemp("started"))


def weights(run: Prepared, arm: str, stage: int = -1) -> dict[str, torch.Tensor]:
    (chain,) = (cell.chain for cell in run.plan.cells if cell.arm == arm)
    return load_file(run.folder.store.folder(chain[stage]) / "model.safetensors")


def test_who_is_trained_starts_from_training_rows(run: Prepared) -> None:
    from nearfar.data import split_rows

    study = run.resolved.study
    train = torch.from_numpy(split_rows(run.dataset, study.split, 0).train)
    some = train[torch.arange(20) * len(train) // 20]
    expected: Any = build_encoder("fast_cnn", FAST["fast_cnn"], run.dataset.inputs)
    expected.start_from(run.dataset.inputs.select(some))
    filters = expected.whitening.weight
    assert torch.equal(weights(run, "frozen", 0)["whitening.weight"], filters)
    for arm in ("whole", "last"):
        assert torch.equal(weights(run, arm)["encoder.whitening.weight"], filters), arm


def test_every_fit_is_good_and_is_restored_as_it_was_judged(run: Prepared) -> None:
    summary = json.loads((run.folder.path / "summary.json").read_text(encoding="utf-8"))
    assert {arm["arm"]: arm["status"] for arm in summary["arms"]} == dict.fromkeys(
        STUDY["arms"], "done"
    )
    for cell in run.plan.cells:
        kept = run.folder.store.folder(cell.chain[-1]) / "predictions.csv"
        fitted = Fitted.of_stage(cell.chain[-1], run.folder.store, run.dataset.inputs)
        guess = fitted.scores(fitted.features(run.dataset.inputs)).argmax(1)
        with kept.open(encoding="utf-8") as file:
            found = {r["id"]: r["prediction"] for r in csv.DictReader(file)}
        assert set(found) == set(run.dataset.ids)
        agree = [run.dataset.classes[k] for k in guess]
        assert agree == [found[i] for i in run.dataset.ids], cell.arm
    trained = {a["arm"]: a["metrics"][0]["mean"] for a in summary["arms"]}
    assert trained["whole"] > 0.6


def test_the_same_study_gives_the_same_bytes(run: Prepared, tmp_path: Path) -> None:
    again = run_in(tmp_path)
    one, other = (each.folder.path / "results.csv" for each in (run, again))
    assert one.read_bytes() == other.read_bytes()
