"""What tells one object of a program from another, across processes: for the hashes of stages."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import textwrap
from collections.abc import Callable, Mapping
from importlib import metadata
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from nearfar.errors import UserError

_FIRM = frozenset({"builtins", "numpy", "scipy", "sklearn", "torch"})
"""Packages whose version says what their classes do; others may be somebody's own, at work."""
_PLAIN = (str, int, float, bool, complex, bytes, type(None))


def fingerprint(value: Any) -> str:
    """Return 16 hexadecimal digits that are equal for equal objects, in every process.

    Estimators count by class, version of their package and parameters, functions by their source
    and by what it names (of lambdas by their code), arrays by their content.

    Raises:
        UserError: it holds an object that cannot be told from another one.
    """
    text = json.dumps(_plain(value, ()), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any, above: tuple[int, ...]) -> Any:
    if isinstance(value, _PLAIN):
        return [type(value).__name__, repr(value)]
    if id(value) in above:
        return "itself"
    above = (*above, id(value))
    if isinstance(value, np.generic | np.dtype):
        return ["numpy", repr(value)]
    if isinstance(value, type):
        return ["class", _of_class(value)]
    if hasattr(value, "get_params"):
        params = value.get_params(deep=False)
        return ["made", _of_class(type(value)), _plain(params, above)]
    if isinstance(value, Mapping):
        pairs = [[_plain(key, above), _plain(item, above)] for key, item in value.items()]
        return ["mapping", sorted(pairs, key=json.dumps)]
    if isinstance(value, list | tuple):
        return [type(value).__name__, [_plain(item, above) for item in value]]
    if isinstance(value, set | frozenset):
        return ["set", sorted((_plain(item, above) for item in value), key=json.dumps)]
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        if array.dtype != object:
            digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
            return ["array", str(array.dtype), list(array.shape), digest]
    if isinstance(value, functools.partial):
        return ["partial", *(_plain(x, above) for x in (value.func, value.args, value.keywords))]
    if callable(value):
        return ["function", _of_function(value, above)]
    text = repr(value)
    if " at 0x" in text or hasattr(value, "__dict__"):
        inner = {key: item for key, item in vars(value).items() if not key.startswith("__")}
        return ["object", _of_class(type(value)), _plain(inner, above)]
    return [type(value).__name__, text]


def _of_class(kind: type) -> list[str]:
    """Return a class's name, its package's version, and its source where that may change."""
    package = kind.__module__.split(".")[0]
    source = "" if package in _FIRM else _source(kind)
    return [f"{kind.__module__}.{kind.__qualname__}", _version(package), source]


@functools.cache
def _version(package: str) -> str:
    if package in {"builtins", "__main__"}:
        return ""
    for distribution in metadata.packages_distributions().get(package, ()):
        return metadata.version(distribution)
    return ""


def _source(thing: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError):
        return ""


def _of_function(function: Callable[..., Any], above: tuple[int, ...]) -> list[Any]:
    bound = getattr(function, "__self__", None)
    own = [] if bound is None or inspect.ismodule(bound) else [_plain(bound, above)]
    function = getattr(function, "__func__", function)
    name = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', function)}"
    package = str(getattr(function, "__module__", "") or "").split(".")[0]
    if not isinstance(function, FunctionType):
        if " at 0x" in name:
            raise UserError(f"{function!r}: cannot be told from another one: give a function")
        return [name, _version(package), *own]
    if package in _FIRM:
        return [name, _version(package), *own]
    code, is_lambda = function.__code__, function.__name__ == "<lambda>"
    text = "" if is_lambda else _source(function)
    cells = [_content(cell) for cell in function.__closure__ or ()]
    named = {key: function.__globals__[key] for key in _names(code) if key in function.__globals__}
    used = {key: item for key, item in named.items() if not inspect.ismodule(item)}
    given = [cells, function.__defaults__, function.__kwdefaults__, used]
    return [text or _of_code(code), *(_plain(item, above) for item in given), *own]


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _names(code: CodeType) -> set[str]:
    inner = (const for const in code.co_consts if isinstance(const, CodeType))
    return {*code.co_names, *(name for one in inner for name in _names(one))}


def _of_code(code: CodeType) -> str:
    consts = [_of_code(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return repr([code.co_code.hex(), consts, code.co_names, code.co_varnames])
