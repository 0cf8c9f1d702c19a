"""A column of SMILES read into graphs, with an account of what was done to odd spellings."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from nearfar.data.inputs.molecules import Graph, Molecules, graph_of
from nearfar.data.inputs.smiles import canonical, identity, is_inchi, read_smiles
from nearfar.data.inputs.standardise import standardised
from nearfar.data.options import DataOptions
from nearfar.data.read.columns import BadRows

MOLECULES = "molecules"
"""Key in the provenance of a data set: what was odd about the spelling of how many rows."""
INCHI = "InChI"
AFTER_SPACE = "text after a space"
MAPS = "atom maps"
ISOTOPES = "isotopes"
OPEN = "open places (*)"
SEVERAL = "several parts (salts, mixtures)"
STANDARDISED = "standardised to another form"
REPEATS = "copies"
RESPELLED = "copies spelled otherwise"


@dataclass
class MoleculeColumn:
    """The molecules of all rows of a table; rows that cannot be read were noted as bad."""

    texts: list[str]
    """SMILES that graphs and descriptors are computed from: as given where that is plain."""
    steps: list[str]
    """How they were standardised, if they were."""
    keys: list[str]
    """Equal for copies, see ``identity``."""
    spellings: list[str]
    """Canonical SMILES of the molecules, which copies need not share."""
    graphs: dict[int, Graph] = field(default_factory=dict)
    marks: dict[int, list[str]] = field(default_factory=dict)
    """What is odd about a row's spelling."""

    def inputs(self, rows: list[int]) -> Molecules:
        """Return the molecules of ``rows``."""
        graphs = [self.graphs[row] for row in rows]
        return Molecules.from_graphs(graphs, [self.texts[row] for row in rows])

    def account(self, rows: list[int]) -> dict[str, Any]:
        """Return, for the provenance, how many of ``rows`` are odd and in what, and the copies.

        A copy has the molecule of a row before it.
        """
        counts = Counter(mark for row in rows for mark in self.marks.get(row, ()))
        first: dict[str, str] = {}
        for row in rows:
            key, spelling = self.keys[row], self.spellings[row]
            if key in first:
                counts[REPEATS] += 1
                counts[RESPELLED] += spelling != first[key]
            first.setdefault(key, spelling)
        told = {mark: count for mark, count in sorted(counts.items()) if count}
        said: dict[str, Any] = {"standardise": self.steps} if self.steps else {}
        return {**said, MOLECULES: told} if told else said


def read_molecules(options: DataOptions, bad: BadRows) -> MoleculeColumn:
    """Read the column of SMILES that ``options`` name; rows without a molecule go to ``bad``.

    An InChI, and a SMILES with text after a space, become plain SMILES.
    """
    texts = bad.texts(options.smiles or "smiles", "smiles")
    steps: list[str] = [*options.standard_steps]
    column = MoleculeColumn(texts, steps, [""] * len(texts), [""] * len(texts))
    for row, text in enumerate(texts):
        if row in bad:
            continue
        try:
            molecule = read_smiles(text)
            marks = _marks(molecule, text)
            given = canonical(molecule)
            if steps:
                molecule = standardised(molecule, steps)
                marks += [STANDARDISED] * (canonical(molecule) != given)
            elif "." in given:
                marks.append(SEVERAL)
            column.graphs[row] = graph_of(molecule)
        except ValueError as error:
            bad.add(row, "molecule not readable", _told(text, error))
            continue
        column.keys[row], column.spellings[row] = identity(molecule), canonical(molecule)
        if marks:
            column.marks[row] = marks
        if {INCHI, AFTER_SPACE, STANDARDISED} & set(marks):
            texts[row] = column.spellings[row]
    return column


def _told(text: str, error: ValueError) -> str:
    said = str(error)
    return said if said.startswith(("SMILES", "InChI")) else f"SMILES {text[:60]!r}: {said}"


def _marks(molecule: Any, text: str) -> list[str]:
    """Return what is odd about a molecule and its spelling."""
    atoms = list(molecule.GetAtoms())
    found = {
        INCHI: is_inchi(text),
        AFTER_SPACE: len(text.split()) > 1,
        MAPS: re.search(r":\d+\]", text) is not None,
        ISOTOPES: any(atom.GetIsotope() and atom.GetAtomicNum() for atom in atoms),
        OPEN: any(atom.GetAtomicNum() == 0 for atom in atoms),
    }
    return [mark for mark, there in found.items() if there]
