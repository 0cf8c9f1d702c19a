"""Fitted estimators as bytes, in skops' format: no pickle, and nothing but scikit-learn's."""

import zipfile
from importlib import import_module
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar.errors import UserError

Array = NDArray[Any]
_LIBRARY = "sklearn."
_BESIDE = frozenset(
    {
        "functools.partial",  # of histogram gradient boosting with categories
        "sklearn.utils.validation.check_array",
        "scipy.interpolate._bsplines.BSpline",  # of SplineTransformer
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
    }
)
"""What estimators hold beside classes of their library; none of it reads files or runs others."""
_MEASURES = ("sklearn.feature_selection.", "sklearn.metrics.")
"""Modules whose functions compute with arrays alone: scores of columns, and of predictions."""


def to_array(estimator: Any) -> Array:
    """Return a fitted estimator as bytes, uint8 (n,).

    Raises:
        UserError: it holds something that ``from_array`` would refuse.
    """
    from skops.io import dumps

    data = dumps(estimator, compression=zipfile.ZIP_DEFLATED)
    if strange := _strange(data):
        raise UserError(
            f"a fitted {type(estimator).__name__} with these options holds {', '.join(strange)}, "
            "which is nothing of scikit-learn's that is read back: take another class or option"
        )
    return np.frombuffer(data, dtype=np.uint8)


def from_array(array: Array) -> Any:
    """Return the estimator that ``to_array`` made bytes of.

    Raises:
        UserError: it holds something that is no class of scikit-learn.
    """
    from skops.io import get_untrusted_types, loads

    data = array.tobytes()
    if strange := _strange(data):
        raise UserError(
            f"a stored model holds {', '.join(strange)}, which is no class of "
            "scikit-learn: it is not loaded"
        )
    return loads(data, trusted=get_untrusted_types(data=data))


def _strange(data: bytes) -> list[str]:
    """Return the names in stored bytes that are not to be imported."""
    from skops.io import get_untrusted_types

    asked = get_untrusted_types(data=data)
    return sorted(name for name in asked if name not in _BESIDE and not _is_of_the_library(name))


def _is_of_the_library(name: str) -> bool:
    """Whether a name is that of a class that scikit-learn defines, or of a function of measures."""
    if not name.startswith(_LIBRARY):
        return False
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(import_module(module), attribute, None)
    except ImportError:
        return False
    if isinstance(found, FunctionType):
        return found.__module__.startswith(_MEASURES)
    return isinstance(found, type) and found.__module__.startswith(_LIBRARY)
