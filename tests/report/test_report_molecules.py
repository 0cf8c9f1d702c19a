import csv
import json
import re

import pytest
from some_molecules import ESOL

from nearfar.report.page.molecules import MAX_ATOMS, SCALE, draw_molecule


def _segments(path: str) -> list[tuple[int, int, int, int]]:
    """The straight lines of a path of M and relative l commands."""
    found = []
    x = y = 0
    for command, a, b in re.findall(r"([Ml])(-?\d+) ?(-?\d+)", path):
        if command == "M":
            x, y = int(a), int(b)
        else:
            found.append((x, y, x + int(a), y + int(b)))
            x, y = found[-1][2:]
    return found


def _bonds(smiles: str) -> list[float]:
    """Lengths of the single bonds of a hydrocarbon, of which nothing else may be drawn."""
    drawing = draw_molecule(smiles)
    assert drawing is not None
    width, height, strokes, fills, letters = drawing
    assert (list(strokes), fills, letters) == (["C"], {}, [])
    lines = _segments(strokes["C"])
    assert all(0 <= line[2] <= width and 0 <= line[3] <= height for line in lines)
    lengths = [((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5 for x1, y1, x2, y2 in lines]
    return [length for length in lengths if length > 40]


def test_carbon_skeletons_keep_their_shape_and_one_scale() -> None:
    branched, ring = _bonds("CCC(C)CC"), _bonds("C1CCCCC1")
    assert (len(branched), len(ring)) == (5, 6)
    assert branched + ring == pytest.approx([branched[0]] * 11, rel=0.03)
    assert 20 < branched[0] / SCALE < 40


def test_elements_have_their_own_colours_and_letters() -> None:
    drawing = draw_molecule("OC(=O)C(Cl)CN")
    assert drawing is not None
    assert {"C", "O", "N", "Cl"} <= set(drawing[2])
    assert [(kind, text) for kind, _, _, _, text in drawing[4]].count(("O", "O")) == 2
    assert ("N", "N") in [(kind, text) for kind, _, _, _, text in drawing[4]]


def test_a_wedge_is_filled() -> None:
    drawing = draw_molecule("C[C@H](N)C(=O)O")
    mirrored = draw_molecule("C[C@@H](N)C(=O)O")
    assert drawing is not None
    assert mirrored is not None
    assert drawing != mirrored
    wedges = [d[3] for d in (drawing, mirrored) if d[3]]
    assert all(path.endswith("z") for fills in wedges for path in fills.values())
    assert wedges


@pytest.mark.parametrize("smiles", ["", "not a molecule", "C" * (MAX_ATOMS + 1), "C1CC"])
def test_what_cannot_be_drawn_is_none(smiles: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert draw_molecule(smiles) is None
    assert capfd.readouterr().err == ""


def test_the_drawings_of_a_data_set_stay_small() -> None:
    with ESOL.open(newline="", encoding="utf-8") as file:
        smiles = [row["smiles"] for row in csv.DictReader(file)][::10]
    drawings = [draw_molecule(text) for text in smiles]
    assert None not in drawings
    sizes = [len(json.dumps(drawing, separators=(",", ":"))) for drawing in drawings]
    assert sum(sizes) / len(sizes) < 700
