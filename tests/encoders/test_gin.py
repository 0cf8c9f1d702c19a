"""GIN against PyTorch Geometric's layer and against explicit loops."""

import warnings
from itertools import pairwise

import torch
from encoder_examples import all_rows, some_molecules
from torch import nn

from nearfar.encoders.gin import GIN


def test_equals_pyg_with_shared_weights() -> None:
    molecules = some_molecules()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        from torch_geometric.nn import GINConv, global_add_pool, global_mean_pool

    torch.manual_seed(0)
    encoder = GIN(molecules)
    batch = all_rows(molecules)
    x = batch.atoms.float()
    convolutions = [GINConv(layer.mlp) for layer in encoder.layers]
    for convolution, norm in zip(convolutions[:-1], encoder.norms, strict=True):
        x = torch.tanh(norm(convolution(x, batch.bonds)))
    x = convolutions[-1](x, batch.bonds)
    expected = torch.cat(
        [global_add_pool(x, batch.molecule), global_mean_pool(x, batch.molecule)], dim=1
    )
    torch.testing.assert_close(encoder(batch), expected, rtol=1e-5, atol=1e-5)


def test_layer_equals_loops_over_neighbours() -> None:
    molecules = some_molecules()
    torch.manual_seed(0)
    encoder = GIN(molecules, layers=1, eps=0.5).double()
    batch = all_rows(molecules)
    rows = []
    for molecule in range(batch.size):
        atoms = [v for v, owner in enumerate(batch.molecule.tolist()) if owner == molecule]
        states = []
        for v in atoms:
            state = 1.5 * batch.atoms[v].double()
            for source, target in batch.bonds.T.tolist():
                if target == v:
                    state = state + batch.atoms[source].double()
            states.append(encoder.layers[0].mlp(state))
        total = torch.stack(states).sum(0)
        rows.append(torch.cat([total, total / len(atoms)]))
    torch.testing.assert_close(encoder(batch), torch.stack(rows))


def test_published_shape() -> None:
    molecules = some_molecules()
    encoder = GIN(molecules)
    shapes = [
        (layer.in_features, layer.out_features)
        for layer in encoder.modules()
        if isinstance(layer, nn.Linear)
    ]
    inner = [(64, 256), (256, 64)]
    assert shapes == [(9, 256), (256, 64), *inner * 3, (64, 100), (100, 100)]
    assert sum(isinstance(layer, nn.BatchNorm1d) for layer in encoder.modules()) == 4
    assert encoder.out_features == 200
    assert encoder(all_rows(molecules)).shape == (len(molecules), 200)


def test_layer_groups_hold_every_parameter_once() -> None:
    molecules = some_molecules()
    encoder = GIN(molecules)
    groups = encoder.layer_groups()
    assert len(groups) == 5
    grouped = [id(p) for group in groups for p in group.parameters()]
    assert sorted(grouped) == sorted(id(p) for p in encoder.parameters())
    assert len(set(grouped)) == len(grouped)


def test_last_group_is_the_output_side() -> None:
    molecules = some_molecules()
    encoder = GIN(molecules, out=17)
    widths = [list(group.parameters())[-1].shape[0] for group in encoder.layer_groups()]
    assert widths == [64, 64, 64, 64, 17]
    assert all(a is not b for a, b in pairwise(encoder.layer_groups()))
