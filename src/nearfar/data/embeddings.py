"""Embeddings from files put beside the rows of a data set, joined by id or by row number."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.dataset import Dataset, InputRows
from nearfar.data.inputs.embedded import Embeddings
from nearfar.data.path_order import by_sorted_path
from nearfar.data.read.embeddings import ROW_NUMBER, EmbeddingFile, read_embeddings
from nearfar.data.read.locate import locate
from nearfar.errors import UserError, shown

FileOptions = Mapping[str, Any]
"""What a study says of a file: ``path``, ``key``, ``values``, ``match``."""
AT_STUDY = (
    "name the column of the data with data: {id: COLUMN}, or say with match: row that its rows lie "
    "in the order of the data's"
)
_BY_ID = (
    "leave match out to join them by id",
    "name the column of the data that has its ids with data: {id: COLUMN}, and leave match out",
)
"""What to do where rows do not lie in the order of the data's: ids of the data known, or not."""
_SHOWN = 3


def options_key(options: FileOptions) -> str:
    """Return what tells files of a study apart: all that it says of one."""
    return json.dumps(dict(options), sort_keys=True)


def with_embeddings(dataset: Dataset, files: Sequence[FileOptions], folder: Path) -> Dataset:
    """Return a data set with what some files say of its rows.

    Args:
        dataset: the rows.
        files: what the study says of each.
        folder: where relative paths begin.

    Raises:
        UserError: a file is not there, cannot be read, or lacks rows.
    """
    found: dict[str, Embeddings] = {}
    for options in files:
        path = locate(str(options["path"]), folder)[0]
        file = read_file_of(path, options, dataset.source.get("id"))
        found[options_key(options)] = embeddings_of(dataset, file, options.get("match"))
        refuse_answers(file, dataset.target_names)
    return replace(dataset, embeddings=found) if found else dataset


def read_file_of(path: Path, options: FileOptions, of_data: str | None) -> EmbeddingFile:
    """Read a file as a study says; ``of_data`` is the column of ids of its data, None for none.

    Raises:
        UserError: the data have such a column, and of a file that could have ids too, none is
            known to be.
    """
    file = read_embeddings(path, options.get("key"), options.get("values"), of_data)
    could = path.suffix.lower() != ".npy" and options.get("match") is None
    if of_data is not None and file.ids is None and could:
        raise UserError(
            f"{file.name}: which of its columns is '{of_data}' of the data? key: NAME says it, or "
            "match: row that its rows lie in the order of the data's"
        )
    return file


def embeddings_of(
    rows: InputRows, file: EmbeddingFile, match: str | None = None, hint: str = AT_STUDY
) -> Embeddings:
    """Return what a file says of rows, in their order.

    By id where the file has ids, and by row number where it has none or ``match`` says ``row``.
    Then it has as many rows as the source of the data, those that cannot be used among them.

    Raises:
        UserError: a row without embedding, an id that stands twice in the file, what is no finite
            number, another number of rows; ``hint`` says how ids of the data are named.
    """
    if match == "id" and file.ids is None:
        raise UserError(f"{file.name}: match: id, and it has no ids: name them with key: NAME")
    by_row = file.ids is None or match == "row"
    keys = ids_in(rows, file)
    places, told = _by_row(rows, file) if by_row else _by_id(keys, file, hint)
    values = file.values[places]
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        row, column = (int(one) for one in wrong[0])
        more = f"; {len(wrong) - 1:,} more are so" if len(wrong) > 1 else ""
        which = f" ({file.ids[places[row]]!r})" if file.ids is not None else ""
        raise UserError(
            f"{file.name}: row {places[row] + 1}{which}, column {column + 1} is "
            f"{float(values[row, column])} in float32, not a finite number{more}"
        )
    if file.passed:
        told += f"; columns without numbers are passed over: {_listed(file.passed)}"
    if file.counting:
        counting = _listed([shown(one, 40) for one in file.counting])
        told += f"; left out, as what counts or names the rows: {counting}"
    shape = f"{values.shape[1]:,} columns of {len(rows):,} rows"
    return Embeddings(values, file.names, f"{file.name}: {shape}, {told}")


def ids_in(rows: InputRows, file: EmbeddingFile) -> list[str] | None:
    """Return what rows are called in a file: as the data say, or by the numbers of the rows."""
    numbered = file.key == ROW_NUMBER and rows.source.get("id") != ROW_NUMBER
    return rows.ids if numbered else rows.keys


def _are_numbers(ids: Sequence[str], total: int) -> bool:
    """Tell whether ids are numbers of rows, from 1 to ``total``, each once at most."""
    there = set(ids)
    return len(there) == len(ids) and there <= {str(number + 1) for number in range(total)}


