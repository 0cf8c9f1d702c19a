"""Fitted estimators as bytes, in skops' format: no pickle.

Nothing is read back but classes of scikit-learn, of an estimator that a program gave those of its
packages as well, and functions that this estimator has itself: others could run anything.
"""

import zipfile
from importlib import import_module
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar.errors import UserError, first_line
from nearfar.heads.estimators.same_bytes import same_bytes

Array = NDArray[Any]
_LIBRARY = "sklearn"
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

_INSTEAD = (
    "take functions that a module has by name instead of a lambda or one made in a function; a "
    "network of torch is an arm of its own, as a function that makes it"
)
"""What there is in the place of parts of estimators that cannot be kept."""


def to_array(estimator: Any, template: Any = None) -> Array:
    """Return a fitted estimator as bytes, uint8 (n,), the same ones for equal fits.

    Args:
        estimator: what is kept.
        template: the estimator of the program that it was fitted from, whose own classes and
            functions may be in it; None for one of scikit-learn's alone.

    Raises:
        UserError: it holds something that ``from_array`` would refuse.
    """
    data = same_bytes(_dumped(estimator))
    if strange := _strange(data, template):
        where = "scikit-learn's" if template is None else "its packages or of the one given"
        raise UserError(
            f"a fitted {type(estimator).__name__} with these options holds {', '.join(strange)}, "
            f"which is nothing of {where} that is read back: take another class or option"
        )
    return np.frombuffer(data, dtype=np.uint8)


def from_array(array: Array, template: Any = None) -> Any:
    """Return the estimator that ``to_array`` made bytes of.

    Args:
        array: the bytes, uint8 (n,).
        template: as there.

    Raises:
        UserError: it holds something that is no class of scikit-learn, nor of the template.
    """
    from skops.io import get_untrusted_types, loads

    data = array.tobytes()
    if strange := _strange(data, template):
        raise UserError(
            f"a stored model holds {', '.join(strange)}, which is no class of "
            f"{'scikit-learn' if template is None else 'its packages'}: it is not loaded"
        )
    try:
        return loads(data, trusted=get_untrusted_types(data=data))
    except Exception as error:
        raise UserError(f"cannot be read back ({first_line(error)}): {_INSTEAD}") from error


def check_storable(template: Any) -> None:
    """Refuse an estimator that could be fitted, but not kept: it is kept and read back as it is.

    Raises:
        UserError: what it holds that cannot be kept.
    """
    from sklearn.base import clone

    try:
        from_array(to_array(clone(template), template), template)
    except UserError as error:
        name = type(template).__name__
        raise UserError(f"{name} could be fitted, but not kept: {error}") from error


def _dumped(estimator: Any) -> bytes:
    """Return an estimator in skops' format.

    Raises:
        UserError: skops cannot keep something in it, such as a lambda or a network of torch.
    """
    from skops.io import dumps

    try:
        return bytes(dumps(estimator, compression=zipfile.ZIP_DEFLATED))
    except Exception as error:
        name = type(estimator).__name__
        raise UserError(
            f"{name} cannot be kept without pickle ({first_line(error)}): {_INSTEAD}"
        ) from error


def _strange(data: bytes, template: Any) -> list[str]:
    """Return the names in stored bytes that are not to be imported."""
    from skops.io import get_untrusted_types

    asked = set(get_untrusted_types(data=data)) - _BESIDE
    packages = {_LIBRARY}
    if asked and template is not None:
        asked -= set(get_untrusted_types(data=_dumped(template)))
        packages |= _packages(template)
    return sorted(name for name in asked if not _is_of(name, packages))


def _packages(template: Any) -> set[str]:
    """Return the packages that the classes of an estimator and its parts come from."""
    parts = [template, *template.get_params(deep=True).values()]
    found = {type(part).__module__.split(".")[0] for part in parts}
    return {"numpy", "scipy"} | found - {"builtins"}


def _is_of(name: str, packages: set[str]) -> bool:
    """Whether a name is that of a class that packages define, or of a function of measures."""
    if name.split(".")[0] not in packages:
        return False
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(import_module(module), attribute, None)
    except ImportError:
        return False
    if isinstance(found, FunctionType):
        return found.__module__.startswith(_MEASURES)
    return isinstance(found, type) and found.__module__.split(".")[0] in packages
