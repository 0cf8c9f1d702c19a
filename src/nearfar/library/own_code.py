"""Which code of a program is its user's own, what it does, and what it names."""

from __future__ import annotations

import contextlib
import dis
import functools
import hashlib
import importlib
import importlib.util
import json
import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

FIRM = frozenset({"builtins", "numpy", "scipy", "sklearn", "torch"})
"""Packages whose version says what their code does, wherever they lie."""
_INSTALLED = {"site-packages", "dist-packages"}
_LIBRARY = os.path.realpath(sysconfig.get_path("stdlib"))
_GLOBAL = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
_ATTRIBUTE = {"LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"}


def is_own(module: str) -> bool:
    """Tell whether a module is somebody's own, at work: neither Python's nor an installed one.

    Packages installed in a way that leaves them where they are edited are own.
    """
    package = module.split(".")[0]
    if package == "__main__":
        return True
    if package in FIRM or package == "nearfar":
        return False
    found = sys.modules.get(module) or sys.modules.get(package)
    file = getattr(found, "__file__", None)
    if file is None:
        return package not in sys.stdlib_module_names
    return not _is_installed(file)


def edition(module: str) -> str:
    """Return what says what a module's code does, where that is not followed.

    The version of its package, and for own compiled modules and installed ones, whose version may
    stay where the code does not, the digest of the file; not of Python and ``FIRM``.
    """
    package = module.split(".")[0]
    if package == "__main__" or package in sys.stdlib_module_names:
        return ""
    file = str(getattr(sys.modules.get(module), "__file__", None) or "")
    is_followed = is_own(module) and not file.endswith((".so", ".pyd"))
    digest = "" if is_followed or package in FIRM else _digest(file)
    return f"{_version(package)} {digest}"


def content_of(code: CodeType) -> list[Any]:
    """Return what a code object does, for JSON: equal wherever and on whatever line it stands."""
    counts = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags]
    names = [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
    steps = [code.co_code.hex(), code.co_exceptiontable.hex()]
    return [steps, [_constant(item) for item in code.co_consts], names, counts]


def named_by(function: FunctionType) -> dict[str, Any]:
    """Return what the code of a function names outside of it, by dotted name.

    Globals, cells, modules that it imports while it runs (own ones are imported for this), and of
    own modules among these the attributes that it names. What is not there yet is left out.
    """
    code, names = function.__code__, function.__globals__
    pairs = zip(code.co_freevars, function.__closure__ or (), strict=True)
    found: dict[str, Any] = {}
    for name, cell in pairs:
        with contextlib.suppress(ValueError):
            found[f"cell {name}"] = cell.cell_contents
    steps = [*_steps(code)]
    found |= {s.argval: names[s.argval] for s in steps if s.opname in _GLOBAL and s.argval in names}
    for before, last, step in zip(steps, steps[1:], steps[2:], strict=False):
        if step.opname == "IMPORT_NAME":
            found |= _imported(step.argval, before.argval, last.argval, names)
    attributes = {step.argval for step in steps if step.opname in _ATTRIBUTE}
    return dict(_with_attributes(found, attributes, frozenset()))


@functools.lru_cache(maxsize=4096)
def _is_installed(file: str) -> bool:
    path = os.path.realpath(file)
    return path.startswith(_LIBRARY + os.sep) or bool(_INSTALLED & {*Path(path).parts})


@functools.cache
def _digest(file: str) -> str:
    path = Path(file)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


@functools.cache
def _version(package: str) -> str:
    for distribution in _distributions().get(package, ()):
        return metadata.version(distribution)
    return ""


def _constant(value: Any) -> list[Any]:
    if isinstance(value, CodeType):
        return ["code", content_of(value)]
    if isinstance(value, tuple):
        return ["tuple", [_constant(item) for item in value]]
    if isinstance(value, frozenset):
        return ["frozenset", sorted((_constant(item) for item in value), key=json.dumps)]
    return [type(value).__name__, repr(value)]


def _steps(code: CodeType) -> Iterator[dis.Instruction]:
    yield from (step for step in dis.get_instructions(code) if step.opname != "EXTENDED_ARG")
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _steps(constant)


def _imported(name: str, level: int, wanted: Any, names: Mapping[str, Any]) -> dict[str, Any]:
    """Return the module that a step of code imports, and modules that it takes from it."""
    if level:
        package = names.get("__package__") or str(names.get("__name__")).rpartition(".")[0]
        if not package:
            return {}
        name = importlib.util.resolve_name("." * level + name, package)
    found: dict[str, Any] = {}
    if (module := _module(name)) is not None:
        found[f"import {name}"] = module
        if is_own(name) and isinstance(wanted, tuple) and hasattr(module, "__path__"):
            for item in wanted:
                if not hasattr(module, item):
                    _module(f"{name}.{item}")
    return found


def _module(name: str) -> Any:
    """Return a module; None where it is not there, or is a firm one that nobody has loaded."""
    if name not in sys.modules:
        with contextlib.suppress(Exception):
            top = importlib.util.find_spec(name.split(".")[0])
            origin = None if top is None else top.origin
            if origin not in {None, "built-in", "frozen"} and not _is_installed(str(origin)):
                importlib.import_module(name)
    return sys.modules.get(name)


def _with_attributes(
    found: Mapping[str, Any], attributes: set[str], inside: frozenset[str]
) -> Iterator[tuple[str, Any]]:
    for name, value in found.items():
        yield name, value
        if isinstance(value, ModuleType) and is_own(value.__name__):
            if value.__name__ in inside:
                continue
            held = {f"{name}.{a}": vars(value)[a] for a in attributes if a in vars(value)}
            yield from _with_attributes(held, attributes, inside | {value.__name__})
