"""Texts, numbers and truth values as a study file holds them."""

from __future__ import annotations

import json
import re

from nearfar.plain_yaml import to_yaml


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
