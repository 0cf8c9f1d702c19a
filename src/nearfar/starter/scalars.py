"""Texts, numbers and truth values as a study file holds them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from nearfar.plain_yaml import to_yaml

_MANY = 50
"""Values of a list that have a line each; of longer lists several stand in one."""
_WIDTH = 100


def scalar(value: str | float | bool) -> str:
    """Return a text, number or truth value as YAML 1.1 and 1.2 read it back.

    A text is quoted unless it is plainly a name or path; what cannot stand in a YAML file is
    escaped.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:.15g}" if value == int(value) else repr(value)
    text = value
    plain = re.fullmatch(r"[A-Za-z/.][\w/.() -]*[\w)]", text, flags=re.ASCII)
    if plain and to_yaml({"it": text}) == f"it: {text}\n":
        return text
    return "".join(
        sign if sign.isprintable() else json.dumps(sign)[1:-1]
        for sign in json.dumps(text, ensure_ascii=False)
    )


def value_list(name: str, values: Sequence[str | float | bool], indent: str) -> list[str]:
    """Return the lines of a key and a list: a value a line, of long lists as many as fit."""
    items = [scalar(value) for value in values]
    if len(items) <= _MANY:
        return [f"{indent}{name}:", *(f"{indent}  - {item}" for item in items)]
    within, lines = f"{indent}  ", [""]
    for item in items:
        if lines[-1] and len(within) + len(lines[-1]) + len(item) > _WIDTH - 2:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{item},"
    return [f"{indent}{name}: [", *(within + line for line in lines), f"{indent}]"]
