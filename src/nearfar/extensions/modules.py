"""The modules that a study names: files beside it, or installed modules."""

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module, metadata
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from nearfar.errors import UserError, first_line, nearest
from nearfar.extensions.registry import FOREIGN_ERRORS, REGISTRIES, Origin, PlugIn, set_study_parts

DICTIONARIES = {
    group: group.upper() for group in ("encoders", "heads", "objectives", "metrics", "sources")
}
"""Group → the dictionary of a module that holds its parts by name."""


def use_modules(names: Sequence[str], folder: Path) -> None:
    """Import the modules that a study names; their parts are the study's from now on.

    Args:
        names: of each module the name of a file beside the study, without ``.py``; the path of a
            file, relative to ``folder``; or the name of an installed module.
        folder: where the study file lies.

    Raises:
        UserError: no such module, it cannot be imported, or its parts cannot be used.
    """
    parts: dict[str, dict[str, PlugIn]] = {}
    origins: list[Origin] = []
    for name in names:
        module, origin, where = _imported(name, folder)
        if any(origin.module == other.module for other in origins):
            raise UserError(f"{where}: a module called {origin.module!r} is named already")
        origins.append(origin)
        for group, found in _dictionaries(module, where).items():
            for part_name, part in found.items():
                _check(group, part_name, part, where)
                if part_name in parts.setdefault(group, {}):
                    other = parts[group][part_name].origin.module
                    raise UserError(f"{where}: {group} {part_name!r} stands in {other} already")
                parts[group][part_name] = PlugIn(part, origin)
    set_study_parts(parts, origins)


def _dictionaries(module: ModuleType, where: str) -> dict[str, Mapping[str, object]]:
    """Return the parts that a module holds: group → name → part."""
    there = {group: vars(module)[at] for group, at in DICTIONARIES.items() if at in vars(module)}
    for group, found in there.items():
        if not isinstance(found, Mapping):
            raise UserError(f"{where}: {DICTIONARIES[group]} is not a dictionary name → part")
    if not any(len(found) for found in there.values()):
        raise UserError(f"{where}: has no part; {nearest('', DICTIONARIES.values())}")
    return there


def file_of(name: str, folder: Path) -> Path | None:
    """Return the file that a study in ``folder`` means by the name of a module, None if none."""
    # Normal, since the run folder that a path leads out of need not be there yet.
    path = Path(os.path.normpath(folder / (name if name.endswith(".py") else f"{name}.py")))
    try:
        return path if path.is_file() else None
    except OSError:
        return None


def _check(group: str, name: str, part: object, where: str) -> None:
    registry = REGISTRIES.get(group)
    if registry is None:
        return
    if name in registry.built_in:
        raise UserError(f"{where}: {registry.noun} {name!r} is built in: give yours another name")
    registry.checked(name, part, where)


def _imported(name: str, folder: Path) -> tuple[ModuleType, Origin, str]:
    """Return a module, where it comes from, and what messages call it."""
    path = file_of(name, folder)
    where = f"modules: {name if path is None else path.name}"
    try:
        if path is not None:
            return *_from_file(path), where
        if name.endswith(".py") or not _is_installed(name):
            beside = [found.stem for found in folder.glob("*.py")]
            raise UserError(
                f"{where}: no such file beside the study, nor an installed module; "
                + nearest(name, beside).replace("allowed: ", "files there: ")
            )
        module = import_module(name)
    except UserError:
        raise
    except FOREIGN_ERRORS as error:
        raise UserError(f"{where}: cannot be imported: {first_line(error)}") from error
    return module, Origin(name, _version(module)), where


def _is_installed(name: str) -> bool:
    return all(word.isidentifier() for word in name.split(".")) and find_spec(name) is not None


def _from_file(path: Path) -> tuple[ModuleType, Origin]:
    """Import a file by its path, once for each content."""
    content = path.read_bytes()
    digest = _digest(content)
    key = f"nearfar_module_{path.stem}_{digest}"
    if key not in sys.modules:
        spec = spec_from_file_location(key, path)
        assert spec is not None
        module = module_from_spec(spec)
        sys.modules[key] = module
        try:
            exec(compile(content, str(path), "exec"), module.__dict__)
        except BaseException:
            del sys.modules[key]
            raise
    return sys.modules[key], Origin(path.stem, digest)


def _version(module: ModuleType) -> str:
    """Return the version of an installed module's distribution, or else what its file holds."""
    top = module.__name__.split(".")[0]
    for distribution in metadata.packages_distributions().get(top, ()):
        return metadata.version(distribution)
    return _digest(Path(module.__file__).read_bytes()) if module.__file__ else ""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
