"""Molecules brought to one form before anything is computed from them (``data: standardise``)."""

from collections.abc import Callable, Sequence
from typing import Any


def standardised(molecule: Any, steps: Sequence[str]) -> Any:
    """Return the molecule after RDKit's MolStandardize (F. Berenger et al. and G. Landrum, RDKit).

    Args:
        molecule: of rdkit.
        steps: of ``STANDARD_STEPS``, done in this order.

    Raises:
        ValueError: if RDKit cannot do a step with this molecule.
    """
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        try:
            for step in steps:
                molecule = _STEPS[step](molecule)
            # Read again: what is computed from it is what is computed from its SMILES.
            found = Chem.MolFromSmiles(Chem.MolToSmiles(molecule))
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"cannot be standardised: {str(error).strip()}") from error
    if found is None or found.GetNumAtoms() == 0:
        raise ValueError("cannot be standardised: nothing is left")
    return found


def _normalised(molecule: Any) -> Any:
    from rdkit.Chem.MolStandardize import rdMolStandardize

    return rdMolStandardize.Cleanup(molecule)


def _largest_fragment(molecule: Any) -> Any:
    from rdkit.Chem.MolStandardize import rdMolStandardize

    return rdMolStandardize.LargestFragmentChooser().choose(molecule)


def _neutral(molecule: Any) -> Any:
    from rdkit.Chem.MolStandardize import rdMolStandardize

    return rdMolStandardize.Uncharger(canonicalOrder=True).uncharge(molecule)


_STEPS: dict[str, Callable[[Any], Any]] = {
    "normalise": _normalised,
    "largest_fragment": _largest_fragment,
    "neutral": _neutral,
}
