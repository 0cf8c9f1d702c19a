"""Small molecules and vectors in the shape that encoders are given them."""

from dataclasses import replace

import torch
from torch import Tensor

from nearfar.data.inputs.molecules import MoleculeBatch, Molecules

SMILES = [
    "CCO",
    "C",
    "[Na+].[Cl-]",
    "c1ccccc1C(=O)O",
    "C/C=C/Cl",
    "N#CC1CC1",
    "CC(C)(C)OC(=O)N[C@@H](C)C(=O)O",
    "O=[N+]([O-])c1ccc(Br)cc1",
    "OCC(O)CO",
    "c1ccc2ccccc2c1",
    "CCCCCCCC",
    "ClC(Cl)(Cl)Cl",
    "CS(=O)C",
    "c1ccncc1",
    "CC(=O)Nc1ccc(O)cc1",
    "FC(F)(F)c1cc[nH]n1",
]


class Vectors:
    kind = "vector"

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, index: Tensor) -> Tensor:
        return self.rows[index]


def renumbered(batch: MoleculeBatch) -> MoleculeBatch:
    """The same molecules with their atoms in reverse order and their bonds shuffled."""
    order = torch.argsort(batch.molecule * len(batch.atoms) - torch.arange(len(batch.atoms)))
    place = torch.argsort(order)
    bonds = torch.randperm(batch.bonds.shape[1], generator=torch.Generator().manual_seed(0))
    return replace(
        batch,
        atoms=batch.atoms[order],
        bonds=place[batch.bonds][:, bonds],
        bond_features=batch.bond_features[bonds],
        molecule=batch.molecule[order],
    )


def some_molecules() -> Molecules:
    """Sixteen molecules with five descriptors, from all alike to very large."""
    molecules = Molecules.from_smiles(SMILES)
    rows = torch.randn(len(SMILES), 5, generator=torch.Generator().manual_seed(4))
    molecules.descriptors = rows * torch.tensor([0.0, 0.01, 1.0, 1e3, 1e8]) + 2
    return molecules


def all_rows(inputs: Molecules) -> MoleculeBatch:
    return inputs.select(torch.arange(len(inputs)))


def some_vectors() -> Vectors:
    """Twenty rows of three columns far from zero and of unlike scale."""
    rows = torch.randn(20, 3, generator=torch.Generator().manual_seed(1))
    return Vectors(rows * torch.tensor([1.0, 100.0, 1e4]) + 7)
