"""Reading YAML, strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from nearfar.errors import UserError
from nearfar.records.plain_yaml import EXPONENT


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
