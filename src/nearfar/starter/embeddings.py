"""A file of embeddings beside somebody's own data: which column names its rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nearfar.data.embeddings import embeddings_of, ids_in, refuse_answers
from nearfar.data.read.embeddings import ROW_NUMBER, EmbeddingFile, id_text, read_embeddings
from nearfar.errors import UserError, shown

if TYPE_CHECKING:
    from nearfar.data import Dataset
    from nearfar.data.read.table import Table
    from nearfar.starter.detect import Finding

_HINT = "name the column of the data that they are with --id COLUMN"


def with_embeddings_beside(finding: Finding, data: Path, path: Path) -> Finding:
    """Find the column of ids of a file of embeddings, and check that it has all rows.

    Returns:
        What was found, with that column in ``data: id``.

    Raises:
        UserError: the file cannot be read, no column has its ids, rows are missing, or a column is
            called as what is predicted.
    """
    file = read_embeddings(path.expanduser(), likely=finding.data.id)
    options, dataset, by = finding.data, finding.dataset, ""
    named = file.ids is not None and file.key != ROW_NUMBER
    if named and options.id is None and not _covers(file, ids_in(dataset, file)):
        column, keys = _column_of(file, data, finding)
        kept = [name for name in options.features or [] if name != column] or None
        options = options.model_copy(update={"id": column, "features": kept})
        dataset, by = replace(dataset, keys=keys), f", which column '{column}' of the data names"
    refuse_answers(file, dataset.target_names)
    found = embeddings_of(dataset, file, hint=_HINT)
    facts = [*finding.facts, f"embeddings: {found.told}{by}"]
    return replace(finding, data=options, dataset=dataset, facts=facts)


def _covers(file: EmbeddingFile, keys: list[str] | None) -> bool:
    return keys is not None and set(keys) <= set(file.ids or ())


def _column_of(file: EmbeddingFile, data: Path, finding: Finding) -> tuple[str, list[str]]:
    """Return the column of the data whose cells are ids of the file, and these of the rows."""
    table = _table(data, finding)
    best, most = "", 0
    for name, cells in table.columns.items() if table is not None else ():
        keys = _keys(cells, finding.dataset)
        if _covers(file, keys):
            return name, keys
        count = len(set(keys) & set(file.ids or ()))
        best, most = (name, count) if count > most else (best, most)
    near = f" (nearest: '{best}', {most:,} of them)" if best else ""
    raise UserError(
        f"--embeddings {file.name}: no column of the data has ids of it for every row{near}; its "
        f"ids ('{file.key}') look like {shown((file.ids or [''])[0], 60)}: {_HINT}"
    )


def _keys(cells: list[object], dataset: Dataset) -> list[str]:
    return [id_text(cells[int(number) - 1]) for number in dataset.ids]


def _table(data: Path, finding: Finding) -> Table | None:
    from nearfar.data.read.hugging_face import read_folder
    from nearfar.data.read.tables import read_file

    if finding.data.kind == "image" and data.is_dir():
        return None
    form = finding.data.form
    return read_folder(data, form) if data.is_dir() else read_file(data, form)
