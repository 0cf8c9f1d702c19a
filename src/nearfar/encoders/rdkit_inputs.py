"""Molecules for encoders that compute features from SMILES by RDKit."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from nearfar.data import Inputs
from nearfar.data.inputs.smiles import read_smiles
from nearfar.errors import UserError


class MoleculeInputs(Inputs, Protocol):
    """Molecules with the SMILES strings that they were read from."""

    smiles: list[str]


def parsed(smiles: Sequence[str]) -> Iterator[Any]:
    """Yield an RDKit molecule for every SMILES.

    Raises:
        UserError: RDKit cannot read a SMILES, or the molecule is too large; says which.
    """
    for row, text in enumerate(smiles, start=1):
        try:
            yield read_smiles(text)
        except ValueError as error:
            raise UserError(f"molecule {row}: {error}") from error
