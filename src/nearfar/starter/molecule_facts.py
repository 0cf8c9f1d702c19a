"""What a user should know of how their molecules were read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nearfar.data.read import molecules as read

_FACTS = {
    read.INCHI: "{n} × InChI in the column of SMILES: read, and shown as SMILES",
    read.AFTER_SPACE: "{n} × text after a space in a SMILES: a CXSMILES extension is read, a name "
    "left out",
    read.MAPS: "{n} × atom maps: they make no other molecule",
    read.ISOTOPES: "{n} × isotopes: graphs do not tell them apart, so they make no other molecule",
    read.OPEN: "{n} × open places (*): seen as an atom of unknown element",
    read.SEVERAL: "{n} × several parts (salts, mixtures), kept as they are; 'data: standardise: "
    "true' in the study file keeps the largest, uncharged",
    read.STANDARDISED: "{n} × brought to another form (data: standardise)",
    read.RESPELLED: "{n} copies are spelled otherwise than the first (charges, isotopes, "
    "stereo): they count as copies",
}
_ONE_RESPELLED = (
    "1 copy is spelled otherwise than the first (charges, isotopes, stereo): it counts as a copy"
)


def molecule_facts(source: dict[str, Any]) -> list[str]:
    """Return a line for everything odd about molecules, from a data set's provenance."""
    counts = source.get(read.MOLECULES, {})
    one = {read.RESPELLED: _ONE_RESPELLED} if counts.get(read.RESPELLED) == 1 else {}
    words = _FACTS | one
    return [words[mark].format(n=counts[mark]) for mark in words if mark in counts]


def second_column_facts(used: str, other: str | None) -> Sequence[str]:
    """Return a line about another column of molecules, if there is one."""
    if other is None:
        return []
    return [
        f"not used: column '{other}' holds molecules too; 'smiles: {other}' in the study file "
        f"takes it instead of '{used}' (one molecule a row is learnt from)"
    ]
