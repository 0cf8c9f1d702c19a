"""Corruptions: test inputs made harder, at severities 0 (as they are) to 5.

What is learned on clean inputs is evaluated on corrupted ones (Hendrycks and Dietterich,
"Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019,
arXiv:1903.12261). A corruption changes raw inputs: what an encoder wants to find beside them
(descriptors of molecules) is computed afterwards, from the corrupted ones.

Whatever is drawn depends on the name, the seed, the given rows and the kind of device, and not on
the severity: from one severity to the next the same noise grows, the same atoms and more are hit.
``CORRUPTIONS`` names all that a study file may ask for.
"""

import hashlib
from typing import Protocol

from nearfar.data.corruptions.image_rows import ImageCorruption
from nearfar.data.corruptions.image_table import IMAGE_CORRUPTIONS
from nearfar.data.corruptions.molecules import MOLECULE_CORRUPTIONS, MoleculeCorruption
from nearfar.data.corruptions.vectors import VECTOR_CORRUPTIONS, VectorCorruption
from nearfar.data.dataset import Inputs
from nearfar.data.inputs.joined import Joined, without_columns
from nearfar.errors import UserError, nearest

__all__ = [
    "CORRUPTIONS",
    "SEVERITIES",
    "Corruption",
    "ImageCorruption",
    "MoleculeCorruption",
    "VectorCorruption",
    "check",
    "corrupt",
]

SEVERITIES = range(6)
"""Severities that exist; 0 leaves inputs as they are."""


class Corruption(Protocol):
    """One way of making inputs harder."""

    @property
    def accepts(self) -> frozenset[str]:
        """Kinds of inputs that it takes: ``image``, ``vector``, ``molecule``."""

    def check(self, inputs: Inputs) -> str:
        """Return why these inputs, of a kind that it takes, cannot be corrupted so, or ""."""

    def apply(self, inputs: Inputs, severity: int, key: int) -> Inputs:
        """Return new inputs, severity 1 to 5; all draws follow from ``key``."""


CORRUPTIONS: dict[str, Corruption] = {
    **IMAGE_CORRUPTIONS,
    **VECTOR_CORRUPTIONS,
    **MOLECULE_CORRUPTIONS,
}


def corrupt(inputs: Inputs, name: str, severity: int, seed: int) -> Inputs:
    """Return the inputs corrupted: of the same kind, the same rows in the same order and place.

    Columns beside molecules or images are left as they are.

    Args:
        inputs: raw inputs; they stay as they are.
        name: a key of ``CORRUPTIONS``.
        severity: 0 gives ``inputs`` themselves, 5 is the hardest.
        seed: of the draws; the same arguments give the same result on the same kind of device.

    Raises:
        UserError: as :func:`check` does.
    """
    check(inputs, name, severity)
    if severity == 0:
        return inputs
    if isinstance(inputs, Joined):
        return inputs.having(corrupt(inputs.inputs, name, severity, seed))
    digest = hashlib.sha256(f"{name}:{seed}".encode()).digest()
    return CORRUPTIONS[name].apply(inputs, severity, int.from_bytes(digest[:7], "big"))


def check(inputs: Inputs, name: str, severity: int) -> None:
    """See whether these inputs can be corrupted so, before anything is trained for it.

    Raises:
        UserError: no such corruption, inputs that it does not take, or a severity out of range.
    """
    if name not in CORRUPTIONS:
        raise UserError(f"no corruption is called {name!r}; {nearest(name, CORRUPTIONS)}")
    if isinstance(severity, bool) or severity not in SEVERITIES:
        raise UserError(f"corruption {name}: severity is a whole number 0 to 5 (given: {severity})")
    corruption = CORRUPTIONS[name]
    if inputs.kind not in corruption.accepts:
        fit = sorted(other for other, it in CORRUPTIONS.items() if inputs.kind in it.accepts)
        raise UserError(
            f"corruption {name} takes {' or '.join(sorted(corruption.accepts))} inputs, not"
            f" {inputs.kind}; for {inputs.kind} there are: {', '.join(fit)}"
        )
    if mistake := corruption.check(without_columns(inputs)):
        raise UserError(f"corruption {name}: {mistake}")
