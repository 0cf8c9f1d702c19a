"""Models of timm itself, small ones, with weights that the test saves; skipped without timm."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_images import built, some_images, written
from whole_runs import run_whole

from nearfar.encoders.timm_library import imported_timm
from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Request
from nearfar.execution.run import prepare
from nearfar.models import FinishedModel
from nearfar.weight_files import known_file

try:
    timm = imported_timm()
except UserError as error:
    pytest.skip(f"timm is an extra: {error}", allow_module_level=True)


def saved(folder: Path, name: str, ending: str = ".safetensors", **options: Any) -> Path:
    torch.manual_seed(1)
    if ending == ".bin":
        options["num_classes"] = 0
    weights = timm.create_model(name, **{"num_classes": 7, **options}).state_dict()
    path = folder / f"{name}{ending}"
    if ending == ".safetensors":
        save_file({key: value.contiguous() for key, value in weights.items()}, path)
    else:
        torch.save({"state_dict": {f"module.{k}": v for k, v in weights.items()}}, path)
    return path


@pytest.mark.parametrize("ending", [".safetensors", ".pth", ".bin"])
@pytest.mark.parametrize("name", ["test_resnet", "test_convnext", "test_efficientnet"])
def test_a_checkpoint_gives_the_features_of_the_model_that_saved_it(
    tmp_path: Path, name: str, ending: str
) -> None:
    images = some_images(3, 40, 40)
    digest = known_file(saved(tmp_path, name, ending))
    encoder: Any = built("timm", images, name=name, checkpoint=digest, mean=(0.2,), std=(0.7,))
    torch.manual_seed(1)
    model = timm.create_model(name, num_classes=0 if ending == ".bin" else 7).eval()
    expected = model.forward_head(
        model.forward_features((images.pixels - 0.2) / 0.7), pre_logits=True
    )
    torch.testing.assert_close(encoder.eval()(images.pixels), expected)
    assert encoder.out_features == expected.shape[1]


def test_a_vit_is_shown_other_sizes_than_it_was_trained_with(tmp_path: Path) -> None:
    images = some_images(3, 48, 48)
    digest = known_file(saved(tmp_path, "test_vit"))
    own: Any = built("timm", images, name="test_vit", checkpoint=digest)
    assert own.eval()(images.pixels).shape == (len(images.pixels), 64)
    larger: Any = built("timm", images, name="test_vit", checkpoint=digest, size=160)
    resized = torch.nn.functional.interpolate(
        images.pixels, size=[160, 160], mode="bilinear", antialias=True
    )
    torch.testing.assert_close(larger.eval()(images.pixels), larger(resized))
    token: Any = built("timm", images, name="test_vit", checkpoint=digest, size=160, pooling="avg")
    assert not torch.equal(token.eval()(images.pixels), larger(images.pixels))


def test_last_layers_are_the_models_own_blocks() -> None:
    images = some_images(3, 32, 32)
    for name, count in {"test_resnet": 5, "test_vit": 7, "test_convnext": 5}.items():
        groups = built("timm", images, name=name).layer_groups()
        encoder: Any = built("timm", images, name=name)
        known = {id(p) for part in encoder.layer_groups() for p in part.parameters()}
        left = [n for n, p in encoder.model.named_parameters() if id(p) not in known]
        assert len(groups) == count, name
        assert all(name in {"cls_token", "pos_embed", "reg_token"} for name in left), left


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"name": "test_resnett"}, "no model 'test_resnett'; did you mean 'test_resnet'"),
        (
            {"name": "vit_tiny_patch16_224", "size": 30},
            "patches of 16 × 16 pixels do not fill images of 30 × 30, and what is over would not be"
            " seen: size: 32",
        ),
        ({"name": "test_resnet", "pooling": "token"}, "encoder timm"),
        ({"name": "test_resnet", "checkpoint": "nan.safetensors"}, "are no finite numbers"),
        ({"name": "test_resnet", "mean": [0.1, 0.2]}, "option mean: 2 values for images of 3 chan"),
        ({"name": "test_convnext", "checkpoint": "test_resnet.pth"}, "it is another model's"),
        ({"name": "test_resnet.none", "pretrained": True}, "cannot build 'test_resnet.none'"),
        ({"name": "test_resnet", "checkpoint": "damaged.pth"}, "is damaged or no file of weights"),
        ({"name": "test_resnet", "checkpoint": "objects.pth"}, "holds Python objects beside wei"),
        ({"name": "test_resnet", "checkpoint": "none.pth"}, "no such data file: none.pth"),
    ],
)
def test_mistakes_are_one_line_before_the_first_stage(
    tmp_path: Path, options: dict[str, Any], told: str
) -> None:
    saved(tmp_path, "test_resnet", ".pth")
    (tmp_path / "damaged.pth").write_bytes(b"nothing")
    save_file({"conv1.0.weight": torch.full((2, 2), math.nan)}, tmp_path / "nan.safetensors")
    torch.save({"model": np.random.default_rng(0)}, tmp_path / "objects.pth")
    study = written(tmp_path, {"timm": options}, {"train": "last:1"})
    with pytest.raises(UserError) as caught:
        prepare(Request(str(study), out=tmp_path / "runs"))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_a_checkpoint_is_frozen_tuned_and_put_into_use(tmp_path: Path) -> None:
    weights = saved(tmp_path, "test_resnet")
    study = written(
        tmp_path, {"timm": {"name": "test_resnet", "checkpoint": weights.name}}, {"train": "last:1"}
    )
    request = Request(str(study), out=tmp_path / "runs")
    run = run_whole(request)
    features = [path for path in (tmp_path / "runs").rglob("*") if path.parent.name == "features"]
    assert len([path for path in features if path.suffix == ".npy"]) <= 1, features
    out = tmp_path / "p.csv"
    for arm in ("frozen", "tuned"):
        predict_file(run.folder.path, arm, tmp_path / "images.npz", out, force=True)
    FinishedModel.from_run(run.folder.path, "frozen").save(tmp_path / "model")
    weights.rename(tmp_path / "away.safetensors")
    predict_file(run.folder.path, "tuned", tmp_path / "images.npz", out, force=True)
    expected = out.read_text()
    assert expected
    with pytest.raises(UserError, match="no such data file"):
        prepare(request)
    with pytest.raises(UserError, match=r"checkpoint with hash .* is not there any more"):
        predict_file(run.folder.path, "frozen", tmp_path / "images.npz", out, force=True)
    predict_file(tmp_path / "model", None, tmp_path / "images.npz", out, force=True)


def test_one_number_scales_all_channels(tmp_path: Path) -> None:
    options = {"name": "test_resnet", "mean": 0.25, "std": [0.5]}
    study = written(tmp_path, {"timm": options}, {"train": "last:1"})
    prepare(Request(str(study), out=tmp_path / "runs"))
    study = written(tmp_path, {"timm": options | {"mean": math.nan}}, {"train": "last:1"})
    with pytest.raises(UserError, match=r"timm\.mean.*needs a number"):
        prepare(Request(str(study), out=tmp_path / "runs"))


def test_an_exported_model_needs_no_weights_of_timm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, there = timm.create_model, True

    def create_model(name: str, pretrained: bool = False, **options: Any) -> Any:
        if pretrained and not there:
            raise RuntimeError("no network")
        return made(name, **options)

    monkeypatch.setattr(timm, "create_model", create_model)
    encoder = {"timm": {"name": "test_resnet", "pretrained": True}}
    run = run_whole(Request(str(written(tmp_path, encoder, {"train": "all"})), out=tmp_path / "r"))
    out, rows = tmp_path / "p.csv", tmp_path / "images.npz"
    predict_file(run.folder.path, "tuned", rows, out, force=True)
    expected = out.read_text()
    for arm in ("frozen", "tuned"):
        FinishedModel.from_run(run.folder.path, arm).save(tmp_path / arm)
    there = False
    for arm in ("frozen", "tuned"):
        predict_file(tmp_path / arm, None, rows, out, force=True)
    assert out.read_text() == expected
