"""What is to be told of rows to predict for: how they were read, and what a model does not know."""

from __future__ import annotations

from nearfar.data import Columns, Images, InputRows, Inputs
from nearfar.data.inputs.joined import Joined, without_columns
from nearfar.data.read.images.decode import RESIZED
from nearfar.data.read.images.trees import strangers_told
from nearfar.models.finished import FinishedModel


def reading_notes(rows: InputRows, name: str) -> list[str]:
    """Return how cells were read, which files of a folder were not, and what was done to images.

    Args:
        rows: as the model's schema read them.
        name: of their file, or of the argument.

    Returns:
        Lines.
    """
    source = rows.source
    read = [*source.get("reading", []), *source.get("folders", []), *strangers_told(source)]
    if found := source.get("found_by_name"):
        images = "1 image" if found == 1 else f"{found} images"
        read.append(f"{images} found by name, not by path, in column '{source['image']}'")
    notes = [f"{name}: {note}" for note in read]
    for step, count in rows.source.get("images", {}).items():
        to = ""
        images = without_columns(rows.inputs)
        if step == RESIZED and isinstance(images, Images):
            height, width = images.shape[1:]
            to = f" to {width}x{height}, as the study's are (antialiased, proportions are not kept)"
        notes.append(f"{count} image{'s' * (count > 1)}: {step}{to}")
    return notes


def unknown_categories(model: FinishedModel, inputs: Inputs) -> list[str]:
    """Return what is said of categories that the first member does not know by name."""
    preparation = model.members[0].fitted.preparation
    given = inputs.columns if isinstance(inputs, Joined) else inputs
    if preparation is None or not isinstance(given, Columns):
        return []
    notes, there = [], {column.name: column.cells for column in given.columns}
    for part in preparation.parts:
        categories = getattr(part.step, "categories", None)
        if categories is None:
            continue
        strange = [cell for cell in there[part.name] if cell and cell not in set(categories)]
        if strange:
            named = ", ".join(map(repr, list(dict.fromkeys(strange))[:3]))
            rows = f"{len(strange)} row{'s have' if len(strange) > 1 else ' has'}"
            notes.append(
                f"column '{part.name}': {rows} a category that the model does not know by name "
                f"({named}): it counts as the rare ones of training do"
            )
    return notes
