"""C-Mixup in training: of columns, of features, in pre-training; of numbers, and nowhere else."""

from pathlib import Path
from typing import Any

import pytest
import torch
from small_study import resolved, small, with_arms, write_small
from torch import nn
from whole_runs import run_whole

from nearfar.data.augment import CMixup
from nearfar.data.inputs.vectors import Vectors
from nearfar.errors import UserError
from nearfar.execution.prepared import Request
from nearfar.objectives import CachedRows, Predictor, Rows
from nearfar.records import read_results
from nearfar.study.load import load_study

ENCODER: dict[str, Any] = {"mlp": {"layers": 1, "hidden": 8}}
MIX = {"c_mixup": {"bandwidth": 2.0}}


def rows(**options: Any) -> Rows:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(12, 3, generator=generator)
    targets = values[:, :1].double() * 2
    return Rows(Vectors(values, list("abc")), targets, mixing=CMixup(bandwidth=9.0), **options)


def test_inputs_and_targets_are_mixed_alike() -> None:
    torch.manual_seed(0)
    batch = rows().batch(torch.arange(12))
    torch.testing.assert_close(batch.targets, batch.inputs[:, :1].double() * 2)
    assert batch.mixture is None
    assert not torch.equal(batch.targets, rows().targets)
    views = rows(views=2).batch(torch.arange(12)).views
    assert torch.equal(views[0], views[1]), "all views of a row are mixed with those of one other"


def test_weights_are_mixed_too_and_cached_features_as_inputs() -> None:
    weights = torch.arange(12.0)
    given = rows(weights=weights)
    torch.manual_seed(1)
    batch = given.batch(torch.arange(12))
    torch.manual_seed(1)
    mixture = CMixup(bandwidth=9.0).draw(given.targets)
    torch.testing.assert_close(batch.weights, mixture.blend(weights))
    torch.manual_seed(1)
    cached = CachedRows(given.inputs, given.targets, mixing=given.mixing)
    (same,) = cached.batches(torch.arange(12), 12)
    torch.testing.assert_close(same.inputs, batch.inputs)
    assert cached.draws


def test_a_predictor_mixes_features_before_its_head() -> None:
    encoder: Any = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    encoder.out_features = 4
    predictor = Predictor(encoder, nn.Linear(4, 1), nn.functional.l1_loss)
    torch.manual_seed(2)
    batch = rows(mixes_features=True).batch(torch.arange(12))
    assert batch.mixture is not None
    torch.testing.assert_close(batch.inputs, rows().inputs.values)
    features = batch.mixture.blend(encoder(batch.inputs))
    expected = (predictor.head(features) - batch.targets.float()).abs().mean()
    torch.testing.assert_close(predictor.loss(batch), expected)


def test_mixed_arms_run_and_differ_where_rows_are_mixed_elsewhere(tmp_path: Path) -> None:
    fit = {"encoder": ENCODER, "epochs": 2, "batch": 16}
    head = {"encoder": "identity", "train": "head", "epochs": 3, "batch": 16, "augment": MIX}
    at_features = {"c_mixup": {"bandwidth": 2.0, "at": "features"}}
    stage = {"encoder": ENCODER, "epochs": 2, "batch": 16}
    arms: dict[str, Any] = {
        "plain": {"fit": fit},
        "mixed": {"fit": {**fit, "augment": MIX}},
        "behind": {"fit": {**fit, "augment": at_features}},
        "fixed": {"fit": head},
        "unmixed": {"fit": {**head, "augment": []}},
    }
    stages = {}
    for objective in ("rnc", "ranksim", "supremix", "ordinal_entropy"):
        stages[objective] = {**stage, "objective": objective, "augment": at_features}
        arms[objective] = {"pretrain": objective, "fit": {"train": "head", "epochs": 1}}
    study = write_small(tmp_path, arms=arms, stages=stages, axes={})
    prepared = run_whole(Request(str(study), out=tmp_path / "runs"))
    found = {
        record.arm: record.value
        for record in read_results(prepared.folder.path / "results.csv")
        if (record.split, record.metric) == ("test", "mae")
    }
    assert set(found) == set(arms)
    assert len(set(found.values())) == len(arms)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"augment": [MIX, "c_mixup"]}, "rows are mixed once"),
        ({"augment": "flip"}, "there are views of images, not of vector inputs; c_mixup mixes"),
        ({"augment": "cmixup"}, "did you mean 'c_mixup'"),
        ({"augment": {"c_mixup": {"alpha": 0}}}, "alpha: has to be above 0"),
        (
            {"encoder": "identity", "train": "head", "augment": {"c_mixup": {"at": "inputs"}}},
            "frozen_views",
        ),
        (
            {
                "encoder": "identity",
                "train": "head",
                "frozen_views": "fresh",
                "augment": {"c_mixup": {"at": "inputs"}},
            },
            "the features of identity are computed once; write at: features",
        ),
        (
            {
                "train": "head",
                "frozen_views": "cached:2",
                "augment": {"c_mixup": {"at": "inputs"}},
            },
            "frozen_views: fresh, or at: features",
        ),
        ({"train": "head", "frozen_views": "fresh", "augment": MIX}, "frozen_views"),
    ],
)
def test_what_cannot_be_mixed_is_told(block: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        resolved(with_arms(odd={"fit": {"encoder": ENCODER, "epochs": 2, **block}}))


def test_stages_say_which_objectives_take_mixed_rows() -> None:
    stage = {"encoder": ENCODER, "objective": "autoencoder", "epochs": 2, "augment": "c_mixup"}
    arms = {**small()["arms"], "odd": {"pretrain": "odd", "fit": {"train": "head"}}}
    raw = small(arms=arms, stages={**small()["stages"], "odd": stage})
    with pytest.raises(UserError, match=r"which objective autoencoder does not take; .*rnc"):
        resolved(raw)


def test_graphs_and_classes_are_not_mixed(tmp_path: Path) -> None:
    def refused(study: str, *settings: str) -> str:
        with pytest.raises(UserError) as caught:
            load_study(study, settings=settings)
        return str(caught.value)

    said = refused("esol", "arms.L1.fit.augment={c_mixup: {at: inputs}}")
    assert "molecules are graphs, which cannot be mixed; write at: features" in said
    load_study("esol", settings=("arms.L1.fit.augment=c_mixup", "stages.rnc.augment=c_mixup"))
    said = refused("cifar10-moco", "stages.moco.augment=[flip, c_mixup]")
    assert "this study predicts none (classification)" in said
