"""The gallery: an answer, a picture and a link a section, pictures that are drawn anew."""

import os
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PICTURE = re.compile(r"!\[[^\]]+\]\(([^)]+)\)")


def sections() -> dict[str, str]:
    text = (DOCS / "gallery.md").read_text(encoding="utf-8")
    return dict(part.split("\n", 1) for part in text.split("\n## ")[1:])


def test_every_section_has_a_picture_and_a_page() -> None:
    assert len(sections()) > 5
    for title, text in sections().items():
        assert (found := PICTURE.search(text)), title
        assert (DOCS / found[1]).is_file(), title
        assert "[In full](results/" in text, title


def test_pictures_are_drawn_from_the_tables(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHON": sys.executable}
    script = DOCS.parent / "scripts" / "draw-gallery"
    subprocess.run([script, str(tmp_path)], check=True, env=environment, timeout=120)
    drawn = {path.name for path in tmp_path.iterdir()}
    shown = {Path(place).name for text in sections().values() for place in PICTURE.findall(text)}
    assert len(drawn) == 6
    assert drawn <= shown
