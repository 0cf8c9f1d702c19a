"""All YAML here, read by one set of rules and written so that it comes back as it was.

A key stands once in its block, and 1e-3 is a number.
"""

import re
from typing import Any

import yaml

from nearfar.errors import UserError

EXPONENT = re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$")
"""Numbers that YAML 1.1 takes for text, because they have no point or no sign in the exponent."""


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Puts text that looks like such a number in quotes."""


def _mapping(loader: Any, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
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


def _strict(parser: Any) -> Any:
    """Return a parser of YAML with the rules of this module."""

    class Strict(parser):  # type: ignore[misc]
        """YAML in which a key may stand only once and 1e-3 is a number."""

    Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
    Strict.add_implicit_resolver(*_NUMBERS)
    return Strict


_NUMBERS = ("tag:yaml.org,2002:float", EXPONENT, list("-+0123456789"))
_Dumper.add_implicit_resolver(*_NUMBERS)
_EXACT = _strict(yaml.SafeLoader)
"""For what people write: says best where a mistake is."""
_FAST = _strict(getattr(yaml, "CSafeLoader", yaml.SafeLoader))
"""For what comes with the package or is written by it: eight times as fast."""


def to_yaml(value: Any) -> str:
    """Return plain values as YAML, keys in their order."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def from_yaml(text: str) -> Any:
    """Return the value of a text that ``to_yaml`` wrote, or that comes with the package."""
    return yaml.load(text, Loader=_FAST)


def parse_yaml(text: str, where: str) -> Any:
    """Return the value of a YAML text that a person wrote.

    Raises:
        UserError: the text is not YAML, or a key stands twice; names ``where``.
    """
    try:
        return yaml.load(text, Loader=_EXACT)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "cannot be read"
        raise UserError(f"{where}{at}: not valid YAML: {problem}") from None
