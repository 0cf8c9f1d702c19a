"""All YAML here, read by one set of rules and written so that it comes back as it was.

Plain values are those of YAML 1.2's core schema (its specification's section 10.3.2): ``yes``,
``1:30`` and dates are text, ``010`` is ten, 1e-3 is a number. A key stands once in its block, and
``<<`` merges.
"""

import re
from collections.abc import Iterable
from typing import Any, ClassVar

import yaml

from nearfar.errors import UserError

LONGEST = 1_000_000
"""Characters that a text may have."""

DEEPEST = 64
"""Blocks that may stand inside each other."""

MOST = 100_000
"""Values that a text may hold, those counted again that an alias repeats."""

EXPLAINED = 100_000
"""Characters up to which the slow parser is asked what is wrong, for it says it best."""

_TAG = "tag:yaml.org,2002:"
_DIGITS = 400
_PLAIN: dict[str, tuple[str, str]] = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "null": (r"~|null|Null|NULL|", "~nN"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+0123456789.",
    ),
}
"""What a plain scalar looks like, and the characters that it may begin with."""


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Puts text that would be read as a number in quotes, by YAML 1.1 and by 1.2."""


def _mapping(loader: Any, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    keys = [loader.construct_object(k, deep=True) for k, _ in node.value if k.tag != f"{_TAG}merge"]
    line = node.start_mark.line + 1
    seen: set[Any] = set()
    for key in keys:
        if isinstance(key, dict | list):
            raise UserError(f"{key!r} cannot be a key in the block at line {line}")
        if key in seen:
            raise UserError(f"the key {key!r} stands twice in the block at line {line}")
        seen.add(key)
    loader.flatten_mapping(node)
    return {
        loader.construct_object(k, deep=True): loader.construct_object(v, deep=True)
        for k, v in node.value
    }


def _integer(loader: Any, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    if len(text) > _DIGITS:
        raise _wrong(node, f"a number of {len(text)} digits")
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    try:
        return int(text[2:] if base != 10 else text, base)
    except ValueError:
        raise _wrong(node, f"{text!r} is no whole number") from None


def _float(loader: Any, node: yaml.ScalarNode) -> float:
    text = str(loader.construct_scalar(node))
    try:
        return float(re.sub(r"^([-+]?)\.(inf|nan)$", r"\1\2", text.lower()))
    except ValueError:
        raise _wrong(node, f"{text!r} is no number") from None


def _truth(loader: Any, node: yaml.ScalarNode) -> bool:
    text = str(loader.construct_scalar(node)).lower()
    if text not in ("true", "false"):
        raise _wrong(node, f"{text!r} is neither true nor false")
    return text == "true"


def _wrong(node: yaml.Node, problem: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _strict(parser: Any) -> Any:
    """Return a parser of YAML with the rules of this module, and no other tags."""

    class Strict(parser):  # type: ignore[misc]
        """YAML 1.2's core schema, in which a key may stand only once."""

        yaml_implicit_resolvers: ClassVar[dict[str, list[Any]]] = {}
        yaml_constructors: ClassVar[dict[str | None, Any]] = {}

    for kind, (pattern, first) in _PLAIN.items():
        letters = [*first, *([""] if kind == "null" else [])]
        Strict.add_implicit_resolver(_TAG + kind, re.compile(f"^(?:{pattern})$"), letters)
    Strict.add_implicit_resolver(f"{_TAG}merge", re.compile("^(?:<<)$"), ["<"])
    Strict.add_constructor(f"{_TAG}map", _mapping)
    Strict.add_constructor(f"{_TAG}int", _integer)
    Strict.add_constructor(f"{_TAG}float", _float)
    Strict.add_constructor(f"{_TAG}bool", _truth)
    for kind in ("str", "seq", "null"):
        Strict.add_constructor(_TAG + kind, yaml.SafeLoader.yaml_constructors[_TAG + kind])
    Strict.add_constructor(f"{_TAG}merge", yaml.SafeLoader.construct_yaml_str)
    Strict.add_constructor(None, _unknown_tag)
    return Strict


def _unknown_tag(loader: Any, node: yaml.Node) -> None:
    raise _wrong(node, f"the tag {node.tag.removeprefix(_TAG)!r} is none that is read here")


for _kind in ("int", "float"):
    _pattern, _first = _PLAIN[_kind]
    _Dumper.add_implicit_resolver(_TAG + _kind, re.compile(f"^(?:{_pattern})$"), [*_first])
_EXACT = _strict(yaml.SafeLoader)
"""Says best where a mistake is."""
_FAST = _strict(getattr(yaml, "CSafeLoader", yaml.SafeLoader))
"""Eight times as fast."""


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
        UserError: the text is not YAML, a key stands twice, or it is longer, deeper or holds more
            than ``LONGEST``, ``DEEPEST`` and ``MOST`` allow; names ``where``.
    """
    if len(text) > LONGEST:
        raise UserError(f"{where}: {len(text):,} characters; a study has at most {LONGEST:,}")
    try:
        return _loaded(text)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "cannot be read"
        raise UserError(f"{where}{at}: not valid YAML: {problem}") from None


def _loaded(text: str) -> Any:
    try:
        _bounded(yaml.parse(text, Loader=_FAST))
        return yaml.load(text, Loader=_FAST)
    except yaml.YAMLError:
        if len(text) > EXPLAINED:
            raise
        return yaml.load(text, Loader=_EXACT)


def _bounded(events: Iterable[yaml.Event]) -> None:
    """Refuse what is too deep, or holds too much once its aliases are written out.

    Raises:
        UserError: it is; says at which line.
    """
    sizes: dict[str, int] = {}
    opened: list[tuple[str | None, int]] = []
    held = 0
    for event in events:
        line = getattr(event.start_mark, "line", 0) + 1
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in [name for name, _ in opened]:
                raise UserError(f"the alias *{event.anchor} at line {line} stands inside itself")
            held += sizes.get(str(event.anchor), 0)
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, held))
            held += 1
            if len(opened) > DEEPEST:
                raise UserError(f"blocks stand more than {DEEPEST} deep at line {line}")
        elif isinstance(event, yaml.CollectionEndEvent):
            name, before = opened.pop()
            sizes[str(name)] = held - before
        elif isinstance(event, yaml.ScalarEvent):
            held += 1
            sizes[str(event.anchor)] = 1
        if held > MOST:
            raise UserError(f"more than {MOST:,} values by line {line}, those of aliases counted")
