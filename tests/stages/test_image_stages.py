"""Stages on images and classes: what they leave and what comes back, frozen encoders, views."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pyarrow import parquet
from safetensors.torch import load_file
from whole_runs import run_whole

from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Prepared, Request
from nearfar.execution.run import carry_out, prepare
from nearfar.metrics import CLASSIFICATION, MEASURES, METRICS
from nearfar.metrics.representation import evaluate_representation
from nearfar.stages.fitted import Fitted

CNN = {"cnn": {"width": 2}}
SHORT = {"epochs": 2, "batch": 16}
LABELLED = ("cross_entropy", "supcon", "contrastive", "triplet", "pair_likelihood")
STUDY: dict[str, Any] = {
    "study": "pictures",
    "data": {"source": "images", "path": "pictures.npz", "size": 12},
    "split": {"kind": "random", "parts": [0.6, 0.2, 0.2]},
    "metric": "balanced_accuracy",
    "baseline": "plain",
    "defaults": {"stage": {"encoder": CNN, **SHORT}, "fit": SHORT},
    "stages": {
        "moco": {"objective": {"moco": {"queue": 40, "split_batch_norm": 2}}, "augment": "moco"},
        "nt_xent": {"objective": "nt_xent", "augment": ["crop", "flip"]},
        "autoencoder": {"objective": "autoencoder"},
        **{name: {"objective": name, "augment": "flip"} for name in LABELLED},
    },
    "arms": {
        "plain": {"fit": {"encoder": CNN, "augment": {"crop": {"padding": 1}}, "epochs": 25}},
        "frozen": {"pretrain": "moco", "fit": {"train": "head"}},
        "cached": {
            "pretrain": "moco",
            "fit": {"train": "head", "augment": "flip", "frozen_views": "cached:3"},
        },
        "fresh": {
            "pretrain": "moco",
            "fit": {"train": "head", "augment": "flip", "frozen_views": "fresh"},
        },
        "tuned": {"pretrain": "nt_xent", "fit": {"train": "last:1"}},
        "decoded": {"pretrain": "autoencoder", "fit": {"head": "logistic"}},
        **{name: {"pretrain": name, "fit": {"head": "knn"}} for name in LABELLED},
        "resnet": {"fit": {"encoder": {"resnet18": {"width": 2}}, "epochs": 1}},
        "pixels": {"group": "control", "fit": {"encoder": "identity", "head": "logistic"}},
        "trees": {
            "group": "control",
            "fit": {"encoder": "identity", "head": {"forest": {"trees": 5}}},
        },
        "majority": {"group": "control", "fit": {"head": "mean"}},
    },
    "axes": {"seed": {"role": "repeat", "values": 1}},
}
CLASSES = ("0", "1", "2")


def pictures(rows: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Squares of three brightnesses on noise, the brightest rare."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [rows // 2, rows // 3, rows - rows // 2 - rows // 3])
    images = random.integers(0, 60, size=(rows, 12, 12, 3))
    images[:, 3:9, 3:9] += (labels * 80)[:, None, None, None]
    return images.astype(np.uint8), labels


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("pictures")
    images, labels = pictures()
    np.savez(folder / "pictures.npz", x=images, y=labels)
    (folder / "pictures.yaml").write_text(json.dumps(STUDY), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        return run_whole(Request(str(folder / "pictures.yaml"), out=folder / "runs"))


def place(run: Prepared, arm: str, stage: int = -1) -> str:
    return next(cell.chain[stage] for cell in run.plan.cells if cell.arm == arm)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def curves(run: Prepared, arm: str, stage: int = -1) -> set[tuple[str, str]]:
    """Split and metric of every curve of a stage."""
    points = rows_of(run.folder.store.folder(place(run, arm, stage)) / "curves.csv")
    return {(point["split"], point["metric"]) for point in points}


@pytest.mark.parametrize("arm", STUDY["arms"])
def test_records_are_those_of_the_kept_predictions(run: Prepared, arm: str) -> None:
    stage_hash = place(run, arm)
    kept = rows_of(run.folder.store.folder(stage_hash) / "predictions.csv")
    assert len(kept) == len(run.dataset)
    tested = [row for row in kept if row["split"] == "test"]
    right = np.mean([row["truth"] == row["prediction"] for row in tested])
    assert [row["rank"] == "1" for row in tested] == [
        row["truth"] == row["prediction"] for row in tested
    ]
    records = {
        row["metric"]: float(row["value"])
        for row in rows_of(run.folder.path / "results.csv")
        if row["arm"] == arm and row["split"] == "test"
    }
    metrics = {name for name in CLASSIFICATION if not METRICS[name].two_classes}
    assert set(records) - set(MEASURES) == metrics
    assert records["accuracy"] == pytest.approx(right, abs=1e-6)
    assert records["top3_accuracy"] == 1
    nll = -np.mean([float(row["log_probability"]) for row in tested])
    assert records["nll"] == pytest.approx(nll, abs=1e-5)
    measured = {name: value for name, value in records.items() if name in MEASURES}
    assert measured == pytest.approx(measures_of(run, stage_hash, tested), rel=1e-5)
    assert bool(measured) == (arm != "majority")


def measures_of(run: Prepared, stage_hash: str, tested: list[dict[str, str]]) -> dict[str, float]:
    path = run.folder.store.folder(stage_hash) / "features.npy"
    if not path.exists():
        return {}
    rows = [run.dataset.ids.index(row["id"]) for row in tested]
    return evaluate_representation(
        np.load(path)[rows], run.dataset.targets[rows, 0].astype(np.int64)
    )


@pytest.mark.parametrize("arm", STUDY["arms"])
def test_a_fit_comes_back_from_its_folder(run: Prepared, arm: str) -> None:
    stage_hash, inputs = place(run, arm), run.dataset.inputs
    fitted = Fitted.of_stage(stage_hash, run.folder.store, inputs)
    scores = fitted.scores(fitted.features(inputs))
    np.testing.assert_allclose(np.exp(scores).sum(1), 1, atol=1e-6)
    kept = {
        row["id"]: row for row in rows_of(run.folder.store.folder(stage_hash) / "predictions.csv")
    }
    for i, identity in enumerate(run.dataset.ids):
        row = kept[identity]
        truth = CLASSES.index(row["truth"])
        assert scores[i, truth] == pytest.approx(float(row["log_probability"]), abs=1e-4)


def test_it_learns_and_the_majority_does_not(run: Prepared) -> None:
    summary = json.loads((run.folder.path / "summary.json").read_text(encoding="utf-8"))
    assert (summary["metric"], summary["unit"], summary["kind"]) == (
        "balanced_accuracy",
        "",
        "image",
    )
    mean = {
        arm["arm"]: metric["mean"]
        for arm in summary["arms"]
        for metric in arm["metrics"]
        if (metric["metric"], metric["split"]) == ("balanced_accuracy", "test")
    }
    assert mean["majority"] == pytest.approx(1 / 3)
    assert mean["pixels"] > 0.9
    assert mean["plain"] > 0.5


@pytest.mark.parametrize("arm", ["frozen", "cached", "fresh"])
def test_a_frozen_encoder_stays_as_it_was(run: Prepared, arm: str) -> None:
    store = run.folder.store
    before = load_file(store.folder(place(run, arm, 0)) / "model.safetensors")
    after = load_file(store.folder(place(run, arm)) / "model.safetensors")
    kept = {k.removeprefix("encoder."): v for k, v in after.items() if k.startswith("encoder.")}
    assert bool(kept) == (arm == "fresh")
    for name, value in kept.items():
        assert torch.equal(value, before[name]), name


def test_views_of_a_frozen_encoder_change_what_its_head_learns(run: Prepared) -> None:
    store = run.folder.store
    heads = [
        load_file(store.folder(place(run, arm)) / "model.safetensors")["head.map.weight"]
        for arm in ("frozen", "cached", "fresh")
    ]
    for i, one in enumerate(heads):
        assert not any(torch.equal(one, other) for other in heads[i + 1 :])


def test_pre_training_shows_its_neighbours_and_what_the_objective_tells(run: Prepared) -> None:
    for arm, told in (("frozen", "pick_accuracy"), ("decoded", "sse"), ("tuned", "loss")):
        assert curves(run, arm, 0) == {
            *((split, metric) for split in ("train", "validation") for metric in ("loss", told)),
            ("validation", "knn_accuracy"),
        }


def test_a_fit_shows_loss_and_accuracy_of_both_parts(run: Prepared) -> None:
    for arm in ("plain", "frozen", "cached", "fresh", "tuned"):
        assert curves(run, arm) == {
            *((s, m) for s in ("train", "validation") for m in ("loss", "accuracy")),
            ("validation", "balanced_accuracy"),
        }


def test_predictions_for_new_images_name_a_class_and_its_probability(
    run: Prepared, tmp_path: Path
) -> None:
    images, labels = pictures()
    np.savez(tmp_path / "new.npz", x=images[::10])
    told = predict_file(run.folder.path, "pixels", tmp_path / "new.npz", tmp_path / "p.csv", None)
    assert "wrote 12 predictions" in told
    found = rows_of(tmp_path / "p.csv")
    (target,) = run.dataset.target_names
    assert [row[f"{target}_pred"] for row in found] == [str(label) for label in labels[::10]]
    for row in found:
        probabilities = [float(row[f"p:{name}"]) for name in CLASSES]
        assert sum(probabilities) == pytest.approx(1, abs=1e-4)
        assert max(probabilities) == float(row["p:" + row[f"{target}_pred"]])


def test_all_stages_and_the_page_show_the_same_rows(tmp_path: Path) -> None:
    images, labels = pictures(3000)
    np.savez(tmp_path / "pictures.npz", x=images[:, ::3, ::3], y=labels)
    pixels = {"encoder": "identity", "head": "logistic"}
    study = {key: STUDY[key] for key in ("study", "split", "metric", "axes")} | {
        "data": {"source": "images", "path": "pictures.npz"},
        "targets": {"rare": {"2": "rare", "*": "frequent"}, "some": ["0", "2"]},
        "baseline": "own",
        "arms": {
            "own": {"fit": pixels},
            "rare": {"fit": {**pixels, "target": "rare"}},
            "some": {"fit": {**pixels, "target": "some"}},
        },
    }
    (tmp_path / "pictures.yaml").write_text(json.dumps(study), encoding="utf-8")
    prepared = prepare(Request(str(tmp_path / "pictures.yaml"), out=tmp_path / "runs"))
    carry_out(prepared, 1, lambda event: None)
    samples = parquet.read_table(prepared.folder.path / "samples.parquet").to_pydict()
    shown = np.flatnonzero(samples["shown"])
    assert len(shown) == 2500
    assert samples["class"] == labels.tolist()
    pictured = [row for row, file in enumerate(samples["thumbnail"]) if file]
    assert pictured == shown.tolist()
    for arm in study["arms"]:
        folder = prepared.folder.store.folder(place(prepared, arm))
        assert np.load(folder / "rows.npy").tolist() == shown.tolist()
        values = np.load(folder / "features.npy")
        expected = images[shown, ::3, ::3].transpose(0, 3, 1, 2).reshape(2500, -1) / 255
        np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_views_that_these_images_are_too_small_for_are_told_before_the_first_stage(
    tmp_path: Path,
) -> None:
    images, labels = pictures()
    np.savez(tmp_path / "pictures.npz", x=images, y=labels)
    fit = {"encoder": CNN, "augment": ["flip", {"shift": {"padding": 12}}]}
    study = {**STUDY, "arms": {**STUDY["arms"], "plain": {"fit": fit}}}
    (tmp_path / "pictures.yaml").write_text(json.dumps(study), encoding="utf-8")
    state = torch.random.get_rng_state()
    with pytest.raises(UserError, match=r"padding: 12 .* not 12 × 12") as caught:
        prepare(Request(str(tmp_path / "pictures.yaml"), out=tmp_path / "runs"))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()
    assert torch.equal(state, torch.random.get_rng_state())
