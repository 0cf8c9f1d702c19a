"""From what a study file says to an estimator of scikit-learn, its options checked by itself."""

import inspect
from collections.abc import Mapping
from typing import Any

from nearfar.errors import nearest
from nearfar.heads.estimators.named import class_named

_WORDS = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}
_UNTAKEN = {
    "memory": "fitted parts are not cached in files",
    "verbose": "progress is nearfar's to tell",
}
_NESTED = frozenset({"class", "options"})


def plain_options(given: Any) -> Any:
    """Return options as a specification holds them: numbers that are not finite become words.

    Raises:
        ValueError: a value that no specification can hold.
    """
    if isinstance(given, Mapping):
        return {_key(key): plain_options(value) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return [plain_options(value) for value in given]
    if isinstance(given, float) and not abs(given) < float("inf"):
        return str(given)
    if given is None or isinstance(given, str | int | float | bool):
        return given
    raise ValueError(f"{given!r} is no number, text, truth value, list or mapping")


def _key(key: Any) -> Any:
    if isinstance(key, str | int) and not isinstance(key, bool):
        return key
    raise ValueError(f"{key!r} cannot be the name of an option or class")


def made(name: str, options: Mapping[str, Any] | None, where: str = "") -> Any:
    """Return an estimator that is not fitted.

    A value that is a mapping with ``class`` (and ``options``) is an estimator in its turn.

    Args:
        name: of its class, as :func:`class_named` takes it.
        options: arguments of its constructor.
        where: what stands before the names of options in messages.

    Raises:
        ValueError: no such class, an unknown option, or a value that the class refuses.
    """
    kind = class_named(name)
    known = _parameters(kind)
    values = {}
    for key, value in (options or {}).items():
        if key not in known:
            raise ValueError(
                f"{where}options: {name} has no option {key!r}; {nearest(str(key), known)}"
            )
        if key in _UNTAKEN and value:
            raise ValueError(f"{where}options.{key}: {_UNTAKEN[key]}; leave it out")
        values[key] = _value(value, f"{where}options.{key}: ")
    if not hasattr(kind, "get_params") and values.get("shuffle"):
        values.setdefault("random_state", 0)
    try:
        estimator = kind(**values)
        if hasattr(estimator, "_validate_params"):
            estimator._validate_params()
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}{_told(error)}") from None
    return estimator


def _parameters(kind: type[Any]) -> list[str]:
    names = inspect.signature(kind).parameters.values()
    return [p.name for p in names if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def _value(given: Any, where: str) -> Any:
    if isinstance(given, Mapping):
        if "class" in given and set(given) <= _NESTED:
            return made(str(given["class"]), given.get("options"), where)
        return {key: _value(value, where) for key, value in given.items()}
    if isinstance(given, list):
        values = [_value(value, where) for value in given]
        steps = values and all(_is_step(value) for value in values)
        return [tuple(value) for value in values] if steps else values
    return _WORDS.get(given, given) if isinstance(given, str) else given


def _is_step(value: Any) -> bool:
    named = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)
    return named and (hasattr(value[1], "get_params") or value[1] in ("passthrough", "drop"))


def _told(error: Exception) -> str:
    said = " ".join(str(error).split())
    return said.removeprefix("__init__() ") or type(error).__name__


def bound(estimator: Any, seed: int, threads: int) -> Any:
    """Let an estimator, and those inside it, draw from ``seed`` and use so many threads.

    A ``random_state`` of the study's own is left as it is.
    """
    if not hasattr(estimator, "set_params"):
        return estimator
    changes: dict[str, Any] = {}
    for name, value in estimator.get_params(deep=True).items():
        last = name.rsplit("__", 1)[-1]
        if last == "random_state" and value is None:
            changes[name] = seed % 2**32
        elif last == "n_jobs":
            changes[name] = threads
    return estimator.set_params(**changes)
