"""Molecules for encoders that compute features from SMILES by RDKit."""

from collections.abc import Iterator
from typing import Any, Protocol

from nearfar.encoders.base import Inputs
from nearfar.errors import UserError


class MoleculeInputs(Inputs, Protocol):
    """Molecules that remember what they were made from."""

    smiles: list[str]


def parsed(inputs: MoleculeInputs) -> Iterator[Any]:
    """Yield an RDKit molecule for every row.

    Raises:
        UserError: RDKit cannot read a SMILES; says which.
    """
    from rdkit.Chem import MolFromSmiles

    for row, smiles in enumerate(inputs.smiles, start=1):
        molecule = MolFromSmiles(smiles)
        if molecule is None:
            raise UserError(f"molecule {row}: RDKit cannot read the SMILES {smiles!r}")
        yield molecule
