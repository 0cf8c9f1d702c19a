"""Molecules as columns: transformers from SMILES to the fixed features of the house."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearfar.encoders.descriptors import Descriptors
from nearfar.encoders.morgan import Morgan
from nearfar.errors import UserError
from nearfar.sklearn import training
from nearfar.sklearn.base import Saveable, Transforms
from nearfar.sklearn.saved import Arrays, Plain


@dataclass(frozen=True)
class Smiles:
    """SMILES as encoders with fixed features take them."""

    smiles: list[str]
    kind: ClassVar[str] = "molecule"

    def __len__(self) -> int:
        return len(self.smiles)


class MoleculeTransformer(Transforms, Saveable):
    """SMILES → columns; nothing is learnt."""

    kind: ClassVar[type[Any]]

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Check the parameters; of the molecules only their form is looked at.

        Args:
            X: SMILES: a list, an array or a series (n,), or one column (n, 1).
            y: not looked at.

        Raises:
            ValueError: a parameter or X cannot be used; says which.
        """
        smiles_of(X, type(self).__name__)
        self._made()
        self.n_features_in_ = 1
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the columns of molecules.

        Args:
            X: SMILES, as in ``fit``, which need not have been called.

        Returns:
            float64 (n, columns).

        Raises:
            ValueError: RDKit cannot read a SMILES; says which.
        """
        smiles = smiles_of(X, type(self).__name__)
        try:
            features = self._made().features(Smiles(smiles))
        except UserError as error:
            raise ValueError(f"{type(self).__name__}: {error}") from None
        return np.asarray(features, dtype=np.float64)

    def _made(self) -> Any:
        options = self.get_params()
        return training.constructed(self.kind, Smiles([]), owner=type(self).__name__, **options)

    @property
    def _n_features_out(self) -> int:
        return int(self._made().out_features)

    def __sklearn_is_fitted__(self) -> bool:
        """Always: nothing is learnt."""
        return True

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn should know of the transformer."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array = False, True
        tags.input_tags.string, tags.requires_fit = True, False
        return tags

    def _kept(self) -> tuple[Plain, Arrays]:
        """See ``Saveable``."""
        return {}, {"nothing": np.zeros(0)}

    def _restore(self, plain: Plain, arrays: Arrays) -> None:
        """See ``Saveable``."""


class MorganFingerprints(MoleculeTransformer):
    """SMILES → counts of circular substructures, folded to columns (Rogers and Hahn 2010).

    >>> MorganFingerprints(bits=64).fit_transform(["CCO", "c1ccccc1"]).shape
    (2, 64)

    Args:
        radius: bonds from the centre of a substructure to its edge.
        bits: columns.
        counts: count occurrences instead of noting presence.
    """

    kind = Morgan

    def __init__(self, *, radius: int = 2, bits: int = 2048, counts: bool = True) -> None:
        self.radius = radius
        self.bits = bits
        self.counts = counts


class MolecularDescriptors(MoleculeTransformer):
    """SMILES → the descriptors that RDKit has, about 217 columns of many scales.

    What RDKit cannot compute is 0; values beyond ±1e9 are cut there.

    >>> MolecularDescriptors().fit_transform(["CCO"]).shape[0]
    1
    """

    kind = Descriptors

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names that RDKit gives the descriptors."""
        from rdkit.Chem.Descriptors import descList

        return np.array([name for name, _ in descList], dtype=object)


def smiles_of(X: Any, owner: str) -> list[str]:
    """Return SMILES (n,) of a list, array, series or table of one column; ``owner`` takes them.

    Raises:
        ValueError: X has another form, no row, or a cell that is no text.
    """
    cells = np.asarray(X, dtype=object)
    if cells.ndim == 2 and cells.shape[1] == 1:
        cells = cells[:, 0]
    if cells.ndim != 1:
        raise ValueError(f"{owner}: needs SMILES, shape (n,) or (n, 1), got shape {cells.shape}")
    if not len(cells):
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
    for number, cell in enumerate(cells, 1):
        if not isinstance(cell, str):
            raise ValueError(f"{owner}: molecule {number} is {cell!r}, which is no SMILES")
    return [str(cell) for cell in cells]
