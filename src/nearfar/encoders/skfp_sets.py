"""Molecular fingerprints and descriptors of scikit-fingerprints (Adamczyk and Ludynia, 2024)."""

import inspect
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from nearfar.data import Inputs
from nearfar.encoders.base import FixedEncoder
from nearfar.encoders.rdkit_inputs import MoleculeInputs, parsed
from nearfar.errors import UserError, nearest
from nearfar.extensions import FOREIGN_ERRORS

ENDING = "Fingerprint"


class SkfpSet(FixedEncoder):
    """SMILES → one of the fingerprints that scikit-fingerprints computes from the graph.

    Args:
        inputs: the molecules to be encoded (only their kind matters).
        name: which, as the library calls its class, without ``Fingerprint``: ``MACCS``, ``Avalon``.
        options: arguments of that class.

    Raises:
        UserError: the library cannot be imported or has no such set, or one that needs conformers.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"molecule"})
    checked_ahead: ClassVar[bool] = True
    packages: ClassVar[tuple[str, ...]] = ("scikit-fingerprints",)

    def __init__(
        self,
        inputs: Inputs,
        *,
        name: Annotated[str, Field(min_length=1)] = "MACCS",
        options: dict[str, Any] = {},  # noqa: B006
    ) -> None:
        known = _sets()
        if name not in known:
            hint = nearest(name, known)
            raise UserError(f"encoder skfp, option name: no set is called {name!r}; {hint}")
        allowed = [key for key in inspect.signature(known[name]).parameters if key not in _OWN]
        for key in options:
            if key not in allowed:
                hint = nearest(key, allowed)
                raise UserError(f"encoder skfp: {name} has no option {key!r}; {hint}")
        self.name = name
        try:
            self.set = known[name](**options, n_jobs=1)
            if getattr(self.set, "requires_conformers", False):
                raise UserError(f"encoder skfp: {name} needs conformers, and here are SMILES alone")
            self.out_features = int(self._computed(["CCO"]).shape[1])
        except FOREIGN_ERRORS as error:
            if isinstance(error, UserError):
                raise
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(f"encoder skfp: {name} with {options}: {first}") from error

    def features(self, inputs: MoleculeInputs) -> np.ndarray:
        """Return the set of every molecule, float32 (n, ``out_features``); what is not finite is 0.

        Raises:
            UserError: RDKit cannot read a SMILES; says which.
        """
        return self._computed(inputs.smiles)

    def _computed(self, smiles: list[str]) -> np.ndarray:
        from rdkit import rdBase

        largest = float(np.finfo(np.float32).max)
        with np.errstate(all="ignore"), rdBase.BlockLogs():
            rows = np.asarray(self.set.transform(list(parsed(smiles))), dtype=np.float64)
            rows = np.nan_to_num(rows, nan=0.0, posinf=0.0, neginf=0.0)
        found: np.ndarray = np.clip(rows, -largest, largest).astype(np.float32)
        return found

    def feature_names(self) -> list[str]:
        """Return the numbers of the columns."""
        return [f"{self.name} {number}" for number in range(self.out_features)]


_OWN = ("n_jobs", "sparse", "batch_size", "verbose", "self")


def _sets() -> dict[str, Any]:
    """Return the library's classes by their names.

    Raises:
        UserError: it cannot be imported.
    """
    try:
        from skfp import fingerprints
    except (ImportError, RuntimeError) as error:
        raise UserError(
            "encoder skfp needs the library scikit-fingerprints: pip install 'nearfar[skfp]'"
            f" ({type(error).__name__}: {str(error).splitlines()[0]})"
        ) from error
    names = [name for name in dir(fingerprints) if name.endswith(ENDING)]
    return {name.removesuffix(ENDING): getattr(fingerprints, name) for name in names}
