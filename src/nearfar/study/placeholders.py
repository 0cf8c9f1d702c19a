"""Placeholders `$axis` in a study's text: found, filled, put back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

PLACEHOLDER = re.compile(r"^\$([A-Za-z_][A-Za-z0-9_]*)$")


def placeholders(value: Any) -> set[str]:
    """Return the names that stand as ``$name`` anywhere in ``value``."""
    if isinstance(value, str):
        found = PLACEHOLDER.match(value)
        return {found[1]} if found else set()
    if isinstance(value, Mapping):
        return set().union(*(placeholders(item) for item in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(placeholders(item) for item in value))
    return set()


def replace(value: Any, change: Callable[[str], Any]) -> Any:
    """Return ``value`` with every ``$name`` replaced by ``change(name)``."""
    if isinstance(value, str):
        found = PLACEHOLDER.match(value)
        return change(found[1]) if found else value
    if isinstance(value, Mapping):
        return {key: replace(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [replace(item, change) for item in value]
    return value


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """Return ``value`` with every ``$name`` that is among ``values`` replaced by its value."""
    return replace(value, lambda name: values.get(name, f"${name}"))


def restore(resolved: Sequence[Any], template: Any) -> Any:
    """Return what a file says for all of several resolved values, placeholders back in place.

    ``resolved`` holds the value at every combination of the axes, ``template`` what the file has
    there. A default that differs between them is left out: it comes of itself.
    """
    first = resolved[0]
    if isinstance(template, str) and PLACEHOLDER.match(template):
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
