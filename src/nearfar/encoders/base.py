"""What every encoder offers; what it is given are the types of ``nearfar.data``."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import nn

from nearfar.extensions import missing, signature_mistake

KINDS = frozenset({"image", "molecule", "vector"})
"""The kinds of input that there are."""


class Encoder(nn.Module):
    """Input batch → features (b, ``out_features``), trained by gradients.

    A subclass takes ``inputs`` first; its other constructor parameters are keyword-only,
    annotated and have defaults: they are its options in a study file. One that computes some of its
    weights from training rows has ``start_from(batch)``, which is called once before it is trained
    with a batch of such rows as they are, without views or labels.
    """

    accepts: ClassVar[frozenset[str]]
    trainable: ClassVar[bool] = True
    out_features: int
    in_shape: tuple[int, ...] | None = None
    """Shape of one row of a batch, where rows are tensors: (columns,) or (c, h, w)."""
    weight_files: ClassVar[tuple[str, ...]] = ()
    """Options that name files or folders of weights; a stage's specification has their hashes."""
    finished: bool = True
    """False while training is judged along the way: what costs passes and only makes the features
    of a finished encoder better, such as a mean over views, is left out."""
    checked_ahead: ClassVar[bool] = False
    """Whether one is built, and shown a row, before the first stage: much can be wrong with it."""

    @classmethod
    def pretrained(cls, options: Mapping[str, Any]) -> bool:
        """Whether, with these options, it brings weights that were learned on other data."""
        return False

    @classmethod
    def draws(cls, options: Mapping[str, Any]) -> bool:
        """Whether its weights depend on a seed; those that it brings do not."""
        return not cls.pretrained(options)

    @classmethod
    def names_file(cls, given: str) -> bool:
        """Whether what an option of ``weight_files`` says is a file here, not a name elsewhere."""
        return True

    @classmethod
    def facts_of(cls, place: Path) -> dict[str, Any]:
        """Return options that a file or folder of weights settles, beside its hash."""
        return {}

    def held(self) -> Iterable[nn.Parameter]:
        """Return the parameters that stay as they are, whatever is trained."""
        return ()

    @classmethod
    def wants(cls, inputs: Any, options: Mapping[str, Any]) -> str:
        """Name the fixed encoder whose features of ``inputs`` should stand beside them, or none.

        Such inputs have ``with_descriptors(features)``.
        """
        return ""

    def layer_groups(self) -> list[nn.Module]:
        """Return the encoder's layers, first to last, for ``train: last:k``."""
        raise NotImplementedError


@contextmanager
def unfinished(module: nn.Module) -> Iterator[None]:
    """Within it the encoders in a module are as they are judged along the way."""
    encoders = [part for part in module.modules() if isinstance(part, Encoder)]
    for encoder in encoders:
        encoder.finished = False
    try:
        yield
    finally:
        for encoder in encoders:
            encoder.finished = True


class FixedEncoder:
    """Inputs → features that nothing trains; computed once for all rows."""

    accepts: ClassVar[frozenset[str]]
    trainable: ClassVar[bool] = False
    out_features: int
    expensive: ClassVar[bool] = True
    """Whether making the features takes longer than reading them from a file."""
    mixed_units: bool = True
    """Whether columns are measured in units of their own, so that distances need scaled columns."""

    @classmethod
    def pretrained(cls, options: Mapping[str, Any]) -> bool:
        """Whether, with these options, its features come of what was learned on other data."""
        return False

    def features(self, inputs: Any) -> np.ndarray:
        """Return the features of every row, float32 (n, ``out_features``), in row order."""
        raise NotImplementedError

    def feature_names(self) -> list[str]:
        """Return what the features are called, ``out_features`` names."""
        return [f"feature {number + 1}" for number in range(self.out_features)]

    def as_module(self) -> nn.Module | None:
        """Return the same as a module, batch (b, …) → features (b, ``out_features``).

        None where no tensors are read: a graph for other runtimes then begins at the features.
        """
        return None


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
