"""Molecules for encoders that compute features from SMILES by RDKit."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from nearfar.data import Inputs
from nearfar.errors import UserError


class MoleculeInputs(Inputs, Protocol):
    """Molecules with the SMILES strings that they were read from."""

    smiles: list[str]


def parsed(smiles: Sequence[str]) -> Iterator[Any]:
    """Yield an RDKit molecule for every SMILES.

    Raises:
        UserError: RDKit cannot read a SMILES; says which.
    """
    from rdkit.Chem import MolFromSmiles

    for row, text in enumerate(smiles, start=1):
        molecule = MolFromSmiles(text)
        if molecule is None:
            raise UserError(f"molecule {row}: RDKit cannot read the SMILES {text!r}")
        yield molecule
