"""Morgan fingerprints (Rogers and Hahn, "Extended-Connectivity Fingerprints", 2010) by RDKit."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field, PositiveInt

from nearfar.data import Inputs
from nearfar.encoders.base import FixedEncoder
from nearfar.encoders.rdkit_inputs import MoleculeInputs, parsed


class Morgan(FixedEncoder):
    """SMILES → counts (or presence) of circular substructures, folded to ``bits`` columns.

    Args:
        inputs: the molecules to be encoded (only their kind matters).
        radius: bonds from the centre of a substructure to its edge.
        bits: columns.
        counts: count occurrences instead of noting presence.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"molecule"})
    mixed_units = False

    def __init__(
        self,
        inputs: Inputs,
        *,
        radius: Annotated[int, Field(ge=0)] = 2,
        bits: PositiveInt = 2048,
        counts: bool = True,
    ) -> None:
        self.radius, self.counts, self.out_features = radius, counts, bits

    def features(self, inputs: MoleculeInputs) -> np.ndarray:
        """Return the fingerprint of every molecule, float32 (n, ``bits``).

        Raises:
            UserError: RDKit cannot read a SMILES; says which.
        """
        from rdkit import rdBase
        from rdkit.Chem import rdFingerprintGenerator

        generator = rdFingerprintGenerator.GetMorganGenerator(
            radius=self.radius, fpSize=self.out_features
        )
        name = "GetCountFingerprintAsNumPy" if self.counts else "GetFingerprintAsNumPy"
        draw = getattr(generator, name)
        rows = np.zeros((len(inputs), self.out_features), dtype=np.float32)
        with rdBase.BlockLogs():
            for row, molecule in enumerate(parsed(inputs.smiles)):
                rows[row] = draw(molecule)
        return rows

    def feature_names(self) -> list[str]:
        """Return the columns' numbers among the folded ones."""
        return [f"bit {number}" for number in range(self.out_features)]
