"""What every encoder offers, and the shape of what it is given."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from torch import Tensor, nn

from nearfar.extensions import missing, signature_mistake

KINDS = frozenset({"image", "molecule", "vector"})
"""The kinds of input that there are."""


class Inputs(Protocol):
    """The rows of a data set, as encoders see them (``nearfar.data`` gives them)."""

    kind: str

    def __len__(self) -> int: ...

    def select(self, index: Tensor) -> Any: ...


class MoleculeBatch(Protocol):
    """Some molecules as one graph without edges between molecules.

    ``atoms`` int64 (N, 9) and ``bond_features`` int64 (E, 3) are the features of PyTorch
    Geometric's ``from_smiles``; ``bonds`` int64 (2, E) holds source and target atom of every
    directed bond, where a bond and its reverse are neighbours; ``molecule`` int64 (N,) the
    molecule of every atom, ascending; ``size`` the number of molecules; ``descriptors`` float32
    (size, d) or None.
    """

    @property
    def atoms(self) -> Tensor: ...
    @property
    def bonds(self) -> Tensor: ...
    @property
    def bond_features(self) -> Tensor: ...
    @property
    def molecule(self) -> Tensor: ...
    @property
    def size(self) -> int: ...
    @property
    def descriptors(self) -> Tensor | None: ...


class Encoder(nn.Module):
    """Input batch → features (b, ``out_features``), trained by gradients.

    A subclass takes ``inputs`` first; its other constructor parameters are keyword-only,
    annotated and have defaults: they are its options in a study file.
    """

    accepts: ClassVar[frozenset[str]]
    trainable: ClassVar[bool] = True
    out_features: int
    in_shape: tuple[int, ...] | None = None
    """Shape of one row of a batch, where rows are tensors: (columns,) or (c, h, w)."""

    @classmethod
    def wants(cls, inputs: Any, options: Mapping[str, Any]) -> str:
        """Name the fixed encoder whose features of ``inputs`` should stand beside them, or none.

        Such inputs have ``with_descriptors(features)``.
        """
        return ""

    def layer_groups(self) -> list[nn.Module]:
        """Return the encoder's layers, first to last, for ``train: last:k``."""
        raise NotImplementedError


class FixedEncoder:
    """Inputs → features that nothing trains; computed once for all rows."""

    accepts: ClassVar[frozenset[str]]
    trainable: ClassVar[bool] = False
    out_features: int
    expensive: ClassVar[bool] = True
    """Whether making the features takes longer than reading them from a file."""
    mixed_units: bool = True
    """Whether columns are measured in units of their own, so that distances need scaled columns."""

    def features(self, inputs: Any) -> np.ndarray:
        """Return the features of every row, float32 (n, ``out_features``), in row order."""
        raise NotImplementedError


def encoder_mistake(kind: Any) -> str:
    """Return what a class lacks to be an encoder of a study file, empty if nothing."""
    if not (isinstance(kind, type) and issubclass(kind, Encoder | FixedEncoder)):
        return "is not a subclass of nearfar.encoders.Encoder or FixedEncoder"
    own = "layer_groups" if issubclass(kind, Encoder) else "features"
    base = Encoder if issubclass(kind, Encoder) else FixedEncoder
    if lacking := missing(kind, ("accepts",)):
        return lacking
    if not kind.accepts or not set(kind.accepts) <= KINDS:
        return f"accepts {sorted(kind.accepts)}; allowed: {', '.join(sorted(KINDS))}"
    if getattr(kind, own) is getattr(base, own):
        return f"has no {own}()"
    return signature_mistake(kind, ("inputs",))
