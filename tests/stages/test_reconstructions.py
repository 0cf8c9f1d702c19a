"""Studies whose target is the image itself: the error, the controls, the pictures that are kept."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from whole_runs import run_whole

from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Prepared, Request
from nearfar.records.samples import read_samples
from nearfar.stages.fitted import Fitted
from nearfar.study.load import load_study

SIDE = 12
CNN = {"cnn": {"width": 4}}
STUDY: dict[str, Any] = {
    "study": "given-back",
    "data": {"source": "images", "path": "pictures.npz", "task": "reconstruction"},
    "split": {"kind": "random", "parts": [0.6, 0.2, 0.2], "resplit": False},
    "baseline": "scratch",
    "defaults": {"stage": {"encoder": CNN, "epochs": 1, "batch": 16}, "fit": {"batch": 16}},
    "stages": {"supcon": {"objective": "supcon", "augment": "flip"}},
    "arms": {
        "scratch": {"fit": {"encoder": CNN, "epochs": 30, "optimizer": {"adam": {"lr": 0.01}}}},
        "tuned": {"pretrain": "supcon", "fit": {"train": "all", "epochs": 2}},
        "frozen": {"pretrain": "supcon", "fit": {"train": "head", "epochs": 2}},
        "pca": {"fit": {"encoder": "identity", "head": {"pca": {"components": 2}}}},
        "mean image": {"fit": {"head": "mean"}},
    },
    "axes": {"seed": {"role": "repeat", "values": 3}},
}


def pictures(rows: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Bars of two directions and of any brightness, on a little noise."""
    random = np.random.default_rng(0)
    labels = np.arange(rows) % 2
    images = random.integers(0, 20, size=(rows, SIDE, SIDE))
    for image, label, light in zip(images, labels, random.integers(60, 230, rows), strict=True):
        (image if label else image.T)[4:8] += light
    return images.astype(np.uint8), labels


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("pictures")
    images, labels = pictures()
    np.savez(folder / "pictures.npz", x=images, y=labels)
    (folder / "given-back.yaml").write_text(json.dumps(STUDY), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        return run_whole(Request(str(folder / "given-back.yaml"), out=folder / "runs"))


def place(run: Prepared, arm: str) -> str:
    return next(cell.chain[-1] for cell in run.plan.cells if cell.arm == arm)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def errors_of(run: Prepared, arm: str) -> dict[str, float]:
    """Part → the recorded error of the first seed."""
    rows = rows_of(run.folder.path / "results.csv")
    mine = [row for row in rows if (row["arm"], row["seed"]) == (arm, "0")]
    assert {(row["metric"], row["target"], row["unit"]) for row in mine} == {("sse", "image", "")}
    return {row["split"]: float(row["value"]) for row in mine}


@pytest.mark.parametrize("arm", STUDY["arms"])
def test_the_error_is_that_of_what_the_model_gives_back(run: Prepared, arm: str) -> None:
    stage_hash, pixels = place(run, arm), run.dataset.inputs.arrays()["pixels"] / 255.0
    fitted = Fitted.of_stage(stage_hash, run.folder.store, run.dataset.inputs)
    given_back = fitted.scores(fitted.features(run.dataset.inputs)).reshape(pixels.shape)
    assert given_back.min() >= 0
    assert given_back.max() <= 1
    squares = np.square(given_back - pixels).sum(axis=(1, 2, 3))
    kept = rows_of(run.folder.store.folder(stage_hash) / "predictions.csv")
    assert len(kept) == len(pixels)
    number = {identity: row for row, identity in enumerate(run.dataset.ids)}
    for split, error in errors_of(run, arm).items():
        rows = [(number[row["id"]], float(row["sse"])) for row in kept if row["split"] == split]
        expected = squares[[row for row, _ in rows]]
        np.testing.assert_allclose([said for _, said in rows], expected, rtol=1e-3)
        assert error == pytest.approx(expected.mean(), rel=1e-3)


def test_the_mean_image_has_the_deviation_of_the_pixels(run: Prepared) -> None:
    pixels = run.dataset.inputs.arrays()["pixels"] / 255.0
    rows = rows_of(run.folder.store.folder(place(run, "mean image")) / "predictions.csv")
    names = {row["id"] for row in rows if row["split"] == "train"}
    train = pixels[[identity in names for identity in run.dataset.ids]]
    error = errors_of(run, "mean image")["train"]
    assert error == pytest.approx(train.var(axis=0).sum(), rel=1e-4)


def test_it_learns(run: Prepared) -> None:
    tested = {arm: errors_of(run, arm)["test"] for arm in STUDY["arms"]}
    assert tested["scratch"] < 0.5 * tested["mean image"]
    assert tested["pca"] < 0.5 * tested["mean image"]
    assert tested["tuned"] != tested["frozen"]


def test_arms_are_compared_row_by_row_on_the_fixed_split(run: Prepared) -> None:
    summary = json.loads((run.folder.path / "summary.json").read_text(encoding="utf-8"))
    assert (summary["metric"], summary["unit"], summary["target"]) == ("sse", "", "image")
    assert summary["classes"] == ["0", "1"]
    assert {(arm["target"], *arm["classes"]) for arm in summary["arms"]} == {("image",)}
    found = {c["arm"]: c for c in summary["comparisons"]}
    assert found["mean image"]["difference"] > 0
    assert found["mean image"]["p"] < 0.05
    assert found["mean image"]["low"] < found["mean image"]["difference"]


@pytest.mark.parametrize("arm", STUDY["arms"])
def test_pictures_are_kept_of_test_rows(run: Prepared, arm: str) -> None:
    """Originals above what is given back, both as the model and the data have them."""
    stage_hash, pixels = place(run, arm), run.dataset.inputs.arrays()["pixels"]
    folder = run.folder.store.folder(stage_hash)
    sheet = np.asarray(Image.open(folder / "reconstructions.png"))[..., 0]
    fitted = Fitted.of_stage(stage_hash, run.folder.store, run.dataset.inputs)
    given_back = np.rint(
        fitted.scores(fitted.features(run.dataset.inputs)).reshape(pixels.shape) * 255
    )
    kept = rows_of(folder / "predictions.csv")
    tested = {row["id"] for row in kept if row["split"] == "test"}
    rows = [row for row, identity in enumerate(run.dataset.ids) if identity in tested]
    for column, row in ((0, rows[0]), (15, rows[-1])):
        left = column * (SIDE + 2)
        above, below = (sheet[top : top + SIDE, left : left + SIDE] for top in (0, SIDE + 2))
        np.testing.assert_array_equal(above, pixels[row, 0])
        np.testing.assert_allclose(below, given_back[row, 0], atol=1)


def test_an_image_is_no_prediction(run: Prepared, tmp_path: Path) -> None:
    np.savez(tmp_path / "new.npz", x=pictures(4)[0])
    with pytest.raises(UserError, match="gives images back"):
        predict_file(run.folder.path, "pca", tmp_path / "new.npz", tmp_path / "p.csv", None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head": "linear"}, "'linear' is not for reconstruction; allowed: decoder"),
        ({"head": {"mlp": {}}}, "'mlp' is not for reconstruction"),
        ({"head": "knn"}, "'knn' is not for reconstruction"),
        ({"loss": "mse"}, "'mse' is not for reconstruction; allowed: squares"),
    ],
)
def test_what_predicts_something_else_is_refused(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    text = json.loads(json.dumps(STUDY))
    text["arms"]["scratch"]["fit"] = {"encoder": CNN, **change}
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps(text), encoding="utf-8")
    with pytest.raises(UserError) as refused:
        load_study(str(path))
    assert message in str(refused.value)


