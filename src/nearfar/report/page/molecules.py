"""Drawn molecules as small data: strokes by element and letters, for the page to draw as SVG."""

import re
from typing import Any
from xml.etree import ElementTree

SCALE = 4
"""Drawing units per RDKit pixel: coordinates become whole numbers, exact to 1/8 pixel."""

MAX_ATOMS = 120
_OPTIONS = {
    "clearBackground": False,
    "fixedBondLength": 26,
    "fixedFontSize": 13,
    "multipleBondOffset": 0.17,
}
_COLOURS = {
    "#000000": "C",
    "#0000FF": "N",
    "#FF0000": "O",
    "#33CCCC": "F",
    "#FF7F00": "P",
    "#CCCC00": "S",
    "#00CC00": "Cl",
    "#7F4C19": "Br",
    "#A01EEF": "I",
}
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_SVG = "{http://www.w3.org/2000/svg}"

Point = tuple[int, int]
Drawing = list[Any]
"""``[width, height, {colour: path}, {colour: filled path}, [[colour, x, y, size, text], …]]``"""


def draw_molecule(smiles: str) -> Drawing | None:
    """Draw a SMILES with RDKit; None where it cannot be read or has over ``MAX_ATOMS`` atoms."""
    from rdkit import Chem, rdBase
    from rdkit.Chem.Draw import rdMolDraw2D

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles) if smiles else None
        if molecule is None or not 0 < molecule.GetNumAtoms() <= MAX_ATOMS:
            return None
        canvas = rdMolDraw2D.MolDraw2DSVG(-1, -1, -1, -1, True)
        options = canvas.drawOptions()
        for name, value in _OPTIONS.items():
            setattr(options, name, value)
        rdMolDraw2D.PrepareAndDrawMolecule(canvas, molecule)
    canvas.FinishDrawing()
    return _compact(canvas.GetDrawingText())


def _compact(svg: str) -> Drawing:
    root = ElementTree.fromstring(svg.encode("iso-8859-1"))
    _, _, width, height = (float(v) for v in root.attrib["viewBox"].split())
    strokes: dict[str, list[list[Point]]] = {}
    fills: dict[str, list[list[Point]]] = {}
    letters: list[list[Any]] = []
    for element in root:
        style = dict(p.split(":", 1) for p in element.get("style", "").split(";") if ":" in p)
        if element.tag == _SVG + "path":
            filled = style.get("fill", "none") != "none"
            colour = _colour(style["fill" if filled else "stroke"])
            _add(fills if filled else strokes, colour, _points(element.attrib["d"]), filled)
        elif element.tag == _SVG + "text":
            place = [round(float(element.attrib[axis]) * SCALE) for axis in ("x", "y")]
            size = int(style["font-size"].removesuffix("px")) * SCALE
            letters.append([_colour(style["fill"]), *place, size, element.text or ""])
    return [
        round(width * SCALE),
        round(height * SCALE),
        {colour: "".join(map(_path, lines)) for colour, lines in strokes.items()},
        {colour: "".join(_path(line) + "z" for line in lines) for colour, lines in fills.items()},
        [letter for letter in letters if letter[4].strip()],
    ]


def _colour(value: str) -> str:
    return _COLOURS.get(value.upper(), "C")


def _points(path: str) -> list[Point]:
    numbers = [round(float(text) * SCALE) for text in _NUMBER.findall(path)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _add(
    lines: dict[str, list[list[Point]]], colour: str, points: list[Point], closed: bool
) -> None:
    """Add a line, joined to the last one of its colour where that ends at its start."""
    known = lines.setdefault(colour, [])
    if not closed and known and known[-1][-1] == points[0]:
        known[-1].extend(points[1:])
    else:
        known.append(points)


def _path(points: list[Point]) -> str:
    (x, y), *rest = points
    parts = [f"M{x} {y}"]
    for next_x, next_y in rest:
        parts.append(f"l{next_x - x} {next_y - y}".replace(" -", "-"))
        x, y = next_x, next_y
    return "".join(parts)
