"""How encoders of other libraries want values scaled: mean and deviation, of channels or all."""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import BeforeValidator, Field, FiniteFloat
from torch import Tensor

from nearfar.errors import UserError


def _listed(given: object) -> object:
    """Return one number as a list of it."""
    return (given,) if isinstance(given, int | float) else given


_Some = (Field(min_length=1), BeforeValidator(_listed))
Values = Annotated[tuple[FiniteFloat, ...], *_Some]
Positives = Annotated[tuple[Annotated[FiniteFloat, Field(gt=0)], ...], *_Some]


def of_channels(
    encoder: str,
    option: str,
    given: Sequence[float] | None,
    values: Sequence[float],
    channels: int,
) -> Tensor:
    """Return a number for each channel, or one for all, float32 (c,) or (1,).

    Args:
        encoder: the encoder's name in a study file.
        option: what it is called there.
        given: what the user says, if anything.
        values: what the weights were trained with; of other channels, their mean is taken.
        channels: of the images.

    Raises:
        UserError: another number of them was given.
    """
    if given is not None and len(given) not in (1, channels):
        raise UserError(
            f"encoder {encoder}, option {option}: {len(given)} values for images of {channels} "
            f"channel{'s' if channels > 1 else ''}: give one, or one for each"
        )
    numbers = torch.tensor(values if given is None else given, dtype=torch.float32)
    return numbers if len(numbers) in (1, channels) else numbers.mean(0, keepdim=True)
