"""Molecules: the features of PyTorch Geometric, and batches by index arithmetic."""

import warnings
from pathlib import Path

import pytest
import torch
from rdkit import Chem

from nearfar.data import DataOptions, Dataset, MoleculeBatch, Molecules, load_dataset
from nearfar.data.inputs.molecules import ATOM_SIZES, BOND_SIZES, Graph, graph_of
from nearfar.data.inputs.smiles import canonical, read_smiles, scaffolds

HARD = [
    "[Na+].[Cl-]",
    "C",
    "[2H]O[2H]",
    "F/C=C/F",
    "F/C=C\\F",
    "N[C@@H](C)C(=O)O",
    "N[C@H](C)C(=O)O",
    "FS(F)(F)(F)(F)F",
    "[CH3]",
    "[O-][N+](=O)c1ccccc1",
    "O=C1NC(=O)c2ccccc12",
    "[Fe]",
    "CC#N->[Cu]",
    "C1CC2CCC1CC2",
]


@pytest.fixture(scope="module")
def esol() -> Dataset:
    options = DataOptions(source="molecules", path="esol.csv", target="log_solubility", name="name")
    return load_dataset(options, Path())


def pyg_data(smiles: str):
    """What PyTorch Geometric makes of the canonical spelling."""
    smiles = canonical(read_smiles(smiles))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_geometric.utils import from_smiles
    from rdkit import RDLogger

    data = from_smiles(smiles)
    RDLogger.EnableLog("rdApp.*")  # from_smiles leaves it off for everybody
    return data


def sorted_bonds(bonds: torch.Tensor, features: torch.Tensor) -> list[tuple[int, ...]]:
    return sorted(map(tuple, torch.cat([bonds.T, features], dim=1).tolist()))


def assert_same(batch: MoleculeBatch, data) -> None:
    assert torch.equal(batch.atoms, data.x)
    ours = sorted_bonds(batch.bonds, batch.bond_features)
    assert ours == sorted_bonds(data.edge_index, data.edge_attr)


def test_features_equal_pytorch_geometric_on_esol(esol: Dataset) -> None:
    for row in range(0, len(esol.smiles), 3):
        smiles = esol.smiles[row]
        assert_same(esol.inputs.select(torch.tensor([row])), pyg_data(smiles))


@pytest.mark.parametrize("smiles", HARD)
def test_features_equal_pytorch_geometric_on_hard_molecules(smiles: str) -> None:
    assert_same(Molecules.from_smiles([smiles]).select(torch.tensor([0])), pyg_data(smiles))


def test_features_stay_below_their_sizes_and_bonds_stand_beside_their_reverse(
    esol: Dataset,
) -> None:
    molecules = esol.inputs
    assert isinstance(molecules, Molecules)
    for table, sizes in ((molecules.atoms, ATOM_SIZES), (molecules.bond_features, BOND_SIZES)):
        assert (table >= 0).all()
        assert (table < torch.tensor(sizes)).all()
    forward, backward = molecules.bonds[:, 0::2], molecules.bonds[:, 1::2]
    assert torch.equal(forward, backward.flip(0))
    assert torch.equal(molecules.bond_features[0::2], molecules.bond_features[1::2])


def test_tensors_are_contiguous_int64(esol: Dataset) -> None:
    for name in ("atoms", "bonds", "bond_features", "atom_pointers", "bond_pointers"):
        tensor = getattr(esol.inputs, name)
        assert tensor.dtype == torch.int64, name
        assert tensor.is_contiguous(), name


