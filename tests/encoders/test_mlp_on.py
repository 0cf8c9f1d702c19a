"""A trained layer on the features of a fixed encoder."""

from typing import Any

import pytest
import torch

from nearfar.data.inputs.molecules import Molecules
from nearfar.encoders import build_encoder
from nearfar.errors import UserError

MOLECULES = Molecules.from_smiles(["CCO", "c1ccccc1", "CC(=O)O"])


def test_only_the_features_beside_the_molecules_are_read() -> None:
    values = torch.randn(3, 7)
    beside = MOLECULES.with_descriptors(values)
    encoder: Any = build_encoder("mlp_on", {"hidden": 5, "layers": 2, "dropout": 0.0}, beside)
    others = Molecules.from_smiles(["N", "CCCC", "O"]).with_descriptors(values)
    index = torch.arange(3)
    found = encoder(beside.select(index))
    assert found.shape == (3, encoder.out_features) == (3, 5)
    assert torch.equal(found, encoder(others.select(index)))
    norm = (values - values.mean(0)) / (values.var(0, unbiased=False) + 1e-5).sqrt()
    first, second = (part[0] for part in encoder.layer_groups())
    torch.testing.assert_close(found, torch.relu(second(torch.relu(first(norm)))))


def test_it_asks_for_its_features_and_cannot_be_joined() -> None:
    encoder: Any = build_encoder("mlp_on", {}, MOLECULES)
    assert encoder.wants(MOLECULES, {"features": "minimol"}) == "minimol"
    own = MOLECULES.with_descriptors(torch.ones(3, 1))
    assert encoder.wants(own, {"features": "minimol"}) == ""
    parts = [{"morgan": {}}, {"mlp_on": {"features": "minimol"}}]
    with pytest.raises(UserError, match=r"mlp_on reads minimol .* cannot be joined as it is$"):
        build_encoder("joined", {"parts": parts}, MOLECULES)
