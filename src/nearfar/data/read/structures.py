"""Files of molecules: SDF, and lists of SMILES."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from nearfar.data.read.damage import whole
from nearfar.data.read.table import Table, from_cells
from nearfar.data.read.text import decode, parse
from nearfar.data.table_form import TableForm
from nearfar.errors import UserError

SMILES = "smiles"
"""The column of structures that these files give."""
NAME = "name"
"""The column of the molecules' titles."""
_RECORD = re.compile(r"^\$\$\$\$[^\n]*\n?", re.MULTILINE)
_PROPERTY = re.compile(r"^>[^\n]*<([^>\n]*)>[^\n]*\n((?:(?!>[^\n]*<)[^\n]+\n?)*)", re.MULTILINE)


def read_sdf(path: Path, raw: bytes, form: TableForm) -> Table:
    """Return the molecules of an SDF with a column for each property, and their SMILES.

    A molecule that RDKit cannot read makes its row unusable, counted as such; its properties are
    there all the same. A property called ``smiles`` or ``name`` gives way to the structure and to
    the molecule's title.

    Raises:
        UserError: if there is no molecule.
    """
    text = re.sub(r"\r\n?", "\n", decode(path.name, raw, form.encoding))
    blocks = [block for block in _RECORD.split(text) if block.strip()]
    if not blocks or not any("M  END" in block for block in blocks):
        raise UserError(f"{path.name} is not an SDF: it holds no molecule that ends with 'M  END'")
    records: list[dict[str, Any]] = []
    unreadable = {}
    with whole(path, "SDF"):
        for position, block in enumerate(blocks):
            smiles, words = _structure(block)
            if words:
                unreadable[position] = words
            title = block.split("\n", 1)[0].strip()
            mine = {SMILES: smiles, NAME: title or None}
            records.append({**_properties(block), **mine})
    keys = [SMILES] + [NAME] * any(record[NAME] for record in records)
    others = dict.fromkeys(key for record in records for key in record if key not in (SMILES, NAME))
    keys += others
    table = from_cells(path.name, keys, [[r.get(key) for key in keys] for r in records])
    table.unreadable, table.structures = unreadable, SMILES
    return table


def _structure(block: str) -> tuple[str | None, str]:
    """Return the SMILES of a molecule, or None and what is wrong with it."""
    from rdkit.Chem import MolFromMolBlock, MolToSmiles
    from rdkit.rdBase import BlockLogs

    silent = BlockLogs()
    molecule = MolFromMolBlock(block, sanitize=True, removeHs=True)
    smiles = None if molecule is None else str(MolToSmiles(molecule))
    del silent
    return smiles, "" if smiles else "the structure cannot be read, or has no atom"


def _properties(block: str) -> dict[str, str]:
    """Return the data items of a record: name → text."""
    _, _, tail = block.partition("M  END")
    return {name: text.strip() for name, text in _PROPERTY.findall(tail) if name.strip()}


def read_smiles_list(path: Path, raw: bytes, form: TableForm) -> Table:
    """Return a list of SMILES: a molecule a line, its name after a space or tab, no header.

    Where the first line begins with a word such as ``smiles``, it is a header.

    Raises:
        UserError: if there is no line.
    """
    text = decode(path.name, raw, form.encoding)
    first = next((line for line in text.splitlines() if line.strip()), "")
    fields = first.split() or [""]
    given = form.separator if form.strict else None
    separator = given or ("\t" if "\t" in first else "," if "," in fields[0] else " ")
    records = list(parse(path.name, text, separator))
    if not records:
        raise UserError(f"{path.name} is empty")
    head = records[0][1][0].strip().lower()
    if "smiles" in head or head == "smi":
        header, body = [cell.strip() for cell in records[0][1]], records[1:]
        if header and header[-1] == "":
            header.pop()
        structures = header[0]
    else:
        body, structures = records, SMILES
        widths = {len(cells) for _, cells in records}
        if separator == " " and (len(widths) > 1 or any("\t" in cells[0] for _, cells in records)):
            body = [(line, _named(cells)) for line, cells in records]
        width = max(len(cells) for _, cells in body)
        header = [SMILES, NAME, *(f"column {place}" for place in range(3, width + 1))][:width]
    if given is None and separator == "\t" and len(header) == 2:
        body = [(line, _named(cells) if _has_blank(cells) else cells) for line, cells in body]
    rows = [[*cells, *[None] * (len(header) - len(cells))] for _, cells in body]
    table = from_cells(path.name, header, rows, lines=[line for line, _ in body])
    table.structures = structures
    return table


def _has_blank(cells: list[str]) -> bool:
    """Tell a line without a tab that has a name behind a space; ``|`` begins what is no name."""
    return len(cells) == 1 and " " in cells[0].strip() and " |" not in cells[0]


def _named(cells: list[str]) -> list[str]:
    """Return SMILES and name, which may hold spaces, and may stand behind a tab."""
    return " ".join(cells).split(maxsplit=1)
