"""Objectives over views and over labelled rows: each is its loss on what the encoder gives."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from nearfar.losses import (
    contrastive_loss,
    l2_distances,
    nt_xent_loss,
    pair_likelihood_loss,
    sup_con_loss,
    triplet_loss,
)
from nearfar.objectives import OBJECTIVES, Batch
from nearfar.study.named_options import options_of

LABELLED = {"cross_entropy", "supcon", "contrastive", "triplet", "pair_likelihood"}
OURS = ["moco", "nt_xent", "vicreg", "barlow_twins", "byol", "simsiam", *sorted(LABELLED)]
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "cross_entropy": [{"label_smoothing": 0.1}],
    "moco": [
        {"queue": 9},
        {"temperature": 1.0},
        {"momentum": 0.1},
        {"symmetric": True},
        {"split_batch_norm": 2},
        {"hidden": (6,)},
        {"out": 5},
    ],
    "nt_xent": [{"temperature": 0.1}, {"hidden": ()}, {"out": 5}],
    "vicreg": [
        {"invariance": 1.0},
        {"variance": 1.0},
        {"covariance": 9.0},
        {"hidden": (6,)},
        {"out": 5},
    ],
    "barlow_twins": [{"redundancy": 0.1}, {"hidden": (6,)}, {"out": 5}],
    "byol": [{"momentum": 0.5}, {"hidden": (6,)}, {"out": 5}, {"predictor": (6,)}],
    "simsiam": [{"hidden": (6,)}, {"out": 5}, {"predictor": (6,)}],
    "supcon": [{"temperature": 0.5}, {"hidden": ()}, {"out": 5}],
    "contrastive": [{"margin": 2.0}, {"normalise": True}, {"distance": "mahalanobis"}],
    "triplet": [
        {"margin": 0.5},
        {"mining": "all"},
        {"mining": "batch_hard"},
        {"normalise": False},
        {"distance": "mahalanobis"},
    ],
    "pair_likelihood": [{"temperature": 0.5}, {"normalise": False}],
}


def tiny_encoder() -> Any:
    torch.manual_seed(0)
    encoder: Any = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4))
    encoder.out_features = 4
    return encoder


def made(name: str, **options: Any) -> Any:
    torch.manual_seed(1)
    encoder = tiny_encoder()
    torch.manual_seed(1)
    return around(encoder, name, **options)


def around(encoder: Any, name: str, **options: Any) -> Any:
    """Make an objective; one that predicts is for three classes."""
    kind = OBJECTIVES[name]
    return kind(encoder, *((3,) if getattr(kind, "predicts", False) else ()), **options)


def batch(views: int, rows: int = 12, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(rows, 5, generator=generator)
    noisy = tuple(base + 0.3 * torch.randn(rows, 5, generator=generator) for _ in range(views))
    classes = torch.arange(rows) % 3
    return Batch(noisy, classes.double()[:, None])


def features(objective: Any, given: Batch) -> torch.Tensor:
    rows: torch.Tensor = objective.encoder(torch.cat(given.views))
    return rows


def test_cross_entropy_is_that_of_its_own_output_layer() -> None:
    objective, given = made("cross_entropy").train(), batch(1)
    logits = objective.head(features(objective, given))
    expected = torch.nn.functional.cross_entropy(logits, given.classes.long())
    assert logits.shape == (12, 3)
    torch.testing.assert_close(objective.loss(given), expected)


def test_nt_xent_is_the_loss_on_projected_views() -> None:
    objective, given = made("nt_xent", temperature=0.3).train(), batch(2)
    one, other = objective.projection(features(objective, given)).chunk(2)
    torch.testing.assert_close(objective.loss(given), nt_xent_loss(one, other, 0.3))


def test_supcon_is_the_loss_on_projected_views_and_classes() -> None:
    objective, given = made("supcon", temperature=0.3).train(), batch(2)
    one, other = objective.projection(features(objective, given)).chunk(2)
    expected = sup_con_loss(torch.stack([one, other], 1), torch.arange(12) % 3, 0.3)
    torch.testing.assert_close(objective.loss(given), expected)


@pytest.mark.parametrize("normalise", [True, False])
def test_pairs_and_triplets_are_their_loss_on_features(normalise: bool) -> None:
    given, classes = batch(1), torch.arange(12) % 3
    for name, loss in (
        ("contrastive", lambda f: contrastive_loss(l2_distances(f), classes, 1.0)),
        ("triplet", lambda f: triplet_loss(l2_distances(f), classes, 0.2, "semi_hard")),
        ("pair_likelihood", lambda f: pair_likelihood_loss(f, classes, 0.1)),
    ):
        objective = made(name, normalise=normalise).train()
        rows = features(objective, given)
        expected = loss(normalize(rows) if normalise else rows)
        torch.testing.assert_close(objective.loss(given), expected)


@pytest.mark.parametrize("name", OURS)
def test_every_option_changes_the_loss(name: str) -> None:
    variants = VARIANTS[name]
    options = options_of(OBJECTIVES[name])
    assert set().union(*variants) == set(options.model_fields)
    for changed in variants:
        options.model_validate(changed)
    totals = set()
    for changed in [{}, *variants]:
        objective = made(name, **changed).train()
        optimizer = torch.optim.SGD([p for p in objective.parameters() if p.requires_grad], lr=0.3)
        total = 0.0
        for step in range(4):
            torch.manual_seed(step)
            loss = objective.loss(batch(objective.views, seed=step))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach())
        totals.add(round(total, 6))
    assert len(totals) == len(variants) + 1


@pytest.mark.parametrize("name", OURS)
def test_it_keeps_to_the_contract(name: str) -> None:
    kind = OBJECTIVES[name]
    assert kind.reads_labels is (name in LABELLED)
    assert kind.tasks == (
        {"classification"} if name in LABELLED else {"regression", "classification", "multilabel"}
    )
    objective = made(name).train()
    for rows in (kind.least_rows, 2, 3, 7):
        given = batch(kind.views, rows)
        objective.zero_grad()
        loss = objective.loss(given)
        assert loss.shape == ()
        loss.backward()
        for parameter in objective.encoder.parameters():
            assert parameter.grad is not None
            assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("distance", ["l2", "mahalanobis"])
def test_training_brings_classes_or_views_together(name: str, distance: str) -> None:
    options: dict[str, Any] = {}
    if name in {"contrastive", "triplet"}:
        options = {"distance": distance}
    elif distance == "mahalanobis":
        return
    if name == "moco":
        options = {"queue": 64, "split_batch_norm": 2, "momentum": 0.9}
    elif name == "barlow_twins":
        options = {"hidden": (16,), "out": 8}
    objective = made(name, **options).train()
    optimizer = torch.optim.Adam([p for p in objective.parameters() if p.requires_grad], lr=0.02)
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(3, 5, generator=generator)

    def rows(count: int) -> Batch:
        classes = torch.arange(count) % 3
        base = centres[classes] + 0.7 * torch.randn(count, 5, generator=generator)
        views = [base + 0.1 * torch.randn(count, 5, generator=generator) for _ in range(2)]
        return Batch(tuple(views[: objective.views]), classes.double()[:, None])

    def separation(given: Batch) -> float:
        objective.eval()
        with torch.no_grad():
            found = normalize(objective.encoder(given.inputs))
        objective.train()
        d, same = torch.cdist(found, found), given.classes == given.classes[:, None]
        off = ~torch.eye(len(found), dtype=torch.bool)
        return float(d[~same].mean() / d[same & off].mean())

    for _ in range(3):
        objective.loss(rows(48))  # settle running statistics
    held_out = rows(60)
    before = separation(held_out)
    for _ in range(60):
        loss = objective.loss(rows(48))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    factor = 1.3 if name in LABELLED else 1.0
    assert separation(held_out) > factor * before


@pytest.mark.parametrize("name", OURS)
def test_images_pass_through(name: str) -> None:
    torch.manual_seed(0)
    encoder: Any = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    encoder.out_features = 4
    objective = around(encoder, name).train()
    views = tuple(torch.rand(9, 3, 8, 8) for _ in range(objective.views))
    loss = objective.loss(Batch(views, (torch.arange(9) % 2).double()[:, None]))
    loss.backward()
    assert loss.isfinite()
    assert encoder[0].weight.grad.isfinite().all()


def test_the_learned_distance_learns_and_is_not_part_of_the_encoder() -> None:
    for name in ("contrastive", "triplet"):
        objective = made(name, distance="mahalanobis").train()
        objective.loss(batch(1)).backward()
        factor = objective.distances.learned.factor
        assert factor.grad.any()
        assert not any("factor" in key for key in objective.encoder.state_dict())
