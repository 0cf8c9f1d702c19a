"""What Hugging Face `datasets` notes of the columns of a table, beside their types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nearfar.data.spelling import composed
from nearfar.errors import UserError
from nearfar.plain_yaml import parse_yaml

_MOST_BYTES = 2**24


def columns_of_kind(schema: Any, kind: str) -> list[str]:
    """Return the columns of an arrow schema that are noted as of a kind, such as ``Image``."""
    return [column for column, feature in noted(schema).items() if _is(feature, kind)]


def class_names(schema: Any) -> dict[str, tuple[str, ...]]:
    """Return column → names of its classes, of the columns that are noted as ClassLabel.

    The names are in the order of the numbers 0, 1, 2, … that the column holds.
    """
    return names_in(noted(schema))


def names_in(features: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return column → names of its classes, of features as `datasets` writes them in JSON."""
    return {
        composed(column): tuple(map(str, names))
        for column, feature in features.items()
        if _is(feature, "ClassLabel") and isinstance(names := feature.get("names"), list) and names
    }


def names_beside(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return column → names of its classes, as files say that lie beside parquet files.

    These are ``dataset_info.json``, ``dataset_infos.json``, and the head of ``README.md``, which
    `datasets` and the hub write.

    Raises:
        UserError: if one of the first two is damaged, or is of several data sets that differ.
    """
    for name in ("dataset_info.json", "dataset_infos.json", "README.md"):
        if (path := folder / name).is_file() and path.stat().st_size <= _MOST_BYTES:
            infos = _infos(path)
            found = [names for info in infos if (names := _names_of(info))]
            if any(names != found[0] for names in found):
                raise UserError(
                    f"{path}: is of {len(found)} data sets whose classes differ: keep the one of "
                    "these files"
                )
            if found:
                return found[0]
    return {}


def same_names(where: str, pieces: list[dict[str, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    """Return the class names of pieces of one data set.

    Raises:
        UserError: if a column has other names, or another order of them, in two pieces.
    """
    for piece in pieces[1:]:
        for column in pieces[0].keys() | piece.keys():
            if piece.get(column) != pieces[0].get(column):
                raise UserError(
                    f"{where}: its pieces name the classes of '{column}' differently, so a number "
                    "in it means two things: write them with the same names"
                )
    return pieces[0] if pieces else {}


def _infos(path: Path) -> list[Any]:
    """Return what a file says of one data set, or of several."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".md":
            head = text.split("---", 2)[1] if text.startswith("---") else ""
            infos = (parse_yaml(head, str(path)) or {}).get("dataset_info", [])
            return infos if isinstance(infos, list) else [infos]
        content = json.loads(text)
        return list(content.values()) if path.stem == "dataset_infos" else [content]
    except (OSError, ValueError, AttributeError, IndexError, RecursionError, UserError) as error:
        if path.suffix == ".md":
            return []
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path}: not what `datasets` writes under this name: {first}") from error


def _names_of(info: Any) -> dict[str, tuple[str, ...]]:
    features = info.get("features") if isinstance(info, dict) else None
    if isinstance(features, dict):
        return names_in(features)
    named: dict[str, tuple[str, ...]] = {}
    for feature in features if isinstance(features, list) else []:
        kind = feature.get("dtype") if isinstance(feature, dict) else None
        label = kind.get("class_label") if isinstance(kind, dict) else None
        names = label.get("names") if isinstance(label, dict) else None
        if isinstance(names, dict) and all(str(key).isdecimal() for key in names):
            names = [names[key] for key in sorted(names, key=int)]
        if isinstance(names, list):
            named[composed(str(feature.get("name")))] = tuple(map(str, names))
    return named


def noted(schema: Any) -> dict[str, Any]:
    """Return what is noted of the columns that an arrow schema has, nothing if nothing is."""
    try:
        found = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    notes = found if isinstance(found, dict) else {}
    return {column: note for column, note in notes.items() if column in schema.names}


def _is(feature: Any, kind: str) -> bool:
    return isinstance(feature, dict) and feature.get("_type") == kind
