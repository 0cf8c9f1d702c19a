"""Fitted estimators as bytes, in skops' format: no pickle, and nothing but scikit-learn's."""

import zipfile
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar.errors import UserError

Array = NDArray[Any]
_LIBRARY = "sklearn."
_FUNCTIONS = frozenset({"functools.partial", "sklearn.utils.validation.check_array"})
"""What histogram gradient boosting with categories holds beside classes: a check of its cells."""


def to_array(estimator: Any) -> Array:
    """Return a fitted estimator as bytes, uint8 (n,).

    Raises:
        UserError: it holds something that ``from_array`` would refuse.
    """
    from skops.io import dumps

    data = dumps(estimator, compression=zipfile.ZIP_DEFLATED)
    _trusted(data)
    return np.frombuffer(data, dtype=np.uint8)


def from_array(array: Array) -> Any:
    """Return the estimator that ``to_array`` made bytes of.

    Raises:
        UserError: it holds something that is no class of scikit-learn.
    """
    from skops.io import loads

    data = array.tobytes()
    return loads(data, trusted=_trusted(data))


def _trusted(data: bytes) -> list[str]:
    """Return the names in stored bytes that skops does not know by itself, all scikit-learn's.

    Raises:
        UserError: one is not.
    """
    from skops.io import get_untrusted_types

    asked: list[str] = get_untrusted_types(data=data)
    strange = [name for name in asked if not (name in _FUNCTIONS or _is_of_the_library(name))]
    if strange:
        raise UserError(
            f"a stored model holds {', '.join(sorted(strange))}, which is no class of "
            "scikit-learn: it is not loaded"
        )
    return asked


def _is_of_the_library(name: str) -> bool:
    """Whether a name is that of a class that scikit-learn defines."""
    if not name.startswith(_LIBRARY):
        return False
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(import_module(module), attribute, None)
    except ImportError:
        return False
    return isinstance(found, type) and found.__module__.startswith(_LIBRARY)
