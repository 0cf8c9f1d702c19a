"""Parts by name: the built-in ones, those of the study's modules, those of installed packages."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any, TypeVar

from nearfar.errors import UserError, first_line

T = TypeVar("T")


@dataclass(frozen=True)
class Origin:
    """The module that a part comes from, and which version of it.

    The version is that of the distribution, or of a file 16 hexadecimal digits of its SHA-256.
    """

    module: str
    version: str


@dataclass(frozen=True)
class PlugIn:
    """A part that does not come with nearfar."""

    part: Any
    origin: Origin


FOREIGN_ERRORS = (Exception, SystemExit)
"""What somebody else's code may raise: it must not end a command or a worker by itself."""

REGISTRIES: dict[str, Registry[Any]] = {}
"""Group (``encoders``) → its registry, of those that are imported."""

_of_the_study: dict[str, dict[str, PlugIn]] = {}
_of_the_process: dict[str, dict[str, PlugIn]] = {}
_versions: dict[str, str] = {}


def set_study_parts(parts: dict[str, dict[str, PlugIn]], origins: list[Origin]) -> None:
    """Let these parts (group → name → part) of these modules be the study's, and no others."""
    _of_the_study.clear()
    _of_the_study.update(parts)
    _versions.clear()
    _versions.update({origin.module: origin.version for origin in origins})


def add_process_part(group: str, name: str, part: PlugIn) -> None:
    """Let a part be known by a name in this process alone, to every study that says it.

    The name and the part's origin must tell it from every other one: it is hashed by them. No list
    of names has it: nobody writes it.
    """
    _of_the_process.setdefault(group, {})[name] = part


def changed_modules(known: Mapping[str, str]) -> list[str]:
    """Return those of the modules (name → version) whose version in use is another one."""
    return [name for name, version in known.items() if _versions.get(name, version) != version]


class Registry(Mapping[str, T]):
    """Name in a study file → part.

    A built-in name comes before a plug-in's. Packages are asked for a name only when it is neither
    built in nor brought by the study's modules: nothing of them is imported before. Iteration
    gives the parts that are known without importing any, those of the process aside; ``names()``
    the names of all.

    Args:
        noun: what a part is called in messages.
        group: entry points stand in the group ``nearfar.<group>``, a module's parts in its
            dictionary ``<GROUP>``.
        built_in: name → part.
        check: returns what a part lacks, empty where it lacks nothing.
    """

    def __init__(
        self, noun: str, group: str, built_in: Mapping[str, T], check: Callable[[Any], str]
    ) -> None:
        self.noun, self.group, self.built_in, self.check = noun, group, built_in, check
        self._imported: dict[str, PlugIn] = {}
        REGISTRIES[group] = self

    def __getitem__(self, name: str) -> T:
        if name in self.built_in:
            return self.built_in[name]
        found = self._plug_in(name)
        if found is None:
            raise KeyError(name)
        part: T = found.part
        return part

    def __iter__(self) -> Iterator[str]:
        of_the_study = _of_the_study.get(self.group, {})
        return iter(dict.fromkeys([*self.built_in, *of_the_study, *self._imported]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def names(self) -> list[str]:
        """Return the names of all parts, imported or not."""
        return sorted({*self, *_entry_points(f"nearfar.{self.group}")})

    def origin(self, name: str) -> Origin | None:
        """Return where a part comes from, None for a built-in one."""
        found = None if name in self.built_in else self._plug_in(name)
        return None if found is None else found.origin

    def checked(self, name: str, part: Any, where: str) -> Any:
        """Return a part as it is.

        Raises:
            UserError: it does not offer what such a part must offer; says what.
        """
        try:
            wrong = self.check(part)
        except FOREIGN_ERRORS as error:
            wrong = f"cannot be checked: {first_line(error)}"
        if wrong:
            raise UserError(f"{where}: {self.noun} {name!r} {wrong}")
        return part

    @property
    def _own(self) -> dict[str, PlugIn]:
        here = _of_the_process.get(self.group, {})
        return {**here, **_of_the_study.get(self.group, {})}

    def _plug_in(self, name: str) -> PlugIn | None:
        entries = _entry_points(f"nearfar.{self.group}").get(name, [])
        places = [_package(entry) for entry in entries]
        if name in self._own:
            places.insert(0, f"module {self._own[name].origin.module}")
        if len(places) > 1:
            raise UserError(
                f"{self.noun} {name!r} comes from {' and from '.join(places)}: keep one of them"
            )
        if name in self._own:
            return self._own[name]
        if entries and name not in self._imported:
            self._imported[name] = self._import(name, entries[0])
        return self._imported.get(name)

    def _import(self, name: str, entry: metadata.EntryPoint) -> PlugIn:
        place = _package(entry)
        try:
            part = entry.load()
        except FOREIGN_ERRORS as error:
            raise UserError(
                f"{self.noun} {name!r} of {place} cannot be imported: {first_line(error)}"
            ) from error
        version = entry.dist.version if entry.dist else ""
        return PlugIn(self.checked(name, part, place), Origin(entry.module, version))


class Part(Mapping[str, T]):
    """Those parts of a registry that ``belongs`` accepts."""

    def __init__(self, whole: Registry[Any], belongs: Callable[[Any], bool]) -> None:
        self.whole, self.belongs = whole, belongs

    def __getitem__(self, name: str) -> T:
        part: T = self.whole[name]
        if not self.belongs(part):
            raise KeyError(name)
        return part

    def __iter__(self) -> Iterator[str]:
        return (name for name, part in self.whole.items() if self.belongs(part))

    def __len__(self) -> int:
        return len(list(iter(self)))


@functools.cache
def _entry_points(group: str) -> dict[str, list[metadata.EntryPoint]]:
    found: dict[str, dict[tuple[str, str], metadata.EntryPoint]] = {}
    for entry in metadata.entry_points(group=group):
        found.setdefault(entry.name, {})[_package(entry), entry.value] = entry
    return {name: list(entries.values()) for name, entries in found.items()}


def _package(entry: metadata.EntryPoint) -> str:
    return f"package {entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
