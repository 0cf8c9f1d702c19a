"""MLP and identity."""

import numpy as np
import torch
from encoder_examples import some_vectors
from torch import nn

from nearfar.encoders import Encoder, build_encoder
from nearfar.encoders.identity import Identity


def test_identity_gives_the_columns() -> None:
    vectors = some_vectors()
    encoder = build_encoder("identity", {}, vectors)
    assert isinstance(encoder, Identity)
    features = encoder.features(vectors)
    assert features.dtype == np.float32
    assert encoder.out_features == 3
    assert np.array_equal(features, vectors.rows.numpy())
    assert encoder.mixed_units


def built(**options: float) -> Encoder:
    torch.manual_seed(0)
    encoder = build_encoder("mlp", options, some_vectors())
    assert isinstance(encoder, Encoder)
    return encoder


def test_mlp_equals_its_definition() -> None:
    encoder, rows = built(layers=2, hidden=5), some_vectors().rows
    first, second = (m for m in encoder.modules() if isinstance(m, nn.Linear))
    scaled = (rows - rows.mean(0)) / (rows.var(0, correction=0) + 1e-5).sqrt()
    expected = torch.relu(second(torch.relu(first(scaled))))
    torch.testing.assert_close(encoder(rows), expected)
    assert encoder.out_features == 5
    assert len(encoder.layer_groups()) == 2


def test_mlp_does_not_see_the_scale_of_a_column() -> None:
    encoder, rows = built(), some_vectors().rows
    other = rows * torch.tensor([10.0, 0.1, 3.0]) - 5
    torch.testing.assert_close(encoder(other), encoder(rows), rtol=1e-3, atol=1e-3)


def test_mlp_keeps_training_statistics_for_evaluation() -> None:
    encoder, rows = built(), some_vectors().rows
    for _ in range(200):
        encoder(rows)
    encoder.eval()
    together = encoder(rows)
    torch.testing.assert_close(encoder(rows[3:4])[0], together[3])


def test_dropout_only_in_training() -> None:
    encoder, rows = built(dropout=0.5), some_vectors().rows
    assert not torch.equal(encoder(rows), encoder(rows))
    encoder.eval()
    assert torch.equal(encoder(rows), encoder(rows))


def test_gradient_reaches_every_parameter() -> None:
    encoder = built()
    encoder(some_vectors().rows).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in encoder.parameters())
