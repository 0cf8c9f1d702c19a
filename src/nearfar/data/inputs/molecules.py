"""Molecules as graphs: contiguous arrays, a batch by index arithmetic.

Atom and bond features are those of ``torch_geometric.utils.from_smiles`` (the same numbers; a test
compares them), computed here from rdkit alone because importing
torch_geometric takes longer than reading the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

ATOM_FEATURES = (
    "atomic_number",
    "chirality",
    "degree",
    "formal_charge",
    "hydrogens",
    "radical_electrons",
    "hybridization",
    "aromatic",
    "in_ring",
)
"""Columns of ``atoms``."""
ATOM_SIZES = (119, 9, 11, 12, 9, 5, 8, 2, 2)
"""How many values each atom feature can take: 0 to size − 1 (for embedding tables)."""
BOND_FEATURES = ("type", "stereo", "conjugated")
"""Columns of ``bond_features``."""
BOND_SIZES = (22, 6, 2)
"""How many values each bond feature can take: 0 to size − 1."""

_LOWEST_CHARGE = -5
# rdkit numbers the hybridizations UNSPECIFIED S SP SP2 SP3 SP2D SP3D SP3D2 OTHER; SP2D counts as
# OTHER here because PyTorch Geometric's list has no such entry.
_HYBRIDIZATION = (0, 1, 2, 3, 4, 7, 5, 6, 7)
_STEREO_ANY = 1


@dataclass(frozen=True)
class Graph:
    """One molecule: int64 arrays ``atoms`` (a, 9), ``bonds`` (2, e), ``bond_features`` (e, 3).

    Every bond stands twice, once in each direction: columns 2k and 2k + 1 of ``bonds``.
    """

    atoms: npt.NDArray[np.int64]
    bonds: npt.NDArray[np.int64]
    bond_features: npt.NDArray[np.int64]


@dataclass(frozen=True)
class MoleculeBatch:
    """Some molecules as one graph; all tensors int64 and on one device."""

    atoms: Tensor
    """(N, 9): see ``ATOM_FEATURES``."""
    bonds: Tensor
    """(2, E): source and target atom of every directed bond, numbered within the batch.

    Columns 2k and 2k + 1 are one bond in its two directions.
    """
    bond_features: Tensor
    """(E, 3): see ``BOND_FEATURES``."""
    molecule: Tensor
    """(N,): which molecule of the batch an atom belongs to, ascending."""
    size: int
    """Molecules in the batch."""
    descriptors: Tensor | None = None
    """float32 (size, d): numbers computed from the whole molecule, or None."""

    def to(self, device: torch.device | str) -> MoleculeBatch:
        """Return the same batch on ``device``."""
        descriptors = None if self.descriptors is None else self.descriptors.to(device)
        return MoleculeBatch(
            self.atoms.to(device),
            self.bonds.to(device),
            self.bond_features.to(device),
            self.molecule.to(device),
            self.size,
            descriptors,
        )

    def __len__(self) -> int:
        return self.size

    def rows_between(self, begin: int, end: int) -> MoleculeBatch:
        """Return the molecules from ``begin`` on, up to ``end``, as a graph of their own."""
        first, last = torch.searchsorted(
            self.molecule, self.molecule.new_tensor([begin, end])
        ).tolist()
        inside = (self.bonds[0] >= first) & (self.bonds[0] < last)
        return MoleculeBatch(
            self.atoms[first:last],
            self.bonds[:, inside] - first,
            self.bond_features[inside],
            self.molecule[first:last] - begin,
            end - begin,
            None if self.descriptors is None else self.descriptors[begin:end],
        )


def graph_of(molecule: Any) -> Graph:
    """Return atom and bond features of an rdkit molecule.

    Raises:
        ValueError: if an atom lies outside what the features can say (for instance degree 11).
    """
    rows = [
        (
            atom.GetAtomicNum(),
            int(atom.GetChiralTag()),
            atom.GetTotalDegree(),
            atom.GetFormalCharge() - _LOWEST_CHARGE,
            atom.GetTotalNumHs(),
            atom.GetNumRadicalElectrons(),
            _HYBRIDIZATION[int(atom.GetHybridization())],
            int(atom.GetIsAromatic()),
            int(atom.IsInRing()),
        )
        for atom in map(molecule.GetAtomWithIdx, range(molecule.GetNumAtoms()))
    ]
    atoms = np.array(rows, dtype=np.int64).reshape(-1, len(ATOM_FEATURES))
    _check_atoms(atoms)
    bonds = []
    for bond in map(molecule.GetBondWithIdx, range(molecule.GetNumBonds())):
        stereo = int(bond.GetStereo())
        described = (
            int(bond.GetBondType()),
            stereo if stereo < BOND_SIZES[1] else _STEREO_ANY,
            int(bond.GetIsConjugated()),
        )
        start, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        bonds += [(start, end, *described), (end, start, *described)]
    table = np.array(bonds, dtype=np.int64).reshape(-1, 5)
    return Graph(atoms, table[:, :2].T, table[:, 2:])


def _check_atoms(atoms: npt.NDArray[np.int64]) -> None:
    outside = (atoms < 0) | (atoms >= np.array(ATOM_SIZES))
    if outside.any():
        row, column = np.argwhere(outside)[0]
        feature = ATOM_FEATURES[column]
        value = atoms[row, column] + (_LOWEST_CHARGE if feature == "formal_charge" else 0)
        raise ValueError(f"an atom has {feature} {value}, which no atom feature covers")


class Molecules:
    """All molecules of a data set in a few contiguous tensors.

    ``atoms`` (N, 9), ``bonds`` (2, E, numbered within each molecule) and ``bond_features`` (E, 3)
    lie molecule after molecule; ``atom_pointers`` and ``bond_pointers`` (n + 1,) say where each
    begins. ``descriptors`` is float32 (n, d) or None; ``smiles`` are the strings as given.
    """

    kind: str = "molecule"

    def __init__(
        self,
        atoms: Tensor,
        bonds: Tensor,
        bond_features: Tensor,
        atom_pointers: Tensor,
        bond_pointers: Tensor,
        smiles: list[str],
        descriptors: Tensor | None = None,
    ) -> None:
        self.atoms = atoms
        self.bonds = bonds
        self.bond_features = bond_features
        self.atom_pointers = atom_pointers
        self.bond_pointers = bond_pointers
        self.smiles = smiles
        self.descriptors = descriptors

    @classmethod
    def from_graphs(
        cls, graphs: Sequence[Graph], smiles: Sequence[str], descriptors: Tensor | None = None
    ) -> Molecules:
        """Lay the molecules one after the other.

        Raises:
            ValueError: if there is none, or not as many SMILES, or the descriptors are not (n, d).
        """
        if not graphs or len(graphs) != len(smiles):
            raise ValueError(f"{len(graphs)} molecules and {len(smiles)} SMILES")
        if descriptors is not None and (descriptors.ndim, len(descriptors)) != (2, len(graphs)):
            raise ValueError(f"need ({len(graphs)}, d), got {tuple(descriptors.shape)}")

        def joined(parts: list[npt.NDArray[np.int64]], axis: int) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(np.concatenate(parts, axis=axis)))

        def pointers(sizes: list[int]) -> Tensor:
            return torch.tensor(np.cumsum([0, *sizes]), dtype=torch.int64)

        return cls(
            joined([g.atoms for g in graphs], 0),
            joined([g.bonds for g in graphs], 1),
            joined([g.bond_features for g in graphs], 0),
            pointers([len(g.atoms) for g in graphs]),
            pointers([len(g.bond_features) for g in graphs]),
            list(smiles),
            descriptors,
        )

    @classmethod
    def from_smiles(cls, smiles: Sequence[str]) -> Molecules:
        """Read SMILES strings.

        Raises:
            ValueError: naming the first string that is no molecule.
        """
        from nearfar.data.inputs.smiles import read_smiles

        return cls.from_graphs([graph_of(read_smiles(text)) for text in smiles], smiles)

    def __len__(self) -> int:
        return len(self.atom_pointers) - 1

    def select(self, index: Tensor) -> MoleculeBatch:
        """Return the molecules ``index`` (int64, (b,), on the same device) as one graph."""
        atom_rows, molecule, first_atom = _ranges(self.atom_pointers, index)
        bond_rows, owner, _ = _ranges(self.bond_pointers, index)
        return MoleculeBatch(
            atoms=self.atoms.index_select(0, atom_rows),
            bonds=self.bonds.index_select(1, bond_rows) + first_atom.index_select(0, owner),
            bond_features=self.bond_features.index_select(0, bond_rows),
            molecule=molecule,
            size=len(index),
            descriptors=(
                None if self.descriptors is None else self.descriptors.index_select(0, index)
            ),
        )

    def take(self, index: Tensor) -> Molecules:
        """Return the molecules ``index`` (int64, (b,)) alone."""
        atom_rows, _, first_atom = _ranges(self.atom_pointers, index)
        bond_rows, _, first_bond = _ranges(self.bond_pointers, index)
        ends = [index.new_tensor([len(rows)]) for rows in (atom_rows, bond_rows)]
        return Molecules(
            self.atoms.index_select(0, atom_rows),
            self.bonds.index_select(1, bond_rows),
            self.bond_features.index_select(0, bond_rows),
            torch.cat([first_atom, ends[0]]),
            torch.cat([first_bond, ends[1]]),
            [self.smiles[row] for row in index.tolist()],
            None if self.descriptors is None else self.descriptors.index_select(0, index),
        )

    def with_descriptors(self, descriptors: Tensor) -> Molecules:
        """Return the same molecules with ``descriptors``, float32 (n, d), beside them."""
        graphs = (self.atoms, self.bonds, self.bond_features)
        pointers = (self.atom_pointers, self.bond_pointers)
        return Molecules(*graphs, *pointers, self.smiles, descriptors.to(self.atoms.device))

    def to(self, device: torch.device | str) -> Molecules:
        """Return the same molecules on ``device``."""
        descriptors = None if self.descriptors is None else self.descriptors.to(device)
        return Molecules(
            self.atoms.to(device),
            self.bonds.to(device),
            self.bond_features.to(device),
            self.atom_pointers.to(device),
            self.bond_pointers.to(device),
            self.smiles,
            descriptors,
        )

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the tensors as arrays by name."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "atoms": self.atoms.cpu().numpy(),
            "bonds": self.bonds.cpu().numpy(),
            "bond_features": self.bond_features.cpu().numpy(),
            "atom_pointers": self.atom_pointers.cpu().numpy(),
            "bond_pointers": self.bond_pointers.cpu().numpy(),
        }
        if self.descriptors is not None:
            arrays["descriptors"] = self.descriptors.cpu().numpy()
        return arrays


def _ranges(pointers: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the rows of the chosen ranges, the range each belongs to, and where each range goes.

    Row i of range r goes from ``pointers[index[r]] + i`` to ``first[r] + i``.
    """
    start = pointers.index_select(0, index)
    sizes = pointers.index_select(0, index + 1) - start
    ends = sizes.cumsum(0)
    first = ends - sizes
    owner = torch.repeat_interleave(sizes)
    rows = torch.arange(len(owner), device=pointers.device)
    return rows + (start - first).index_select(0, owner), owner, first
