"""Encoders by name: options come from the signature, mistakes are told in one line."""

import inspect
from typing import Any

import pytest
import torch
from encoder_examples import some_molecules, some_vectors

from nearfar.encoders import ENCODERS, Encoder, FixedEncoder, build_encoder
from nearfar.errors import UserError

every_encoder = pytest.mark.parametrize("name", sorted(ENCODERS))


@every_encoder
def test_contract_of_the_class(name: str) -> None:
    kind = ENCODERS[name]
    assert kind.accepts
    assert kind.accepts <= {"image", "molecule", "vector"}
    assert issubclass(kind, Encoder if kind.trainable else FixedEncoder)
    first, *others = inspect.signature(kind).parameters.values()
    assert first.name == "inputs"
    assert all(p.kind is p.KEYWORD_ONLY for p in others)
    assert all(p.default is not p.empty and p.annotation is not p.empty for p in others)


def test_options_reach_the_encoder() -> None:
    encoder = build_encoder("gin", {"out": 12}, some_molecules())
    assert encoder.out_features == 24


def test_unknown_encoder() -> None:
    with pytest.raises(UserError, match=r"no encoder is called 'gim'; did you mean 'gin'\?"):
        build_encoder("gim", {}, some_molecules())


def test_inputs_of_the_wrong_kind() -> None:
    with pytest.raises(UserError, match=r"encoder gin takes molecule inputs, not vector.*mlp"):
        build_encoder("gin", {}, some_vectors())


def test_weights_come_from_the_seed() -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        encoder = build_encoder("gin", {}, some_molecules())
        assert isinstance(encoder, Encoder)
        return torch.nn.utils.parameters_to_vector(encoder.parameters())

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


@pytest.mark.parametrize(
    ("name", "options", "brings"),
    [
        ("cnn", {}, False),
        ("descriptors", {}, False),
        ("minimol", {}, True),
        ("file", {"path": "a.npz"}, True),
        ("timm", {"name": "resnet18", "pretrained": True}, True),
        ("timm", {"name": "resnet18", "checkpoint": "a.safetensors"}, True),
        ("timm", {"name": "resnet18"}, False),
        ("hf", {"model": "./vit"}, True),
        ("mlp_on", {"features": "minimol"}, True),
        ("mlp_on", {"features": "morgan"}, False),
        ("joined", {"parts": [{"descriptors": {}}, {"minimol": {}}]}, True),
        ("joined", {"parts": [{"descriptors": {}}, {"morgan": {}}]}, False),
    ],
)
def test_encoders_say_whether_they_bring_what_was_learned_elsewhere(
    name: str, options: dict[str, Any], brings: bool
) -> None:
    assert ENCODERS[name].pretrained(options) is brings
