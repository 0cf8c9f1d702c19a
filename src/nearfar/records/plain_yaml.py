"""YAML of plain values, in which 1e-3 is a number: what is written as text is read as text."""

import re
from typing import Any

import yaml

EXPONENT = re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$")
"""Numbers that YAML 1.1 takes for text, because they have no point or no sign in the exponent."""


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Puts text that looks like such a number in quotes."""


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("-+0123456789"))
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def to_yaml(value: Any) -> str:
    """Return plain values as YAML, keys in their order."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def from_yaml(text: str) -> Any:
    """Return the plain values that ``to_yaml`` wrote."""
    return yaml.load(text, Loader=_Loader)
