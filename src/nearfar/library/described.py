"""Estimators of scikit-learn as a study file says them, so that every process can make them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from itertools import takewhile
from typing import Any

from nearfar.heads import HEADS
from nearfar.library.fingerprint import fingerprint
from nearfar.references import referred

HEAD = "sklearn"
"""The head of a study file whose ``class`` and ``options`` name an estimator."""


def described(estimator: Any, digest: str) -> dict[str, Any] | None:
    """Return ``class`` and ``options`` of an estimator with this fingerprint.

    None where a study file cannot say them: a class from elsewhere, a function, an array, or where
    what the study would make is not the same.
    """
    if HEAD not in HEADS:
        return None
    try:
        plain = _plain(estimator)
        made = referred("nearfar.heads.estimators.build:made")(plain["class"], plain["options"])
    except (ValueError, TypeError, ImportError, AttributeError):
        return None
    return plain if fingerprint(made) == digest else None


def _plain(value: Any) -> Any:
    """Return a value as a study file has it.

    Raises:
        ValueError: it cannot have it.
    """
    if hasattr(value, "get_params") and not isinstance(value, type):
        given = value.get_params(deep=False)
        usual = inspect.signature(type(value)).parameters
        options = {
            key: _plain(option) for key, option in given.items() if not _is(option, usual[key])
        }
        return {"class": _name(type(value)), "options": options}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if value is None or type(value) in (str, int, float, bool):
        return value
    raise ValueError(f"{value!r} cannot stand in a study file")


def _is(value: Any, parameter: inspect.Parameter) -> bool:
    """Whether a plain value is what the parameter has where nothing is said."""
    default = parameter.default
    return (
        type(value) is type(default)
        and isinstance(value, str | int | float | bool | None)
        and (value == default)
    )


def _name(kind: type) -> str:
    package, *modules = kind.__module__.split(".")
    public = [*takewhile(lambda part: not part.startswith("_"), modules)]
    if package != "sklearn" or not public:
        raise ValueError(f"{kind} is no class of scikit-learn")
    return ".".join([*public, kind.__name__])
