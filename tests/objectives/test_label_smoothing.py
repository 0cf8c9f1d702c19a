"""Labels that are smoothed, in pre-training and in fits, against the definition."""

from typing import Any

import pytest
import torch

from nearfar.data import Vectors
from nearfar.encoders import build_encoder
from nearfar.errors import UserError
from nearfar.losses.classification import cross_entropy
from nearfar.objectives import OBJECTIVES, Batch
from nearfar.study.load import load_study


def smoothed(logits: torch.Tensor, classes: torch.Tensor, share: float) -> torch.Tensor:
    """Row by row: the target's probability, a share of it spread over all classes."""
    total = torch.zeros(())
    for row, label in zip(logits, classes[:, 0].long(), strict=True):
        wanted = torch.full((len(row),), share / len(row))
        wanted[label] += 1 - share
        total = total - (wanted * row.log_softmax(0)).sum()
    return total / len(logits)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.9])
def test_a_share_of_the_probability_is_spread_over_all_classes(share: float) -> None:
    torch.manual_seed(0)
    logits, classes = torch.randn(7, 4), torch.arange(7)[:, None].double() % 4
    found = cross_entropy(logits, classes, label_smoothing=share)
    torch.testing.assert_close(found, smoothed(logits, classes, share))


def test_the_objective_smooths_as_it_is_told() -> None:
    torch.manual_seed(0)
    values = torch.randn(9, 3)
    encoder: Any = build_encoder("mlp", {"layers": 1, "hidden": 4}, Vectors(values, list("abc")))
    batch = Batch((values,), torch.arange(9)[:, None].double() % 3)
    for share in (None, 0.3):
        objective: Any = OBJECTIVES["cross_entropy"](encoder, 3, label_smoothing=share).eval()
        logits = objective.head(encoder(values))
        expected = smoothed(logits, batch.targets, share or 0.0)
        torch.testing.assert_close(objective.loss(batch), expected)


def test_only_cross_entropy_can_be_smoothed() -> None:
    with pytest.raises(UserError, match="label_smoothing is for cross_entropy, not for l1"):
        load_study("esol", "smoke", ("arms.L1.fit.label_smoothing=0.1",))
