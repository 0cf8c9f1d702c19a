"""What tells one object of a program from another, across processes: for the hashes of stages."""

from __future__ import annotations

import copyreg
import hashlib
import io
import json
import sys
import threading
import weakref
from types import (
    CodeType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

import numpy as np

from nearfar.errors import UserError
from nearfar.library.own_code import content_of, edition, is_own, named_by

_PLAIN = (str, int, float, bool, complex, bytes, type(None))
_LOCKS = (type(threading.Lock()), type(threading.RLock()))
_WEAK = (weakref.ref, weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary)
_UNTOLD = frozenset(
    {
        "__annotate__",
        "__annotate_func__",
        "__annotations__",
        "__annotations_cache__",
        "__dict__",
        "__doc__",
        "__firstlineno__",
        "__module__",
        "__qualname__",
        "__static_attributes__",
        "__weakref__",
        "_abc_impl",
    }
)
"""Attributes that say where something stands, and what nothing is computed from."""

Above = tuple[int, ...]


def fingerprint(value: Any) -> str:
    """Return 16 hexadecimal digits that are equal for equal objects, in every process.

    Estimators count by class and parameters, arrays by their content, other objects by class and
    attributes. Own functions count by their code and by all that it names, own classes by the
    classes they are made of, methods and attributes: what stands in a file, a notebook or on stdin
    alike, on whatever line. Own is what lies outside of Python and of installed packages; of
    installed classes and functions count name, version, and the file of most packages. Code is
    compared as it is compiled: comments, annotations and line breaks do not count, docstrings of
    functions and the version of Python do.

    Raises:
        UserError: it holds an object that cannot be told from another one.
    """
    text = json.dumps(_Walk(()).whole(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Walk:
    """A way over objects; own functions and classes are numbered as they are met, and told once."""

    def __init__(self, above: Above) -> None:
        self.above = above
        self.met: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.is_kept = False

    def whole(self, value: Any) -> list[Any]:
        """Return an object, and after it the functions and classes it leads to, for JSON."""
        told = [self.plain(value, self.above)]
        for thing in self.met:
            told.append(self._function(thing) if _is_function(thing) else self._class(thing))
        return told

    def plain(self, value: Any, above: Above) -> list[Any]:
        """Return an object for JSON.

        Args:
            value: the object.
            above: ids of the objects that it lies in.
        """
        if type(value) in _PLAIN:
            return [type(value).__name__, repr(value)]
        if id(value) in above:
            return ["itself", len(above) - above.index(id(value))]
        if isinstance(value, type) or _is_function(value):
            return self._numbered(value)
        above = (*above, id(value))
        found = self._of_code(value, above) or self._container(value, above)
        return found or self._object(value, above)

    def _numbered(self, thing: Any) -> list[Any]:
        if isinstance(thing, type):
            if not _is_own_class(thing):
                return ["class", *_of_firm_class(thing)]
        elif _has_firm_name(thing):
            return ["function", f"{thing.__module__}.{thing.__qualname__}", *_editions(thing)]
        if id(thing) not in self.numbers:
            self.numbers[id(thing)] = len(self.met)
            self.met.append(thing)
        return ["number", self.numbers[id(thing)]]

    def _function(self, function: FunctionType) -> list[Any]:
        """Return what an own function does, or with what a firm one was made."""
        module, code = _module_of(function), function.__code__
        given: list[Any] = [function.__defaults__, function.__kwdefaults__, _attributes(function)]
        named, text = named_by(function), content_of(code)
        if not is_own(module):
            named = {name: item for name, item in named.items() if name.startswith("cell ")}
            text = [module, code.co_qualname, edition(module)]
        return [text, *(self.plain(item, self.above) for item in [*given, named])]

    def _class(self, kind: type) -> list[Any]:
        made_of = [self.plain(base, self.above) for base in (type(kind), *kind.__mro__[1:])]
        members = {key: item for key, item in vars(kind).items() if key not in _UNTOLD}
        name, module = f"{_home(kind)}.{kind.__qualname__}", _home(kind)
        return [name, edition(module), made_of, self.plain(members, self.above)]

    def _of_code(self, value: Any, above: Above) -> list[Any]:
        """Return what belongs to code; empty if it is something else."""
        if isinstance(value, MethodType):
            return ["method", *(self.plain(x, above) for x in (value.__func__, value.__self__))]
        if isinstance(value, staticmethod | classmethod):
            return [type(value).__name__, self.plain(value.__func__, above)]
        if isinstance(value, property):
            parts = (type(value), value.fget, value.fset, value.fdel)
            return ["property", *(self.plain(part, above) for part in parts)]
        if isinstance(value, ModuleType):
            return ["module", value.__name__]
        if isinstance(value, CodeType):
            return ["code", content_of(value)]
        if isinstance(value, (*_LOCKS, *_WEAK)) or _only_writes(value):
            return ["stateless", type(value).__name__]
        return []

    def _container(self, value: Any, above: Above) -> list[Any]:
        """Return what containers and arrays hold; empty if it is something else."""
        if isinstance(value, np.generic | np.dtype):
            return ["numpy", repr(value)]
        if type(value) in (dict, MappingProxyType):
            pairs = [(self._apart(key, above), item) for key, item in value.items()]
            pairs.sort(key=lambda pair: json.dumps(pair[0]))
            return ["mapping", [[key, self.plain(item, above)] for key, item in pairs]]
        if type(value) in (list, tuple):
            return [type(value).__name__, [self.plain(item, above) for item in value]]
        if isinstance(value, set | frozenset):
            apart = (self._apart(item, above) for item in value)
            return ["set", sorted(apart, key=json.dumps), *self._about(value, above)]
        if isinstance(value, np.ndarray) and value.dtype.hasobject:
            items = self.plain(value.tolist(), above)
            return ["array", list(value.shape), items, *self._about(value, above)]
        if (digest := _digest(value)) is not None:
            return ["array", *digest, *self._about(value, above)]
        return []

    def _about(self, value: Any, above: Above) -> list[Any]:
        return [self.plain(type(value), above), self.plain(_attributes(value), above)]

    def _apart(self, value: Any, above: Above) -> list[Any]:
        """Return one of several in no order: without the numbers of others."""
        return self.plain(value, above) if type(value) in _PLAIN else _Walk(above).whole(value)

    def _object(self, value: Any, above: Above) -> list[Any]:
        kind = self.plain(type(value), above)
        if hasattr(value, "get_params") and hasattr(value, "set_params"):
            return ["made", kind, *self._estimator(value, above)]
        if not _is_own_class(type(value)):
            if callable(value) and (inner := _inside(value)) is not None:
                return ["wrapped", kind, self.plain(inner, above)]
            return ["object", kind, self.plain(_reduced(value), above), *_editions(value)]
        held = [_attributes(value), _contents(value)]
        return ["own", kind, *(self.plain(item, above) for item in held)]

    def _estimator(self, value: Any, above: Above) -> list[Any]:
        """Return parameters, and all else that it holds where its clones hold it too."""
        before = self.is_kept
        self.is_kept = before or _is_kept_by_clones(value)
        held = [value.get_params(deep=False), *([_attributes(value)] if self.is_kept else [])]
        found = [self.plain(item, above) for item in held]
        self.is_kept = before
        return found


def _is_function(value: Any) -> bool:
    return isinstance(value, FunctionType)


def _module_of(function: FunctionType) -> str:
    """Return the module of a function's code, which a decorator's is not that of its name."""
    return _no_builtin(function.__globals__.get("__name__"))


def _no_builtin(module: Any) -> str:
    """Return a module's name; code that is run without a module's name says that it is builtins."""
    return "__main__" if module in {None, "builtins"} else str(module)


def _has_firm_name(function: FunctionType) -> bool:
    """Tell whether it is a function of a firm module, not one that such a function made."""
    modules = (_module_of(function), _no_builtin(function.__module__))
    return "<" not in function.__qualname__ and not any(is_own(module) for module in modules)


def _home(kind: type) -> str:
    """Return the module of a class; some compiled classes do not say it."""
    name: Any = kind.__module__
    return name if isinstance(name, str) else "builtins"


def _is_own_class(kind: type) -> bool:
    """Tell it by the module; classes made where there is none say that it is builtins."""
    module = _home(kind)
    return not _is_compiled(kind) and (module == "builtins" or is_own(module))


def _is_compiled(kind: type) -> bool:
    members = vars(kind).values()
    compiled = (MethodDescriptorType, WrapperDescriptorType)
    return any(isinstance(item, compiled) and item.__objclass__ is kind for item in members)


def _of_firm_class(kind: type) -> list[str]:
    return [f"{_home(kind)}.{kind.__qualname__}", edition(_home(kind))]


def _editions(value: Any) -> list[str]:
    """Return the version of the module that something says it is from."""
    module = getattr(value, "__module__", None)
    return [edition(module)] if isinstance(module, str) else []


def _only_writes(value: Any) -> bool:
    return isinstance(value, io.IOBase) and not value.closed and not value.readable()


def _is_kept_by_clones(estimator: Any) -> bool:
    """Tell whether an estimator says itself how it is cloned, as a frozen one does."""
    clone = getattr(type(estimator), "__sklearn_clone__", None)
    return clone is not None and clone.__module__ != "sklearn.base"


def _inside(value: Any) -> Any:
    """Return the function that a cache or a compiler, numba's too, was put around; or None."""
    found = getattr(value, "__wrapped__", None)
    return getattr(value, "py_func", None) if found is None else found


def _attributes(value: Any) -> dict[str, Any]:
    """Return what is stored in an object, in its slots too."""
    found = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        for name, member in vars(kind).items():
            if isinstance(member, MemberDescriptorType) and _is_own_class(kind):
                found |= {name: getattr(value, name)} if hasattr(value, name) else {}
    return {name: item for name, item in found.items() if name not in _UNTOLD}


def _digest(value: Any) -> list[Any] | None:
    """Return type, shape and digest of an array or tensor; None for something else."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        kind, shape = str(value.dtype), list(value.shape)
        try:
            flat = value.detach().cpu().contiguous().flatten()
            value = flat.view(torch.uint8).numpy()
        except (RuntimeError, TypeError):
            raise _untold(value) from None
    elif isinstance(value, np.ndarray):
        kind, shape = str(value.dtype), list(value.shape)
    else:
        return None
    return [kind, shape, hashlib.sha256(np.asarray(value).tobytes()).hexdigest()]


def _reduced(value: Any) -> Any:
    """Return what ``pickle`` would keep of an object itself.

    Raises:
        UserError: it would keep nothing, and it is no function that a firm module names.
    """
    try:
        own = copyreg.dispatch_table.get(type(value))
        found = own(value) if own is not None else value.__reduce_ex__(4)
    except Exception:
        name, module = getattr(value, "__name__", None), getattr(value, "__module__", None)
        if not callable(value) or not isinstance(name, str) or is_own(module or "builtins"):
            raise _untold(value) from None
        found = name
    if isinstance(found, str):
        return [str(getattr(value, "__module__", None)), found]
    start, rest = found[:3], [*found[3:5], None, None][:2]
    return [*start, list(rest[0] or ()), [list(pair) for pair in rest[1] or ()]]


def _contents(value: Any) -> list[Any]:
    """Return what an own object holds beside its attributes, as a subclass of ``list`` does."""
    kind: Any = type(value)
    found = _reduced(value)
    usual = (kind.__reduce__, kind.__reduce_ex__) == (object.__reduce__, object.__reduce_ex__)
    return [*found[:2], *found[3:]] if usual else list(found)


def _untold(value: Any) -> UserError:
    said = " ".join(repr(value).split())[:80]
    return UserError(
        f"{said}: cannot be told from another {type(value).__name__}: make it inside of the "
        "function or method that uses it"
    )