def _by_row(rows: InputRows, file: EmbeddingFile) -> tuple[npt.NDArray[np.int64], str]:
    numbered = all(one.isdecimal() for one in rows.ids)
    read = rows.source.get("read", len(rows)) if numbered else len(rows)
    total = read if rows.given is None else rows.given.length
    if len(file.values) != total:
        if numbered and file.ids is not None and _are_numbers(file.ids, total):
            return _by_id(rows.ids, file, "")
        raise UserError(
            f"{file.name}: {len(file.values):,} rows and no ids to join them by, and the data have"
            f" {total:,}: save ids beside them (.npz with ids=…, a table with a column id)"
            if file.ids is None
            else f"{file.name}: match: row, and it has {len(file.values):,} rows where the data "
            f"have {total:,}: {_BY_ID[rows.keys is None]}"
        )
    numbers = map(int, rows.ids) if numbered and "read" in rows.source else range(1, len(rows) + 1)
    places = np.fromiter(numbers, dtype=np.int64) - 1
    if rows.paths is not None:
        return _by_path(rows.paths, places, file)
    order = "" if rows.keys is None else f": {', '.join(rows.keys[:_SHOWN])}, …"
    return places, f"joined by row number{order}"


def _by_path(
    paths: Sequence[str], numbers: npt.NDArray[np.int64], file: EmbeddingFile
) -> tuple[npt.NDArray[np.int64], str]:
    """Return where in a file the pictures ``numbers`` of a folder are, by their sorted paths."""
    remedy = "leave match out to join them by id"
    if file.ids is None:
        remedy = "save the paths beside the rows, numpy.savez(FILE, ids=paths, embeddings=…)"
    places = np.array(by_sorted_path(paths, file.name, remedy), dtype=np.int64)
    first = [paths[row] for row in np.argsort(places)[:_SHOWN]]
    return places[numbers], f"joined by row number: {', '.join(first)}, …, the sorted paths"


def _by_id(
    keys: Sequence[str] | None, file: EmbeddingFile, hint: str
) -> tuple[npt.NDArray[np.int64], str]:
    assert file.ids is not None
    if keys is None:
        raise UserError(
            f"{file.name} has ids ('{file.key}', such as {shown(file.ids[0], 40)}): {hint}"
        )
    twice = [one for one, count in Counter(file.ids).items() if count > 1]
    if twice:
        raise UserError(
            f"{file.name}: id {shown(twice[0], 60)} stands there {file.ids.count(twice[0])} times"
            f"{_more(len(twice) - 1, 'id')}; each may stand once"
        )
    place = {one: k for k, one in enumerate(file.ids)}
    missing = list(dict.fromkeys(key for key in keys if key not in place))
    known = len(set(keys))
    if missing:
        where = "none" if len(missing) == known else f"no row for {len(missing):,}"
        listed = ", ".join(shown(one, 60) for one in missing[:_SHOWN])
        raise UserError(
            f"{file.name} has {where} of the {known:,} ids of the data ({listed}"
            f"{', …' if len(missing) > _SHOWN else ''}); its own look like "
            f"{shown(file.ids[0], 60)}"
        )
    foreign = len(place) - known
    told = f"joined by id ('{file.key}')"
    told += f"; {foreign:,} of its ids are of no row of the data, and not used" if foreign else ""
    return np.array([place[key] for key in keys], dtype=np.int64), told


def in_order(
    file: EmbeddingFile, names: Sequence[str], width: int, options: FileOptions
) -> EmbeddingFile:
    """Return a file with the columns that a model was trained on, in their order.

    Raises:
        UserError: it has another number of columns, or lacks one.
    """
    if names and file.names:
        lacking = [name for name in names if name not in file.names]
        if lacking:
            also = _more(len(lacking) - 1, "column")
            raise UserError(f"{file.name}: no column '{lacking[0]}', which the model takes{also}")
        order = [file.names.index(name) for name in names]
        return replace(file, values=file.values[:, order], names=tuple(names))
    if file.values.shape[1] != width:
        raise UserError(
            f"{file.name}: {file.values.shape[1]:,} columns, and the model was trained on {width:,}"
            f" ({Path(str(options.get('path', ''))).name}): use what made that file"
        )
    return file


def refuse_answers(file: EmbeddingFile, targets: Sequence[str]) -> None:
    """Refuse a table that has a column called as a target: it would give the answer away."""
    for target in targets:
        if target in file.names:
            raise UserError(
                f"{file.name}: column '{target}' is called as what is predicted, and would give "
                "the answer away: leave it out, or rename it"
            )


def _more(count: int, noun: str) -> str:
    return f" (and {count:,} more {noun}{'s' if count > 1 else ''})" if count else ""


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest
