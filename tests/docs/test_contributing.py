"""The worked examples of CONTRIBUTING.md: each is laid over a copy of the package and checked."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Example:
    """New files, lines to add to files that are there, and what must hold afterwards."""

    files: dict[str, str] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    check: str = ""


def read_examples() -> dict[str, Example]:
    """The sections below ``## Adding a part`` that have code, by their headings."""
    part = PAGE.split("## Adding a part")[1].split("\n## ")[0]
    found: dict[str, Example] = {}
    for section in part.split("\n### ")[1:]:
        heading, _, text = section.partition("\n")
        example = Example()
        for language, place, code in BLOCK.findall(text):
            if place == "check":
                example.check = code
            elif language == "diff":
                example.lines[place] = code
            else:
                example.files[place] = code
        if example.files:
            found[heading] = example
    return found


EXAMPLES = read_examples()


def with_lines(text: str, lines: str) -> str:
    """Return a file's text with the ``+`` lines below the line above them."""
    above, *added = lines.splitlines()
    assert text.count(f"{above[1:]}\n") == 1, f"not once in the file: {above}"
    assert all(line.startswith("+") for line in added)
    block = "".join(f"{line[1:]}\n" for line in added)
    return text.replace(f"{above[1:]}\n", f"{above[1:]}\n{block}")


def test_there_is_an_example_of_every_kind() -> None:
    assert set(EXAMPLES) == {"A loss", "An encoder", "A metric", "A panel"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_small(name: str) -> None:
    """One file and one line; of a panel, a file in Python and one in JavaScript."""
    example = EXAMPLES[name]
    assert sorted(Path(place).suffix for place in example.files) == (
        [".js", ".py"] if name == "A panel" else [".py"]
    )
    (lines,) = example.lines.values()
    assert len(lines.splitlines()) == 2


def test_the_examples_work(tmp_path: Path) -> None:
    """All laid over one copy, checked in one process: importing takes longer than any check."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for example in EXAMPLES.values():
        for place, text in example.files.items():
            assert not (tmp_path / place).exists()
            (tmp_path / place).write_text(text, encoding="utf-8")
        for place, lines in example.lines.items():
            path = tmp_path / place
            path.write_text(with_lines(path.read_text(encoding="utf-8"), lines), encoding="utf-8")
    checks = "\n".join(
        f"print({name!r}, flush=True)\nexec({example.check!r}, {{}})"
        for name, example in EXAMPLES.items()
    )
    done = subprocess.run(
        [sys.executable, "-c", checks],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-200:] + done.stderr
    assert [line for line in done.stdout.splitlines() if line in EXAMPLES] == list(EXAMPLES)
