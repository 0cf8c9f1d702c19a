"""Corruptions of molecules: atoms masked, atoms replaced, bonds deleted.

A corrupted molecule is edited, written as a SMILES string and read again, so its graph and its
SMILES say the same. Encoders that read graphs and those that compute from SMILES (descriptors,
fingerprints) therefore see the same corruption. Molecules in which nothing was hit stay as they
are, character by character: with few atoms and a low severity, these are many.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from nearfar.data.inputs.molecules import Graph, Molecules, graph_of
from nearfar.data.inputs.smiles import read_smiles

Floats = npt.NDArray[np.float64]
HYDROGEN, UNKNOWN = 1, 0
"""Atomic numbers; 0 is ``*``, which stands for any atom in SMILES."""

SHARES = (0.05, 0.1, 0.2, 0.3, 0.4)
"""Expected share of atoms or bonds that are hit at severities 1 to 5."""


@dataclass(frozen=True)
class Hit:
    """An atom or a bond that is hit, with a number from [0, 1) to draw with."""

    place: int
    draw: float


Edit = Callable[[Any, Hit, "Elements"], None]
"""Change an rdkit ``RWMol`` without aromatic bonds at one place."""


class Elements:
    """How often each element occurs in some molecules; hydrogen, mostly implicit, is left out."""

    def __init__(self, numbers: npt.NDArray[np.int64]) -> None:
        counts = Counter(numbers.tolist())
        self.counts: dict[int, int] = {
            number: counts[number] for number in sorted(counts) if number > HYDROGEN
        }

    def other(self, atom: Any, draw: float) -> int | None:
        """Return another element whose lowest valence allows the atom's bonds, None if none does.

        ``draw``, from [0, 1), picks one, as often as it occurs.
        """
        from rdkit.Chem import GetPeriodicTable

        valences = GetPeriodicTable().GetValenceList
        bonds = sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds())
        fit = {
            number: count
            for number, count in self.counts.items()
            if number != atom.GetAtomicNum() and min(valences(number)) >= bonds
        }
        if not fit:
            return None
        ends = np.cumsum(list(fit.values()))
        return list(fit)[int(np.searchsorted(ends, draw * ends[-1], side="right"))]


def mask_atom(molecule: Any, hit: Hit, elements: Elements) -> None:
    """Make the atom unknown: its element, charge and hydrogens are gone, its bonds stay."""
    from rdkit.Chem import Atom

    molecule.ReplaceAtom(hit.place, Atom(UNKNOWN))


def replace_atom(molecule: Any, hit: Hit, elements: Elements) -> None:
    """Put another element of the given rows in the atom's place, uncharged; its bonds stay.

    Where no other element has so many bonds, the atom stays too.
    """
    from rdkit.Chem import Atom

    number = elements.other(molecule.GetAtomWithIdx(hit.place), hit.draw)
    if number is not None:
        molecule.ReplaceAtom(hit.place, Atom(number))


def delete_bond(molecule: Any, hit: Hit, elements: Elements) -> None:
    """Delete the bond; hydrogens take the places that become free."""
    from rdkit.Chem import ChiralType

    bond = molecule.GetBondWithIdx(hit.place)
    ends = bond.GetBeginAtom(), bond.GetEndAtom()
    molecule.RemoveBond(*(end.GetIdx() for end in ends))
    for end in ends:
        end.SetNoImplicit(False)
        end.SetChiralTag(ChiralType.CHI_UNSPECIFIED)


@dataclass(frozen=True)
class MoleculeCorruption:
    """``edit`` at a share of the atoms or, with ``bonds``, of the bonds."""

    edit: Edit
    bonds: bool = False
    elements: int = 1
    """Different elements that the rows must have."""
    accepts: ClassVar[frozenset[str]] = frozenset({"molecule"})

    def check(self, inputs: Any) -> str:
        """Return why these molecules cannot be corrupted so, or ""."""
        if inputs.descriptors is not None:
            return "descriptors beside the molecules would stay those of the clean ones"
        if len(Elements(inputs.atoms[:, 0].cpu().numpy()).counts) < self.elements:
            return f"these rows have fewer than {self.elements} elements"
        return ""

    def apply(self, inputs: Any, severity: int, key: int) -> Molecules:
        """Return corrupted molecules on the same device, with their SMILES.

        Raises:
            ValueError: if a SMILES cannot be read, or an atom is beyond what features can say.
        """
        rng = np.random.default_rng(key)
        elements = Elements(inputs.atoms[:, 0].cpu().numpy())
        share = SHARES[severity - 1]
        pairs = [self._corrupted(text, share, rng, elements) for text in inputs.smiles]
        smiles, graphs = zip(*pairs, strict=True)
        return Molecules.from_graphs(graphs, smiles).to(inputs.atoms.device)

    def _corrupted(
        self, text: str, share: float, rng: np.random.Generator, elements: Elements
    ) -> tuple[str, Graph]:
        """Return SMILES and graph of a molecule, after the edits if it is hit."""
        molecule = read_smiles(text)
        count = molecule.GetNumBonds() if self.bonds else molecule.GetNumAtoms()
        chance, draws = rng.random((2, count))
        hits = [Hit(int(place), float(draws[place])) for place in np.flatnonzero(chance < share)]
        if hits:
            text = self._edited(molecule, hits, elements)
            molecule = read_smiles(text)
        return text, graph_of(molecule)

    def _edited(self, molecule: Any, hits: Sequence[Hit], elements: Elements) -> str:
        """Return the SMILES after the edits.

        The last place comes first, so that the numbers of the others stay valid. No bond is written
        as aromatic: an unknown atom would leave open which of them are double.
        """
        from rdkit import Chem

        edited = Chem.RWMol(molecule)
        Chem.Kekulize(edited, clearAromaticFlags=True)
        for hit in reversed(hits):
            self.edit(edited, hit, elements)
        edited.UpdatePropertyCache(strict=False)
        return str(Chem.MolToSmiles(edited, canonical=False))


MOLECULE_CORRUPTIONS: dict[str, MoleculeCorruption] = {
    "masked_atoms": MoleculeCorruption(mask_atom),
    "replaced_atoms": MoleculeCorruption(replace_atom, elements=2),
    "deleted_bonds": MoleculeCorruption(delete_bond, bonds=True),
}
