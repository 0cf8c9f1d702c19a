"""Embeddings of rows to predict for, from files, beside what else a model takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from nearfar.data import InputRows
from nearfar.data.embeddings import embeddings_of, ids_in, in_order, read_file_of
from nearfar.data.inputs.embedded import embedded
from nearfar.data.read.embeddings import EmbeddingFile
from nearfar.errors import UserError, shown
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
    read: dict[str, EmbeddingFile] = {}
    column = model.schema.options.get("id")
    for (digest, width), path in zip(asked.items(), files, strict=True):
        options = _options(model, digest)
        file = read_file_of(path, options, column)
        read[digest] = in_order(file, options.get("names") or (), width, options)
        if options.get("match") != "row":
            rows = _without_unknown(rows, read[digest])
    lacking = "the rows have no ids" if column is None else f"the rows lack column '{column}'"
    hint = f"{lacking}: give a file without ids (.npy), in the order of the rows"
    found = {
        digest: embeddings_of(rows, file, _options(model, digest).get("match"), hint).values
        for digest, file in read.items()
    }
    return replace(rows, inputs=embedded(rows.inputs, found))


def _without_unknown(rows: InputRows, file: EmbeddingFile) -> InputRows:
    """Return the rows whose ids a file has; why the others cannot be used is noted.

    Where it has none of them, all are left, and refused where they are joined.
    """
    keys = ids_in(rows, file)
    if file.ids is None or keys is None or rows.given is None:
        return rows
    there = set(file.ids)
    kept = [place for place, key in enumerate(keys) if key in there]
    if not kept or len(kept) == len(rows):
        return rows
    reasons = dict(rows.given.reasons)
    for number, key in zip(rows.ids, keys, strict=True):
        if key not in there:
            why = f"{file.name} has no row for id {shown(key, 60)}" if key else "its id is missing"
            reasons[int(number) - 1] = why
    return replace(
        rows,
        inputs=rows.inputs.take(torch.tensor(kept)),
        ids=[rows.ids[place] for place in kept],
        names=[rows.names[place] for place in kept],
        smiles=[rows.smiles[place] for place in kept] if rows.smiles else [],
        keys=None if rows.keys is None else [rows.keys[place] for place in kept],
        given=replace(rows.given, reasons=dict(sorted(reasons.items()))),
    )


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
