"""Corruptions of molecules: graph and SMILES say the same, and what is not hit stays."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from nearfar.data import DataOptions, Molecules, load_dataset
from nearfar.data.corruptions import corrupt
from nearfar.data.corruptions.molecules import SHARES, Elements
from nearfar.data.inputs.molecules import ATOM_SIZES, BOND_SIZES
from nearfar.data.inputs.smiles import read_smiles
from nearfar.encoders import ENCODERS

NAMES = ["masked_atoms", "replaced_atoms", "deleted_bonds"]
every_name = pytest.mark.parametrize("name", NAMES)

HARD = [
    "[Na+].[Cl-]", "C", "[2H]O[2H]", "F/C=C/F", "N[C@@H](C)C(=O)O", "FS(F)(F)(F)(F)F", "[CH3]",
    "[O-][N+](=O)c1ccccc1", "O=C1NC(=O)c2ccccc12", "[Fe]", "CC#N->[Cu]", "C1CC2CCC1CC2",
    "c1cc[nH]c1", "C[Si](C)(C)C", "OP(=O)(O)O", "C[N+](C)(C)C", "[13CH4]", "OB(O)c1ccccc1",
    "c1cc[se]c1", "C[S@](=O)CC", "[C-]#[O+]", "CN=[N+]=[N-]", "*CC", "c1ccccc1*", "CC[Pb](CC)CC",
    "Cl[Ti](Cl)(Cl)Cl", "F[Xe]F", "c1cc[n+](C)cc1", "C[B-](C)(C)C", "[K]OC", "C[As](C)C",
    "OCl(=O)(=O)=O", "c1ccc2[nH]ccc2c1", "Cn1cnc2c1c(=O)[nH]c(=O)n2C", "O=[N]", "C[Mg]Br",
]  # fmt: skip


@pytest.fixture(scope="module")
def esol() -> Molecules:
    options = DataOptions(source="molecules", path="esol.csv", target="log_solubility", name="name")
    inputs = load_dataset(options, Path()).inputs
    assert isinstance(inputs, Molecules)
    return Molecules.from_smiles(inputs.smiles[:120])


def made(clean: Molecules, name: str, severity: int = 3, seed: int = 0) -> Molecules:
    seen = corrupt(clean, name, severity, seed)
    assert isinstance(seen, Molecules)
    return seen


def atoms_of(molecules: Molecules, row: int) -> Counter[tuple[int, int, int]]:
    """Element, charge and hydrogens of the atoms that are known."""
    atoms = molecules.select(torch.tensor([row])).atoms
    return Counter((z, charge, hs) for z, charge, hs in atoms[:, [0, 3, 4]].tolist() if z)


@every_name
def test_the_graph_is_that_of_the_smiles(esol: Molecules, name: str) -> None:
    seen = made(esol, name)
    again = Molecules.from_smiles(seen.smiles)
    for field, array in again.arrays().items():
        assert np.array_equal(array, seen.arrays()[field]), field
    changed = [new != old for new, old in zip(seen.smiles, esol.smiles, strict=True)]
    assert 0.5 < sum(changed) / len(changed) < 1
    for row in (row for row, it in enumerate(changed) if not it):
        pair = (it.select(torch.tensor([row])) for it in (seen, esol))
        assert len({tuple(batch.atoms.flatten().tolist()) for batch in pair}) == 1


@every_name
@pytest.mark.parametrize("severity", [1, 5])
def test_features_stay_below_their_sizes(esol: Molecules, name: str, severity: int) -> None:
    seen = made(esol, name, severity)
    assert bool(((seen.atoms >= 0) & (seen.atoms < torch.tensor(ATOM_SIZES))).all())
    assert bool((seen.bond_features < torch.tensor(BOND_SIZES)).all())
    assert torch.equal(seen.atom_pointers, esol.atom_pointers)


@every_name
def test_hard_molecules_survive(name: str) -> None:
    clean = Molecules.from_smiles(HARD * 2)
    for seed in range(3):
        seen = made(clean, name, 5, seed)
        assert torch.equal(seen.atom_pointers, clean.atom_pointers)
        assert all(read_smiles(text) for text in seen.smiles)


def test_masked_atoms_are_unknown_and_the_rest_is_as_it_was(esol: Molecules) -> None:
    for severity, share in enumerate(SHARES, start=1):
        seen = made(esol, "masked_atoms", severity)
        unknown = seen.atoms[:, 0] == 0
        assert abs(float(unknown.double().mean()) - share) < 4 * (share / len(unknown)) ** 0.5
        assert not bool(seen.atoms[unknown][:, [1, 4]].any()), "chirality or hydrogens are known"
        assert torch.equal(seen.bond_pointers, esol.bond_pointers)
        for row in range(0, len(esol), 5):
            assert not atoms_of(seen, row) - atoms_of(esol, row)


def test_masks_grow_with_severity(esol: Molecules) -> None:
    hidden = []
    for severity in range(1, 6):
        seen = made(esol, "masked_atoms", severity)
        unknown = (seen.atoms[:, 0] == 0).double()
        hidden.append(torch.segment_reduce(unknown, "sum", offsets=seen.atom_pointers))
    assert all(bool((less <= more).all()) for less, more in pairwise(hidden))


def test_replaced_atoms_are_elements_of_the_rows_and_within_their_valence(esol: Molecules) -> None:
    seen = made(esol, "replaced_atoms", 5)
    assert torch.equal(seen.bond_pointers, esol.bond_pointers)
    known = set(esol.atoms[:, 0].tolist())
    assert set(seen.atoms[:, 0].tolist()) <= known
    for text in seen.smiles:
        molecule = read_smiles(text)
        assert not any(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms())
    hetero = [(it.atoms[:, 0] != 6).double().mean() for it in (esol, seen)]
    assert hetero[1] > hetero[0] + 0.1


def test_other_elements_come_as_often_as_they_occur() -> None:
    elements = Elements(np.array([6] * 50 + [7] * 30 + [8] * 10 + [9] * 10 + [0] * 99))
    methane = read_smiles("C").GetAtomWithIdx(0)
    drawn = Counter(elements.other(methane, (place + 0.5) / 500) for place in range(500))
    assert drawn == {7: 300, 8: 100, 9: 100}
    inner = read_smiles("CC(C)C").GetAtomWithIdx(1)
    assert {elements.other(inner, draw) for draw in (0.0, 0.5, 0.999)} == {7}
    sulphur = Elements(np.array([6] * 50 + [16] * 50))
    assert sulphur.other(inner, 0.5) is None, "it would have more bonds than it usually has"
    quaternary = read_smiles("CC(C)(C)C").GetAtomWithIdx(1)
    assert elements.other(quaternary, 0.5) is None


def test_deleted_bonds_are_gone_and_hydrogens_take_their_place() -> None:
    clean = Molecules.from_smiles(
        ["CCCCCCCCCC", "C1=CC=CC=C1", "c1ccc2[nH]ccc2c1", "C[N+](C)(C)C", "[13CH3]C(=O)O"] * 20
    )
    for severity, share in enumerate(SHARES, start=1):
        seen = made(clean, "deleted_bonds", severity)
        bonds = [it.bonds.shape[1] for it in (clean, seen)]
        assert abs(1 - bonds[1] / bonds[0] - share) < 4 * (share / (bonds[0] / 2)) ** 0.5
        assert torch.equal(seen.atoms[:, 0].sort().values, clean.atoms[:, 0].sort().values)
        for before, after in zip(clean.smiles, seen.smiles, strict=True):
            valence = [
                sorted(
                    (atom.GetAtomicNum(), atom.GetTotalValence())
                    for atom in read_smiles(text).GetAtoms()
                )
                for text in (before, after)
            ]
            assert valence[0] == valence[1]


def test_a_centre_that_loses_a_bond_is_no_longer_chiral() -> None:
    clean = Molecules.from_smiles(["C[C@](O)(N)F"] * 40)
    seen = made(clean, "deleted_bonds", 2)
    changed = [new for new, old in zip(seen.smiles, clean.smiles, strict=True) if new != old]
    assert len(changed) > 5
    assert not any("@" in text for text in changed)


@pytest.mark.parametrize("encoder", ["descriptors", "morgan"])
@every_name
def test_encoders_that_read_smiles_see_the_corruption(encoder: str, name: str) -> None:
    clean = Molecules.from_smiles(["CCOC(=O)c1ccccc1Cl", "CCN(CC)CCO", "Oc1ccc(Br)cc1C"] * 2)
    seen = made(clean, name, 5)
    rows = [ENCODERS[encoder](clean).features(it) for it in (clean, seen)]  # type: ignore[union-attr]
    changed = [new != old for new, old in zip(seen.smiles, clean.smiles, strict=True)]
    assert sum(changed) >= 4
    assert [bool((a != b).any()) for a, b in zip(*rows, strict=True)] == changed
    assert np.isfinite(rows[1]).all()


def test_planted_sensitivity_to_elements_and_to_bonds(esol: Molecules) -> None:
    """A count of atoms that are not carbon suffers from masks, a count of bonds from deletions."""

    def hetero(molecules: Molecules) -> torch.Tensor:
        known = molecules.atoms[:, 0]
        return torch.segment_reduce(
            ((known != 6) & (known != 0)).double(), "sum", offsets=molecules.atom_pointers
        )

    def bonds(molecules: Molecules) -> torch.Tensor:
        return molecules.bond_pointers.diff().double() / 2

    masked, deleted = made(esol, "masked_atoms", 5), made(esol, "deleted_bonds", 5)
    assert torch.equal(bonds(masked), bonds(esol))
    assert torch.equal(hetero(deleted), hetero(esol))
    assert float((hetero(masked) - hetero(esol)).abs().mean()) > 0.5
    assert float((bonds(deleted) - bonds(esol)).abs().mean()) > 2
