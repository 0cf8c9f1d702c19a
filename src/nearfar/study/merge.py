"""Study files as plain mappings: reading YAML, laying one over another, ``$name`` placeholders."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from nearfar.errors import UserError
from nearfar.records.plain_yaml import EXPONENT

CHOICES = frozenset({"encoder", "objective", "head", "readout", "optimizer", "schedule"})
NAMED = frozenset({"axes", "stages", "arms", "targets"})
"""Blocks whose keys are names that people choose."""
LENGTHS = {"epochs": "iterations", "iterations": "epochs"}
_PLACEHOLDER = re.compile(r"^\$([A-Za-z_][A-Za-z0-9_]*)$")
Path_ = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """YAML in which a key may stand only once and 1e-3 is a number."""


def _mapping(loader: _Loader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    merged = "tag:yaml.org,2002:merge"
    keys = [loader.construct_object(k, deep=True) for k, _ in node.value if k.tag != merged]
    line = node.start_mark.line + 1
    for key in keys:
        if isinstance(key, dict | list):
            raise UserError(f"{key!r} cannot be a key in the block at line {line}")
        if keys.count(key) > 1:
            raise UserError(f"the key {key!r} stands twice in the block at line {line}")
    loader.flatten_mapping(node)
    return {
        loader.construct_object(k, deep=True): loader.construct_object(v, deep=True)
        for k, v in node.value
    }


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("-+0123456789"))


def parse_yaml(text: str, where: str) -> Any:
    """Return the value of a YAML text.

    Raises:
        UserError: the text is not YAML, or a key stands twice; names ``where``.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "cannot be read"
        raise UserError(f"{where}{at}: not valid YAML: {problem}") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file.

    Raises:
        UserError: no such file, not text, not YAML, or not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file in UTF-8") from None
    value = parse_yaml(text, str(path))
    if not isinstance(value, dict):
        raise UserError(f"{path}: a study file holds keys and values, starting with 'study: name'")
    return value


def merge(below: Any, above: Any, key: str = "") -> Any:
    """Lay ``above`` over ``below``: mappings merge, all else is replaced.

    Under a key that names a choice (an encoder, an optimiser, …) the options merge only where both
    name the same one. Of epochs and iterations, ``above`` decides which it is; null decides
    nothing. Names that people choose, of arms for instance, mean nothing here.
    """
    if key in CHOICES:
        below, above = _as_choice(below), _as_choice(above)
        if isinstance(below, dict) and isinstance(above, dict) and set(below) != set(above):
            return above
    if key == "track" and isinstance(above, dict):
        below = by_name(below)
    if isinstance(below, dict) and isinstance(above, dict):
        merged = {
            name: value for name, value in below.items() if above.get(LENGTHS.get(name)) is None
        }
        for name, value in above.items():
            inner = "" if key in NAMED else str(name)
            merged[name] = merge(below[name], value, inner) if name in merged else value
        return merged
    return above


def by_name(given: Any) -> Any:
    """Return ``a`` or ``[a, {b: options}]`` as name → options; what is neither, as it is."""
    if isinstance(given, str):
        return {given: {}}
    if not isinstance(given, list) or not all(isinstance(item, str | Mapping) for item in given):
        return given
    pairs = [pair for item in given for pair in by_name(item).items()]
    return given if len(dict(pairs)) < len(pairs) else dict(pairs)


def _as_choice(value: Any) -> Any:
    if isinstance(value, str) and not _PLACEHOLDER.match(value):
        return {value: {}}
    if isinstance(value, dict):
        return {name: {} if options is None else options for name, options in value.items()}
    return value


def assignment(text: str) -> dict[str, Any]:
    """Return ``a.b.c=value`` as nested mappings; the value is read as YAML.

    Raises:
        UserError: there is no ``=`` or no key.
    """
    key, sign, value = text.partition("=")
    if not sign or not all(key.split(".")):
        raise UserError(f"--set {text}: needs key=value, for example stages.rnc.epochs=200")
    nested: Any = parse_yaml(value, f"--set {key}")
    for part in reversed(key.split(".")):
        nested = {part: nested}
    result: dict[str, Any] = nested
    return result


def placeholders(value: Any) -> set[str]:
    """Return the names that stand as ``$name`` anywhere in ``value``."""
    if isinstance(value, str):
        found = _PLACEHOLDER.match(value)
        return {found[1]} if found else set()
    if isinstance(value, Mapping):
        return set().union(*(placeholders(item) for item in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(placeholders(item) for item in value))
    return set()


def replace(value: Any, change: Callable[[str], Any]) -> Any:
    """Return ``value`` with every ``$name`` replaced by ``change(name)``."""
    if isinstance(value, str):
        found = _PLACEHOLDER.match(value)
        return change(found[1]) if found else value
    if isinstance(value, Mapping):
        return {key: replace(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [replace(item, change) for item in value]
    return value


def restore(resolved: Sequence[Any], template: Any) -> Any:
    """Return what a file says for all of several resolved values, placeholders back in place.

    ``resolved`` holds the value at every combination of the axes, ``template`` what the file has
    there. A default that differs between them is left out: it comes of itself.
    """
    first = resolved[0]
    if isinstance(template, str) and _PLACEHOLDER.match(template):
        return template
    if isinstance(template, list | tuple) and placeholders(template):
        return template
    if not isinstance(template, Mapping) or not isinstance(first, dict):
        return first
    restored = {}
    for key in [*first, *(key for key in template if key not in first)]:
        values = [each[key] for each in resolved if key in each]
        if key not in first:
            if placeholders(template[key]):
                restored[key] = template[key]
        elif key in template:
            restored[key] = restore(values, template[key])
        elif all(value == first[key] for value in values) and len(values) == len(resolved):
            restored[key] = first[key]
    return restored
