"""What every trainable molecular encoder must do."""

import inspect
from dataclasses import replace
from typing import Any

import pytest
import torch
from encoder_examples import all_rows, renumbered, some_molecules
from torch import Tensor, nn

from nearfar.data.inputs.molecules import Molecules
from nearfar.encoders import ENCODERS, Encoder, build_encoder

ON_FEATURES = {"mlp_on"}
"""They are given what a fixed encoder made of a molecule, and see none of its atoms."""
GRAPH = sorted(
    name
    for name, kind in ENCODERS.items()
    if kind.trainable and "molecule" in kind.accepts and name not in ON_FEATURES
)
OTHER = {
    "layers": 2,
    "hidden": 24,
    "out": 10,
    "expansion": 1,
    "eps": 0.3,
    "dropout": 0.4,
    "descriptors": False,
}

every_encoder = pytest.mark.parametrize("name", GRAPH)


def built(name: str, inputs: Molecules, **options: Any) -> Encoder:
    torch.manual_seed(0)
    encoder = build_encoder(name, options, inputs)
    assert isinstance(encoder, Encoder)
    return encoder


def settled(encoder: Encoder, inputs: Molecules) -> Encoder:
    """Give batch norm statistics that are not the initial ones, then evaluation mode."""
    encoder.train()
    for _ in range(5):
        encoder(all_rows(inputs))
    return encoder.eval()


@every_encoder
def test_shape_and_finiteness(name: str) -> None:
    molecules = some_molecules()
    encoder = settled(built(name, molecules), molecules)
    features = encoder(all_rows(molecules))
    assert features.shape == (len(molecules), encoder.out_features)
    assert features.dtype == torch.float32
    assert features.isfinite().all()


@every_encoder
@pytest.mark.parametrize("training", [True, False])
def test_atom_and_bond_order_does_not_matter(name: str, training: bool) -> None:
    molecules = some_molecules()
    encoder = settled(built(name, molecules, **no_dropout(name)), molecules).double()
    encoder.train(training)
    batch = all_rows(molecules)
    other = renumbered(batch)
    assert not torch.equal(batch.atoms, other.atoms)
    torch.testing.assert_close(encoder(other), encoder(batch))


@every_encoder
def test_order_of_molecules_does_not_matter(name: str) -> None:
    molecules = some_molecules()
    encoder = settled(built(name, molecules), molecules).double()
    order = torch.randperm(len(molecules), generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(
        encoder(molecules.select(order)), encoder(all_rows(molecules))[order]
    )


@every_encoder
def test_a_molecule_does_not_see_its_batch_in_evaluation(name: str) -> None:
    molecules = some_molecules()
    encoder = settled(built(name, molecules), molecules).double()
    together = encoder(all_rows(molecules))
    for row in range(len(molecules)):
        alone = encoder(molecules.select(torch.tensor([row])))
        torch.testing.assert_close(alone[0], together[row])


@every_encoder
def test_molecules_without_bonds(name: str) -> None:
    atoms = Molecules.from_smiles(["C", "N", "[Na+]", "O"])
    assert all_rows(atoms).bonds.shape == (2, 0)
    encoder = built(name, atoms)
    features = encoder(all_rows(atoms))
    assert features.isfinite().all()
    assert features.unique(dim=0).shape[0] == 4


@every_encoder
def test_gradient_reaches_every_parameter(name: str) -> None:
    molecules = some_molecules()
    encoder = built(name, molecules)
    features = encoder(all_rows(molecules))
    (features * torch.randn_like(features)).sum().backward()
    idle = [key for key, p in encoder.named_parameters() if p.grad is None or not p.grad.any()]
    assert not idle


@every_encoder
def test_over_fits_sixteen_molecules(name: str) -> None:
    molecules = some_molecules()
    encoder = built(name, molecules, **no_dropout(name))
    model = nn.Linear(encoder.out_features, 1)
    truth = torch.randn(len(molecules), generator=torch.Generator().manual_seed(3))
    optimizer = torch.optim.Adam([*encoder.parameters(), *model.parameters()], lr=3e-3)
    batch = all_rows(molecules)
    for _ in range(300):
        optimizer.zero_grad()
        loss = (model(encoder(batch))[:, 0] - truth).square().mean()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.02


@every_encoder
def test_same_seed_same_weights_and_numbers(name: str) -> None:
    molecules = some_molecules()
    first, second = built(name, molecules), built(name, molecules)
    runs = []
    for encoder in (first, second):
        torch.manual_seed(5)
        encoder(all_rows(molecules)).square().sum().backward()
        runs.append([p.grad.clone() for p in encoder.parameters() if p.grad is not None])
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))


@every_encoder
def test_layer_groups_partition_the_parameters(name: str) -> None:
    encoder = built(name, some_molecules())
    grouped = [id(p) for group in encoder.layer_groups() for p in group.parameters()]
    assert sorted(grouped) == sorted(id(p) for p in encoder.parameters())


def options_of(name: str) -> list[tuple[str, str]]:
    parameters = inspect.signature(ENCODERS[name]).parameters.values()
    return [(name, p.name) for p in parameters if p.kind is p.KEYWORD_ONLY]


@pytest.mark.parametrize(("name", "option"), [pair for name in GRAPH for pair in options_of(name)])
def test_every_option_changes_the_features(name: str, option: str) -> None:
    molecules = some_molecules()
    usual, changed = (
        trained_output(built(name, molecules, **options), molecules)
        for options in ({}, {option: OTHER[option]})
    )
    assert usual.shape != changed.shape or not torch.allclose(usual, changed)


def trained_output(encoder: Encoder, molecules: Molecules) -> Tensor:
    torch.manual_seed(6)
    features: Tensor = encoder.train()(all_rows(molecules))
    return features


def no_dropout(name: str) -> dict[str, float]:
    return {"dropout": 0.0} if "dropout" in inspect.signature(ENCODERS[name]).parameters else {}


@every_encoder
def test_bonds_matter(name: str) -> None:
    molecules = some_molecules()
    encoder = settled(built(name, molecules), molecules)
    batch = all_rows(molecules)
    cut = replace(batch, bonds=batch.bonds[:, :0], bond_features=batch.bond_features[:0])
    assert not torch.allclose(encoder(batch), encoder(cut))