def test_decoders_are_for_reconstruction_alone(tmp_path: Path) -> None:
    text = json.loads(json.dumps(STUDY))
    text["data"]["task"] = "classification"
    text["arms"] = {"scratch": {"fit": {"encoder": CNN, "head": "decoder"}}}
    text.pop("stages")
    text["defaults"].pop("stage")
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps(text), encoding="utf-8")
    with pytest.raises(UserError, match="'decoder' is not for classification"):
        load_study(str(path))


def test_pictures_false_keeps_pictures_out_of_the_run(tmp_path: Path) -> None:
    images, labels = pictures(40)
    np.savez(tmp_path / "pictures.npz", x=images, y=labels)
    chosen = {name: STUDY["arms"][name] for name in ("pca", "mean image")}
    study = STUDY | {"data": STUDY["data"] | {"pictures": False}, "arms": chosen}
    study = study | {"baseline": "pca", "stages": {}, "defaults": {}}
    (tmp_path / "hidden.yaml").write_text(json.dumps(study), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        run_whole(Request(str(tmp_path / "hidden.yaml"), out=tmp_path / "runs"))
    written = list((tmp_path / "runs").rglob("*"))
    assert any(path.name == "samples.parquet" for path in written)
    assert not [path for path in written if path.suffix in {".png", ".jpg"}]
    samples = next(path for path in written if path.name == "samples.parquet")
    assert read_samples(samples.parent).thumbnails == []
