"""The residual message-passing encoder against explicit loops, and its descriptors."""

import pytest
import torch
from encoder_examples import SMILES, all_rows, some_molecules
from torch.nn import functional as F

from nearfar.data.inputs.molecules import BOND_SIZES, Molecules
from nearfar.encoders import graph
from nearfar.encoders.descriptors import Descriptors
from nearfar.encoders.mpnn import MPNN, DescriptorScaling


def test_one_hot_marks_one_value_per_feature() -> None:
    features = torch.tensor([[0, 2], [1, 0]])
    marks = graph.one_hot(features, (2, 3), torch.zeros(0))
    assert marks.tolist() == [[1, 0, 0, 0, 1], [0, 1, 1, 0, 0]]


def test_layer_equals_loops_over_neighbours() -> None:
    torch.manual_seed(0)
    molecules = some_molecules()
    encoder = MPNN(molecules, hidden=6).double().eval()
    batch = all_rows(molecules)
    layer = encoder.layers[0]
    x = torch.randn(len(batch.atoms), 6, dtype=torch.float64)
    marks = graph.one_hot(batch.bond_features, BOND_SIZES, x)
    h = layer.norm(x)
    rows = []
    for v in range(len(x)):
        state = h[v]
        for bond, (source, target) in enumerate(batch.bonds.T.tolist()):
            if target == v:
                kinds = batch.bond_features[bond].tolist()
                embedded = sum(
                    layer.bond(F.one_hot(torch.tensor(start + kind), sum(BOND_SIZES)).double())
                    for start, kind in zip((0, 22, 28), kinds, strict=True)
                )
                state = state + torch.relu(h[source] + embedded)
        rows.append(x[v] + layer.mlp(state))
    torch.testing.assert_close(layer(x, batch.bonds, marks), torch.stack(rows))


def test_message_equals_pyg() -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        from torch_geometric.nn import GINEConv

    torch.manual_seed(0)
    molecules = some_molecules()
    layer = MPNN(molecules, hidden=6).layers[0].eval()
    batch = all_rows(molecules)
    x = torch.randn(len(batch.atoms), 6)
    marks = graph.one_hot(batch.bond_features, BOND_SIZES, x)
    convolution = GINEConv(layer.mlp)
    expected = x + convolution(layer.norm(x), batch.bonds, layer.bond(marks))
    torch.testing.assert_close(layer(x, batch.bonds, marks), expected, rtol=1e-5, atol=1e-5)


def test_bond_features_matter() -> None:
    molecules = Molecules.from_smiles(["CCO", "CC=O"])
    alike = all_rows(molecules)
    encoder = MPNN(molecules).eval()
    single = encoder(alike)
    alike.bond_features[:] = 0
    assert not torch.allclose(single, encoder(alike))


def test_descriptors_join_where_there_are_any() -> None:
    molecules = some_molecules()
    with_them, without = MPNN(molecules), MPNN(molecules, descriptors=False)
    assert with_them.out[0].in_features == without.out[0].in_features + 5
    molecules.descriptors = None
    assert MPNN(molecules).out[0].in_features == without.out[0].in_features
    assert without(all_rows(molecules)).shape == (len(SMILES), 128)


def test_wants_rdkit_descriptors_unless_the_molecules_bring_their_own() -> None:
    molecules = some_molecules()
    assert not MPNN.wants(molecules, {"descriptors": True})
    molecules.descriptors = None
    assert not MPNN.wants(molecules, {"descriptors": False})
    assert MPNN.wants(molecules, {"descriptors": True}) == "descriptors"
    computed = Descriptors(molecules).features(molecules)
    beside = molecules.with_descriptors(torch.from_numpy(computed))
    assert MPNN(beside)(all_rows(beside)).isfinite().all()


def test_scaling_of_descriptors_takes_training_statistics_and_cuts() -> None:
    scaling = DescriptorScaling(3)
    rows = torch.randn(500, 3) * torch.tensor([1.0, 1e6, 0.0]) + torch.tensor([0.0, 0.0, 4.0])
    for _ in range(100):
        scaling(rows)
    scaling.eval()
    usual = scaling(rows)
    assert usual[:, :2].std(0).tolist() == pytest.approx([1, 1], abs=0.1)
    assert usual[:, 2].abs().max() < 1e-2
    assert scaling(torch.full((1, 3), 1e38)).tolist() == [[5.0, 5.0, 5.0]]


def test_default_size() -> None:
    encoder = MPNN(Molecules.from_smiles(["CCO"]))
    assert sum(p.numel() for p in encoder.parameters()) < 150_000
    assert len(encoder.layer_groups()) == 5
