"""Several encoders side by side: their features are joined column by column."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from nearfar.data import Inputs
from nearfar.data.inputs.embedded import without_embeddings
from nearfar.encoders import ENCODERS, Encoder, FixedEncoder, build_encoder
from nearfar.encoders.base import KINDS
from nearfar.encoders.file_features import FileFeatures
from nearfar.errors import UserError

ROWS = 256
"""Rows that a learned part sees at a time."""


class SideBySide(FixedEncoder):
    """Inputs → the features of several encoders, in their order. None of them is trained.

    In a study file it is written as a list: ``encoder: [descriptors, {morgan: {bits: 1024}}]``.

    Args:
        inputs: rows to read sizes from.
        parts: two encoders or more, each a mapping name → options.

    Raises:
        UserError: a part reads what another encoder makes.
    """

    accepts: ClassVar[frozenset[str]] = KINDS

    def __init__(self, inputs: Inputs, *, parts: list[dict[str, Any]] = []) -> None:  # noqa: B006
        self.named = named_parts(parts)
        for name, options in self.named:
            kind = ENCODERS[name]
            if issubclass(kind, Encoder) and (beside := kind.wants(inputs, options)):
                other = f"; {name}: {{{beside}: false}} can" if beside in options else ""
                raise UserError(
                    f"encoder {name} reads {beside} beside its inputs, so it cannot be joined as it"
                    f" is{other}"
                )
        self.parts = [build_encoder(name, options, inputs) for name, options in self.named]
        self.out_features = sum(part.out_features for part in self.parts)
        fixed = [part for part in self.parts if isinstance(part, FixedEncoder)]
        self.mixed_units = len(self.parts) > 1 or any(part.mixed_units for part in fixed)

    @classmethod
    def pretrained(cls, options: Mapping[str, Any]) -> bool:
        """Whether a part is."""
        parts = named_parts(options.get("parts", ()))
        return any(ENCODERS[name].pretrained(own) for name, own in parts)

    def features(self, inputs: Any) -> np.ndarray:
        """Return the features of every row, float32 (n, ``out_features``)."""
        return np.concatenate([part_features(part, inputs) for part in self.parts], axis=1)


def named_parts(parts: Sequence[Mapping[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return names and options of the encoders that are joined."""
    return [(name, dict(options)) for part in parts for name, options in part.items()]


@torch.no_grad()
def part_features(
    part: Encoder | FixedEncoder, inputs: Any, device: torch.device | None = None
) -> np.ndarray:
    """Return what one encoder makes of all rows, float32 (n, d); one that learns as it is.

    ``device`` is where ``inputs`` are, None for the processor.
    """
    if not isinstance(part, FileFeatures):
        inputs = without_embeddings(inputs)
    if isinstance(part, FixedEncoder):
        return np.asarray(part.features(inputs), dtype=np.float32)
    part.to(device).eval()
    index = torch.arange(len(inputs), device=device)
    rows = [part(inputs.select(some)) for some in torch.split(index, ROWS)]
    return np.asarray(torch.cat(rows).float().cpu().numpy())
