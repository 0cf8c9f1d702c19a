"""The precision of a stage stands in its specification where it is not the full one."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small_study import HERE, planned, small
from whole_runs import run_whole

from nearfar.encoders.resnet import ResNet18
from nearfar.execution.prepared import Prepared, Request
from nearfar.plan.environment import Environment
from nearfar.plan.groups import bundled
from nearfar.plan.specs import from_plain
from nearfar.train import device
from nearfar.train.device import MIXED

MIXED_HERE = Environment(HERE.torch, HERE.device, precision=MIXED)
Seen = set[tuple[bool, torch.dtype]]
SHORT = {"encoder": {"resnet18": {"width": 2}}, "epochs": 1, "batch": 16}
STUDY = {
    "study": "pictures",
    "data": {"source": "images", "path": "pictures.npz", "size": 12},
    "split": {"kind": "random", "parts": [0.6, 0.2, 0.2]},
    "baseline": "plain",
    "arms": {"plain": {"fit": SHORT}},
    "axes": {"seed": {"role": "repeat", "values": 1}},
}


def test_full_precision_leaves_specifications_as_they_were() -> None:
    for step in planned(small()).steps.values():
        plain = step.spec.to_plain()["environment"]
        assert plain.keys() == {"torch", "device", "nearfar", "threads"}
        assert Environment.from_plain(plain) == HERE


def test_another_precision_is_another_stage() -> None:
    plan = planned(small(), MIXED_HERE)
    assert not plan.steps.keys() & planned(small()).steps.keys()
    for step in plan.steps.values():
        assert from_plain(step.spec.to_plain()).environment == MIXED_HERE


@pytest.mark.parametrize(("environment", "at_once"), [(HERE, 2), (MIXED_HERE, 1)])
def test_seeds_are_trained_together_in_full_precision_alone(
    environment: Environment, at_once: int
) -> None:
    fit = {"encoder": {"mlp": {"dropout": 0.0}}, "epochs": 3, "batch": 16}
    axes = {"seed": {"role": "repeat", "values": 4}}
    study = small(stages={}, arms={"plain": {"fit": fit}}, axes=axes, profiles={})
    steps = planned(study, environment).steps.values()
    assert {len(bundle) for bundle in bundled(steps)} == {at_once}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Whether an encoder was in training mode, and the type of its features."""
    found: Seen = set()
    forward = ResNet18.forward

    def watched(self: ResNet18, batch: torch.Tensor) -> torch.Tensor:
        features = forward(self, batch)
        found.add((self.training, features.dtype))
        return features

    monkeypatch.setattr(ResNet18, "forward", watched)
    return found


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: Seen) -> Prepared:
    """A study of images on a processor that is taken for a GPU; ``seen`` is what came out."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, size=(60, 12, 12, 3)).astype(np.uint8)
    np.savez(tmp_path / "pictures.npz", x=pixels, y=np.arange(60) % 3)
    (tmp_path / "pictures.yaml").write_text(json.dumps(STUDY), encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(device, "precision_of", lambda name, kind: MIXED)
    return run_whole(Request(str(tmp_path / "pictures.yaml"), out=tmp_path / "runs"))


def test_a_stage_is_trained_in_its_precision_and_judged_in_float32(
    run: Prepared, seen: Seen
) -> None:
    ((stage_hash, step),) = run.plan.steps.items()
    assert step.spec.environment.precision == MIXED
    assert run.folder.store.outcome(stage_hash)["status"] == "done"
    assert seen == {(True, torch.bfloat16), (False, torch.float32)}
