"""SMILES strings read by rdkit."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any


def read_smiles(text: str) -> Any:
    """Return the rdkit molecule; its error log stays silent meanwhile.

    Raises:
        ValueError: if the string is no molecule, or one without atoms.
    """
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(text)
    if molecule is None or molecule.GetNumAtoms() == 0:
        raise ValueError(f"SMILES {text!r} cannot be read")
    return molecule


def canonical(molecule: Any) -> str:
    """Return the canonical SMILES, equal for equal molecules."""
    from rdkit import Chem

    return str(Chem.MolToSmiles(molecule))


def scaffolds(smiles: Sequence[str]) -> tuple[str, ...]:
    """Return the Bemis–Murcko scaffold of every molecule, "" for one without rings.

    The scaffold is the ring systems and the chains that join them, without side chains and without
    stereochemistry (G. W. Bemis, M. A. Murcko, J. Med. Chem. 39 (1996) 2887–2893).

    Raises:
        ValueError: naming the first string that is no molecule.
    """
    return _scaffolds(tuple(smiles))


@lru_cache(maxsize=4)
def _scaffolds(smiles: tuple[str, ...]) -> tuple[str, ...]:
    """Every seed splits the same molecules, so their scaffolds are kept."""
    from rdkit import Chem, rdBase
    from rdkit.Chem.Scaffolds import MurckoScaffold

    scaffold_of: Any = MurckoScaffold.GetScaffoldForMol
    found = []
    for text in smiles:
        molecule = read_smiles(text)
        with rdBase.BlockLogs():
            scaffold = scaffold_of(molecule)
            found.append(str(Chem.MolToSmiles(scaffold, isomericSmiles=False)))
    return tuple(found)
