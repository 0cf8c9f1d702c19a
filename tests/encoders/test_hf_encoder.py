"""Models of transformers, tiny ones that the test saves; skipped where it is not installed."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from small_images import built, some_images, written
from torch.nn import functional
from whole_runs import run_whole

from nearfar.encoders import hf_library
from nearfar.encoders.hf_library import imported_transformers
from nearfar.encoders.hf_models import HF
from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Request
from nearfar.execution.run import prepare
from nearfar.models import FinishedModel
from nearfar.objectives.predictor import Predictor
from nearfar.weight_files import known_file

try:
    imported_transformers()
    import transformers
except UserError as error:
    pytest.skip(f"transformers is an extra: {error}", allow_module_level=True)

SMALL = {"hidden_size": 16, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
SMALL |= {"num_hidden_layers": 3}
KINDS: dict[str, dict[str, Any]] = {
    "ViT": SMALL,
    "Dinov2": SMALL,
    "DINOv3ViT": {**SMALL, "num_register_tokens": 2},
    "SiglipVision": SMALL,
    "ConvNext": {"hidden_sizes": [4, 8, 8, 16], "depths": [1, 1, 2, 1]},
}


def saved(folder: Path, kind: str = "ViT", **more: Any) -> Any:
    torch.manual_seed(1)
    config = getattr(transformers, f"{kind}Config")(**{**KINDS[kind], **more})
    model = getattr(transformers, f"{kind}Model")(config).eval()
    model.save_pretrained(folder)
    return model


def options_of(folder: Path, **more: Any) -> dict[str, Any]:
    return {"model": known_file(folder), **HF.facts_of(folder), **more}


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_those_of_the_model_that_was_saved(tmp_path: Path, kind: str) -> None:
    model, images = saved(tmp_path, kind), some_images(3, 32, 32)
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.25, 0.2]})
    )
    mean, std = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.5, 0.25, 0.2])
    expected = model((images.pixels - mean.view(-1, 1, 1)) / std.view(-1, 1, 1))
    states, own = expected.last_hidden_state, expected.pooler_output
    default = states[:, 0] if kind == "ViT" else own
    encoder: Any = built("hf", images, **options_of(tmp_path)).eval()
    assert encoder.out_features == 16
    torch.testing.assert_close(encoder(images.pixels), default)
    pooled: Any = built("hf", images, **options_of(tmp_path, pooling="mean")).eval()
    patches = states.flatten(2).transpose(1, 2) if states.ndim == 4 else states
    patches = patches[:, {"SiglipVision": 0, "ConvNext": 0, "DINOv3ViT": 3}.get(kind, 1) :]
    torch.testing.assert_close(pooled(images.pixels), patches.mean(1))
    if kind in ("SiglipVision", "ConvNext"):
        pooled.pooling = "cls"
        with pytest.raises(UserError, match="no class token; pooling: mean or pooler"):
            pooled(images.pixels)
    assert len(encoder.layer_groups()) == {"SiglipVision": 5, "ConvNext": 5}.get(kind, 4)
    grouped = {id(p) for part in encoder.layer_groups() for p in part.parameters()}
    assert grouped == {id(p) for p in encoder.parameters()}


def test_images_of_other_sizes_and_of_one_channel(tmp_path: Path) -> None:
    saved(tmp_path)
    images = some_images(1, 48, 40)
    encoder: Any = built("hf", images, **options_of(tmp_path)).eval()
    coloured: Any = built("hf", some_images(3, 48, 40), **options_of(tmp_path)).eval()
    torch.testing.assert_close(
        encoder(images.pixels), coloured(images.pixels.expand(-1, 3, -1, -1))
    )
    resized: Any = built("hf", images, **options_of(tmp_path, size=32)).eval()
    smaller = functional.interpolate(images.pixels, [32, 32], mode="bilinear", antialias=True)
    torch.testing.assert_close(resized(images.pixels), encoder(smaller))


def test_adapters_alone_are_trained_beside_the_last_blocks(tmp_path: Path) -> None:
    from peft.tuners.lora import Linear

    saved(tmp_path)
    images = some_images(3, 32, 32)
    plain: Any = built("hf", images, **options_of(tmp_path)).eval()
    options = options_of(tmp_path, lora=2, lora_targets=("q_proj", "v_proj"))
    encoder: Any = built("hf", images, **options).eval()
    torch.testing.assert_close(encoder(images.pixels), plain(images.pixels))
    assert sum(isinstance(part, Linear) for part in encoder.modules()) == 2 * 3
    for trained, blocks in (("all", {0, 1, 2}), (2, {1, 2})):
        Predictor(encoder, torch.nn.Linear(16, 1), functional.l1_loss, trained=trained)  # type: ignore[arg-type]
        live = [name for name, p in encoder.named_parameters() if p.requires_grad]
        assert all(".lora_" in name and ("q_proj" in name or "v_proj" in name) for name in live)
        assert {int(name.split("layers.")[1][0]) for name in live} == blocks
    with pytest.raises(UserError, match=r"no linear layer qproj; allowed: fc1, fc2, k_proj, o_pr"):
        built("hf", images, **options_of(tmp_path, lora=2, lora_targets=("qproj",)))


def test_two_towers_give_that_of_images(tmp_path: Path) -> None:
    tower = {key: SMALL[key] for key in ("hidden_size", "num_attention_heads", "num_hidden_layers")}
    config = transformers.SiglipConfig(
        text_config={**tower, "vocab_size": 9, "intermediate_size": 8},
        vision_config={**SMALL, "intermediate_size": 8},
    )
    model = transformers.SiglipModel(config).eval()
    model.save_pretrained(tmp_path)
    images = some_images(3, 32, 32)
    encoder: Any = built("hf", images, **options_of(tmp_path)).eval()
    expected = model.vision_model(2 * images.pixels - 1).pooler_output
    torch.testing.assert_close(encoder(images.pixels), expected)


def test_what_is_no_model_of_images_is_told(tmp_path: Path) -> None:
    images = some_images(3, 32, 32)
    with pytest.raises(
        UserError, match=r"is a folder without config.json: .*save_pretrained\(FOLDER\)"
    ):
        known_file(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "vitt"}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickled")
    with pytest.raises(UserError, match=r"has no \.safetensors"):
        known_file(tmp_path)
    saved(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"option model: .*[Hh]eader"):
        built("hf", images, **options_of(tmp_path))
    saved(tmp_path, num_channels=4)
    with pytest.raises(UserError, match="takes images of 4 channels; these have 3"):
        built("hf", images, **options_of(tmp_path))
    saved(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(UserError, match="merge_and_unload"):
        HF.facts_of(tmp_path)
    with pytest.raises(UserError, match="'my vit' is neither a name on the hub"):
        built("hf", images, model="my vit")


def test_code_beside_the_weights_is_never_run(tmp_path: Path) -> None:
    saved(tmp_path)
    file = tmp_path / "config.json"
    theirs = {"AutoConfig": "own.Own", "AutoModel": "own.Own"}
    file.write_text(json.dumps({**json.loads(file.read_text()), "auto_map": theirs}))
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: ...\n")
    built("hf", some_images(3, 32, 32), **options_of(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_a_folder_is_frozen_tuned_by_adapters_and_put_into_use(tmp_path: Path) -> None:
    saved(tmp_path / "vit")
    tuned = {"encoder": {"hf": {"model": "./vit", "lora": 2}}, "layer_decay": 0.5}
    request = Request(str(written(tmp_path, {"hf": {"model": "./vit"}}, tuned)), out=tmp_path / "r")
    run = run_whole(request).folder.path
    out = tmp_path / "p.csv"
    again = prepare(Request(str(run / "study.yaml"), out=tmp_path / "r"))
    assert not again.missing, "the run's own study finds the folder, and all that was trained"
    for arm in ("frozen", "tuned"):
        predict_file(run, arm, tmp_path / "images.npz", out, force=True)
        FinishedModel.from_run(run, arm).save(tmp_path / arm)
    expected = out.read_text()
    (tmp_path / "vit").rename(tmp_path / "away")
    with pytest.raises(UserError, match="no such data file"):
        prepare(request)
    with pytest.raises(UserError, match=r"folder with hash .* is not there any more"):
        predict_file(run, "frozen", tmp_path / "images.npz", out, force=True)
    predict_file(tmp_path / "tuned", None, tmp_path / "images.npz", out, force=True)
    assert out.read_text() == expected
    predict_file(tmp_path / "frozen", None, tmp_path / "images.npz", out, force=True)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"model": "vit"}, "a folder is named with its path, model: ./FOLDER"),
        ({"model": "./vit/model.safetensors"}, "is a file: model names the folder that model.save"),
        ({"model": "./vitt"}, "no such data file: ./vitt"),
        ({"model": "./vit", "lora_alpha": 2.0}, "lora_alpha and lora_targets need lora: RANK"),
        ({"model": "./vit", "mean": [0.1, 0.2]}, "option mean: 2 values for images of 3 channels"),
        ({"model": "./vit", "size": 4}, "encoder hf"),
        ({"model": "./vit", "revision": "main"}, "revision is of a name on the hub"),
        ({"model": "./vit", "size": 30}, "patches of 8 × 8 pixels do not fill images of 30 × 30"),
    ],
)
def test_mistakes_are_one_line_before_the_first_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], told: str
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    saved(tmp_path / "vit")
    study = written(tmp_path, {"hf": options}, {"train": "last:1"})
    with pytest.raises(UserError) as caught:
        prepare(Request(str(study), out=tmp_path / "runs"))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_a_folder_without_its_path_is_not_taken_for_a_name_on_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path / "vit")
    monkeypatch.chdir(tmp_path)
    study = written(tmp_path, {"hf": {"model": "vit"}}, {"train": "last:1"})
    with pytest.raises(UserError, match=r"'vit' is a folder here: name it with its path, \./vit"):
        prepare(Request(str(study), out=tmp_path / "runs"))


def test_a_changed_folder_is_another_run(tmp_path: Path) -> None:
    saved(tmp_path / "vit")
    study = written(tmp_path, {"hf": {"model": "./vit"}}, {"encoder": "pixels"})
    request = Request(str(study), out=tmp_path / "runs")
    first = run_whole(request).folder.path
    assert prepare(request).folder.path == first
    saved(tmp_path / "vit", intermediate_size=20)
    changed = prepare(request)
    assert changed.folder.path != first
    assert "a file of weights has other values than those of its results" in changed.notes[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_the_hub_is_kept_without_it(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path, kind)
    images, loaded = some_images(3, 32, 32), hf_library.loaded
    scaling = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.25, 0.2]}
    monkeypatch.setattr(hf_library, "scaling_on_hub", lambda name, revision: scaling)
    monkeypatch.setattr(
        hf_library, "loaded", lambda name, revision, pooling: loaded(tmp_path, None, pooling)
    )
    options: dict[str, Any] = {"model": "some/model"}
    encoder: Any = built("hf", images, **options).eval()
    monkeypatch.setattr(hf_library, "loaded", None)
    again: Any = built("hf", images, **encoder.kept_options(options)).eval()
    again.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(again(images.pixels), encoder(images.pixels))
    assert again.kept_options(encoder.kept_options(options)) == encoder.kept_options(options)
