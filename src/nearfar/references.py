"""Dictionaries whose values are named, ``module:attribute``, and imported when they are asked for.

So the names of all parts are known at no cost, and a part of one's own is one line.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, TypeVar, cast

T = TypeVar("T")


def referred(reference: str) -> Any:
    """Return what stands at ``module:attribute``.

    Raises:
        ImportError: there is no such module.
        AttributeError: it has no such attribute.
    """
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)


class References(Mapping[str, T]):
    """Name → the thing that its reference stands for."""

    def __init__(self, references: Mapping[str, str]) -> None:
        self._references = dict(references)

    def __getitem__(self, name: str) -> T:
        return cast(T, referred(self._references[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._references)

    def __contains__(self, name: object) -> bool:
        return name in self._references

    def __len__(self) -> int:
        return len(self._references)
