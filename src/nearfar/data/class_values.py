"""Classes as the column that they come from held them: texts, whole numbers, or true and false."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

CLASS_TEXTS = "class_texts"
"""Where a run's account of its data, and a model's, say that classes like numbers were texts."""
_TRUTH = {"False": False, "True": True}
_LONGEST = 18
"""Digits that int64 holds, whichever they are."""


def class_values(names: Sequence[str], *, texts: bool = False) -> NDArray[Any]:
    """Return what classes of these names are called by scikit-learn, (k,).

    Whole numbers, written plainly, are int64; True and False are booleans; anything else is texts.
    So does pandas read a column of a file, and so does scikit-learn compare predictions with it.

    Args:
        names: of the classes, in their order.
        texts: whether the column is known to have held texts, whatever they look like.
    """
    if not texts and names:
        if all(map(_is_whole, names)):
            return np.array([int(name) for name in names], dtype=np.int64)
        if all(name in _TRUTH for name in names):
            return np.array([_TRUTH[name] for name in names], dtype=np.bool_)
    return np.array(names, dtype=np.str_)


def _is_whole(name: str) -> bool:
    digits = name.removeprefix("-")
    plain = digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST
    return plain and str(int(name)) == name
