"""Classes of scikit-learn by the names of a study file: ``ensemble.ExtraTreesRegressor``."""

from difflib import get_close_matches
from importlib import import_module
from typing import Any

_CLOSED = frozenset({"conftest", "datasets", "experimental", "externals", "tests"})
"""Modules of scikit-learn that hold no estimators."""


def class_named(name: str) -> type[Any]:
    """Return a public class of scikit-learn that is made of options: an estimator, a kernel, folds.

    Nothing outside scikit-learn is imported.

    Args:
        name: module and class, with or without ``sklearn.`` before them.

    Raises:
        ValueError: there is no such class; names the nearest.
    """
    parts = name.removeprefix("sklearn.").split(".")
    if len(parts) < 2 or not all(map(_is_public, parts)) or parts[0] in _CLOSED:
        raise ValueError(_unknown(name))
    try:
        found = getattr(import_module(".".join(["sklearn", *parts[:-1]])), parts[-1], None)
    except ImportError:
        found = None
    own = isinstance(found, type) and found.__module__.startswith("sklearn.")
    if not own or not (hasattr(found, "get_params") or hasattr(found, "get_n_splits")):
        raise ValueError(_unknown(name))
    assert isinstance(found, type)
    return found


def _is_public(part: str) -> bool:
    return part.isidentifier() and not part.startswith("_")


def _unknown(name: str) -> str:
    from sklearn.utils import all_estimators

    import sklearn

    names = [_public_name(kind) for _, kind in all_estimators()]
    by_class = {known.rsplit(".", 1)[1]: known for known in names}
    close = get_close_matches(name, names, n=1, cutoff=0.7)
    close = close or [
        by_class[found] for found in get_close_matches(name.rsplit(".", 1)[-1], by_class, n=1)
    ]
    hint = f"did you mean '{close[0]}'? " if close else ""
    return (
        f"unknown class {name!r}; {hint}allowed: the regressors and classifiers of scikit-learn "
        f"{sklearn.__version__} by module and class, such as ensemble.ExtraTreesRegressor"
    )


def _public_name(kind: type[Any]) -> str:
    modules = kind.__module__.split(".")[1:]
    public = [part for part in modules if not part.startswith("_")]
    return ".".join([*public[:1], kind.__name__]) if public else kind.__name__
