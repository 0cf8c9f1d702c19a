"""What should be said of the columns that a first study learns from, and of the others."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from nearfar.data.dataset import Dataset
from nearfar.data.prepare.steps import MOST_CATEGORIES
from nearfar.data.read.kinds import ColumnKind
from nearfar.data.sources.feature_columns import why_not

_SHOWN = 5
_FEWEST_FOLDS = 4
_WORDS = {
    "number": ("numbers", ""),
    "boolean": ("truth values", "0 and 1"),
    "date": ("dates", "days, year, month, day, weekday and seconds"),
    "category": ("categories", f"a column of 0 and 1 for each, beyond {MOST_CATEGORIES} its mean"),
    "division": ("earlier divisions of the rows", "numbers, or categories"),
    "text": ("free text", "principal directions of their n-grams"),
}


def feature_facts(
    used: Sequence[ColumnKind], left_out: Sequence[ColumnKind], lost: int = 0
) -> list[str]:
    """Return a line for every kind of column in use, and one for every column that is left out.

    ``lost`` rows have no cells at all.
    """
    facts = []
    for kind, (noun, becomes) in _WORDS.items():
        mine = [column for column in used if column.kind == kind]
        if not mine or (kind == "number" and len(mine) == len(used)):
            continue
        shown = ", ".join(_name(column) for column in mine[:_SHOWN])
        shown += ", …" if len(mine) > _SHOWN else ""
        plural = "s" if len(mine) > 1 else ""
        facts.append(
            f"{len(mine)} column{plural} of {noun} ({shown})" + (f": {becomes}" if becomes else "")
        )
    if any(column.missing > lost for column in used):
        facts.append(
            "missing cells of features are no bad rows: the median, or a category of their own, "
            "stands for them, and a column tells where; all is learnt from training rows alone"
        )
    return facts + [
        f"left out: column '{column.name}' {why_not(column)}{_remedy(column)}"
        if column.name
        else f"left out: the column without a name ({why_not(column)}): name it to learn from it"
        for column in left_out
        if column.name or column.kind not in {"counter", "empty"}
    ]


def _remedy(column: ColumnKind) -> str:
    if column.kind != "division":
        return ""
    name = quote(column.name)
    kept = f"--group {name} keeps its values together and tests one after another; "
    return (
        f" ({kept * (column.distinct >= _FEWEST_FOLDS)}--part {name} is for train, validation and "
        f"test; --features {name} learns from it)"
    )


def unused_fact(dataset: Dataset) -> list[str]:
    """Return a line on columns that stand beside molecules or images and are not used, if any."""
    beside, kind = dataset.source.get("columns_not_used"), dataset.inputs.kind
    if not beside or kind == "vector":
        return []
    seen = "" if "features" in dataset.source else f"; the {kind} of a row is all that is seen"
    return [
        f"columns not used: {beside}{seen} (--features NAME, again for several, joins a column to "
        f"what the encoder makes of the {kind}; in the study file data: features)"
    ]


def _name(column: ColumnKind) -> str:
    return f"{column.name}: {column.distinct}" if column.kind == "category" else column.name
