"""Whether a class is made as a study file makes its parts."""

import inspect
import keyword
import typing
from collections.abc import Mapping
from typing import Any


def signature_mistake(kind: type[Any], first: tuple[str, ...]) -> str:
    """Return what is wrong with a constructor, empty if nothing.

    It takes ``first`` by place; all others are its options in a study file: keyword-only,
    annotated, with defaults.
    """
    try:
        parameters = list(inspect.signature(kind).parameters.values())
        hints = typing.get_type_hints(kind.__init__)
    except (TypeError, ValueError, NameError) as error:
        return f"has a constructor that cannot be read: {error}"
    placed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(placed) != len(first):
        expected = ", ".join(("self", *first))
        return f"must be made by __init__({expected}, *, options)"
    for option in parameters[len(first) :]:
        if option.kind is not option.KEYWORD_ONLY:
            return f"must name its options: {option} cannot be one"
        if option.default is option.empty or option.name not in hints:
            return f"has an option {option.name!r} without annotation or default"
    return ""


def missing(kind: type[Any], names: tuple[str, ...]) -> str:
    """Return a phrase that tells which attributes a class lacks, empty if none."""
    lacking = [name for name in names if not hasattr(kind, name)]
    return f"lacks {', '.join(lacking)}" if lacking else ""


def option_name(parameter: str) -> str:
    """Return how a study file calls a parameter: one that a keyword of Python forbids loses its _.

    >>> option_name("class_"), option_name("tail_")
    ('class', 'tail_')
    """
    bare = parameter.removesuffix("_")
    return bare if keyword.iskeyword(bare) else parameter


def arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options by the names of the parameters that take them.

    >>> arguments({"class": 1, "size": 2})
    {'class_': 1, 'size': 2}
    """
    return {f"{name}_" if keyword.iskeyword(name) else name: v for name, v in options.items()}
