"""What a study file's values must be beyond their shape: of one kind, and of a size to be borne."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from nearfar.errors import shown

LARGEST = 2**31 - 1
LIMITS = {
    "batch": 10_000_000,
    "bits": 1_000_000,
    "components": 100_000,
    "depth": 100,
    "epochs": 1_000_000,
    "expansion": 64,
    "folds": 10_000,
    "hidden": 16_384,
    "layers": 1_000,
    "max_epochs": 1_000_000,
    "out": 16_384,
    "queue": 10_000_000,
    "radius": 32,
    "repeats": 10_000,
    "retries": 100,
    "side": 4_096,
    "size": 4_096,
    "threads": 256,
    "trees": 100_000,
    "width": 16_384,
    "widths": 16_384,
}
"""Key → the largest whole number that it takes; ``LARGEST`` for others."""


def strayed(given: Any, taken: Any, where: str = "") -> Iterator[str]:
    """Yield a line for every value that was taken for another kind, or is too large.

    ``given`` is a block as the file has it, ``taken`` the model that pydantic made of it, which
    takes ``true`` for 1 and ``"5"`` for 5.
    """
    if isinstance(given, Mapping):
        for key, value in given.items():
            yield from strayed(value, _inside(taken, key), f"{where}.{key}" if where else str(key))
    elif isinstance(given, list | tuple):
        if isinstance(taken, Sequence) and not isinstance(taken, str):
            for value, one in zip(given, taken, strict=False):
                yield from strayed(value, one, where)
    elif _is_number(taken) and not _is_number(given) and given is not None:
        yield f"{where}: needs a number, not {shown(given)}"
    elif isinstance(taken, bool) and not isinstance(given, bool) and given is not None:
        yield f"{where}: needs true or false, not {shown(given)}"
    elif _is_number(taken) and abs(taken) > (most := _most(where, taken)):
        yield f"{where}: at most {most:,} (given: {shown(given)})"


def _inside(taken: Any, key: Any) -> Any:
    if isinstance(taken, BaseModel):
        return (
            getattr(taken, key, getattr(taken, f"{key}_", None)) if isinstance(key, str) else None
        )
    return taken.get(key) if isinstance(taken, Mapping) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _most(where: str, taken: Any) -> float:
    if isinstance(taken, float):
        return math.inf
    return LIMITS.get(where.rpartition(".")[2], LARGEST)
