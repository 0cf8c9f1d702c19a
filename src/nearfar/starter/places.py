"""How a study file says where the data, and files that belong to them, are."""

from __future__ import annotations

from pathlib import Path

from nearfar.data.options import DataOptions


def path_in_study(data: Path, study: Path) -> str:
    """Return the path of data, given from the working folder, as the study file should say it."""
    if not data.expanduser().exists():
        return str(data)
    folder, found = study.parent.resolve(), data.expanduser().resolve()
    return str(found.relative_to(folder)) if found.is_relative_to(folder) else str(found)


def with_paths_of(study: Path, options: DataOptions) -> DataOptions:
    """Return options whose ``root`` and ``mapping`` are said as the study file should say them."""
    given = {"root": options.root, "mapping": options.mapping}
    said = {k: path_in_study(Path(path), study) for k, path in given.items() if path is not None}
    return options.model_copy(update=said)
