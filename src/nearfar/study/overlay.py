"""Study files as plain mappings: laying one over another."""

from collections.abc import Mapping
from typing import Any

from nearfar.errors import UserError
from nearfar.plain_yaml import parse_yaml
from nearfar.study.placeholders import PLACEHOLDER

CHOICES = frozenset({"encoder", "objective", "head", "readout", "optimizer", "schedule", "average"})
NAMED = frozenset({"axes", "stages", "arms", "targets"})
"""Blocks whose keys are names that people choose."""
_OWN_OPTION = {
    "profile": "give --profile NAME, which lays what the study says there over it",
    "profiles": "is settled when settings are laid over a study: set the keys themselves",
    "left_out": "NAME=null leaves an arm out",
}
LENGTHS = {"epochs": "iterations", "iterations": "epochs"}


def merge(below: Any, above: Any, key: str = "") -> Any:
    """Lay ``above`` over ``below``: mappings merge, all else is replaced.

    Under a key that names a choice (an encoder, an optimiser, …) the options merge only where both
    name the same one, those of a split where both are of one kind, and those of an estimator where
    both are of one class. Of epochs and iterations,
    ``above`` decides which it is; null decides nothing. Names that people choose, of arms for
    instance, mean nothing here.
    """
    if key in CHOICES:
        below, above = _as_choice(below), _as_choice(above)
        if isinstance(below, dict) and isinstance(above, dict) and set(below) != set(above):
            return above
    if key == "split" and isinstance(below, dict) and isinstance(above, dict):
        kind = below.get("kind", "random")
        if above.get("kind", kind) != kind:
            return above
    if key == "sklearn" and isinstance(below, dict) and isinstance(above, dict):
        same = below.get("class")
        if above.get("class", same) != same:
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
    if isinstance(value, str) and not PLACEHOLDER.match(value):
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
    if key in _OWN_OPTION:
        raise UserError(f"--set {key}: {_OWN_OPTION[key]}")
    nested: Any = parse_yaml(value, f"--set {key}")
    if nested == {}:
        raise UserError(f"--set {key}={{}}: lays nothing over {key}; null leaves an entry out")
    for part in reversed(key.split(".")):
        nested = {part: nested}
    result: dict[str, Any] = nested
    return result