@pytest.mark.parametrize(
    "index",
    [[5], [0, 1, 2, 3], [1127, 0, 600], [7, 7, 2, 7], list(range(1127, -1, -1))],
    ids=["one", "run", "scattered", "repeated", "all reversed"],
)
def test_select_equals_pytorch_geometric_batch(esol: Dataset, index: list[int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_geometric.data import Batch
    expected = Batch.from_data_list([pyg_data(esol.smiles[row]) for row in index])
    batch = esol.inputs.select(torch.tensor(index))
    assert_same(batch, expected)
    assert torch.equal(batch.molecule, expected.batch)
    assert batch.size == len(index)
    assert batch.descriptors is None


def test_select_of_molecules_without_bonds() -> None:
    molecules = Molecules.from_smiles(["C", "CC", "[Na+].[Cl-]"])
    batch = molecules.select(torch.tensor([2, 0, 1]))
    assert batch.atoms[:, 0].tolist() == [17, 11, 6, 6, 6]
    assert batch.molecule.tolist() == [0, 0, 1, 2, 2]
    assert batch.bonds.tolist() == [[3, 4], [4, 3]]


def test_select_of_nothing_is_an_empty_batch() -> None:
    batch = Molecules.from_smiles(["CC"]).select(torch.tensor([], dtype=torch.int64))
    assert (batch.size, batch.atoms.shape, batch.bonds.shape) == (0, (0, 9), (2, 0))


def test_descriptors_follow_the_rows() -> None:
    graphs = [graph_of(read_smiles(text)) for text in ("C", "CC", "CCC")]
    table = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    molecules = Molecules.from_graphs(graphs, ["C", "CC", "CCC"], table)
    assert molecules.select(torch.tensor([2, 0])).descriptors.tolist() == [[3.0, 30.0], [1.0, 10.0]]
    with pytest.raises(ValueError, match=r"need \(3, d\)"):
        Molecules.from_graphs(graphs, ["C", "CC", "CCC"], table[:2])


def test_to_moves_every_tensor() -> None:
    molecules = Molecules.from_smiles(["CCO", "C"])
    molecules.descriptors = torch.zeros(2, 3)
    moved = molecules.to("meta")
    assert moved.smiles == ["CCO", "C"]
    for name, value in vars(moved).items():
        if name != "smiles":
            assert value.device.type == "meta", name
    batch = molecules.select(torch.tensor([1])).to("meta")
    for name in ("atoms", "bonds", "bond_features", "molecule", "descriptors"):
        assert getattr(batch, name).device.type == "meta", name


def test_atom_outside_the_features_is_named() -> None:
    with pytest.raises(ValueError, match="an atom has formal_charge 7"):
        graph_of(Chem.MolFromSmiles("[Os+7]"))


def test_square_planar_hybridization_counts_as_other() -> None:
    """PyTorch Geometric has no number for SP2D and raises."""
    platin = graph_of(Chem.MolFromSmiles("Cl[Pt@SP1](Cl)([NH3])[NH3]"))
    assert platin.atoms[1].tolist()[0] == 78
    assert platin.atoms[1, 6] == ATOM_SIZES[6] - 1


def test_no_molecules_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 molecules"):
        Molecules.from_graphs([], [])
    graph: Graph = graph_of(read_smiles("C"))
    with pytest.raises(ValueError, match="1 molecules and 2 SMILES"):
        Molecules.from_graphs([graph], ["C", "CC"])


@pytest.mark.parametrize("text", ["C1CC", "xyz", "", "c1cccc1C(", "C(C)(C)(C)(C)C"])
def test_unreadable_smiles_is_named_and_rdkit_stays_silent(
    text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="cannot be read") as caught:
        read_smiles(text)
    assert repr(text) in str(caught.value)
    assert capfd.readouterr().err == ""


def test_rdkit_log_is_left_on_for_others(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        read_smiles("C1CC")
    assert Chem.MolFromSmiles("C1CC") is None
    assert "Error" in capfd.readouterr().err


def test_canonical_smiles_does_not_depend_on_the_writing() -> None:
    assert canonical(read_smiles("OCC")) == canonical(read_smiles("C(O)C"))
    assert canonical(read_smiles("N[C@H](C)O")) != canonical(read_smiles("N[C@@H](C)O"))


def test_scaffolds_are_rings_and_linkers_without_side_chains() -> None:
    found = scaffolds(["CCO", "Cc1ccccc1", "OC(=O)c1ccccc1", "c1ccccc1CCC1CC1", "C[C@H]1CCCO1"])
    assert found == ("", "c1ccccc1", "c1ccccc1", "c1ccc(CCC2CC2)cc1", "C1CCOC1")
