"""Embeddings of rows to predict for, from files, beside what else a model takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar.data import InputRows
from nearfar.data.embeddings import embeddings_of, in_order, read_file_of
from nearfar.data.inputs.embedded import embedded
from nearfar.errors import UserError
from nearfar.models.finished import FinishedModel
from nearfar.plan.specs import file_digests


def with_embeddings_from(model: FinishedModel, rows: InputRows, files: Sequence[Path]) -> InputRows:
    """Return rows with their embeddings, as the model's encoder takes them.

    Args:
        model: that is to predict.
        rows: as its schema read them.
        files: one for each file that the arm's encoder names, in the order of these.

    Raises:
        UserError: fewer or more files than the arm reads, or one that does not fit the rows or what
            the model was trained on.
    """
    asked = _asked(model)
    if not asked and files:
        raise UserError(f"--embeddings: {model.name} reads no embeddings from a file: leave it out")
    if len(asked) != len(files):
        named = [Path(str(_options(model, one).get("path", "a file"))).name for one in asked]
        raise UserError(
            f"{model.name} reads embeddings from {_files(len(asked))} ({', '.join(named)}):"
            f" give those of the new rows with {' '.join(['--embeddings FILE'] * len(asked))}"
            f"{f' (given: {len(files)})' if files else ''}"
        )
    found: dict[str, NDArray[np.float32]] = {}
    for (digest, width), path in zip(asked.items(), files, strict=True):
        options = _options(model, digest)
        file = read_file_of(path, options, model.schema.options.get("id"))
        file = in_order(file, options.get("names") or (), width, options)
        column = model.schema.options.get("id")
        lacking = "the rows have no ids" if column is None else f"the rows lack column '{column}'"
        hint = f"{lacking}: give a file without ids (.npy), in the order of the rows"
        found[digest] = embeddings_of(rows, file, options.get("match"), hint).values
    return replace(rows, inputs=embedded(rows.inputs, found))


def _asked(model: FinishedModel) -> dict[str, int]:
    """Return the hashes of the embeddings that a model was trained on, and their columns."""
    named = model.members[0].fitted.named
    if named is None or not file_digests(named):
        return {}
    parts = named.options["parts"] if named.name == "joined" else [named.to_plain()]
    read = [part["file"] for part in parts if "file" in part]
    return {str(options["digest"]): int(options["columns"]) for options in read}


def _options(model: FinishedModel, digest: str) -> Mapping[str, Any]:
    return model.schema.embeddings.get(digest, {})


def _files(count: int) -> str:
    return "a file" if count == 1 else f"{count} files"
