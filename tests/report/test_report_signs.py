"""What terminals get: no orders, only characters that they have, and nothing that ends a run."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nearfar.report import print_summary
from nearfar.report.console import InertConsole
from nearfar.report.signs import inert, looking_alike

ODD = "forest [k=3] [red]7[/red] [/x] :dog:"
ORDER = "\x1b]0;owned\x07\x1b[31m\x9b2J\u202e"


def with_names(run: Path, folder: Path, name: str) -> Path:
    """A copy of a run's summary whose title, answer, notes and first arm hold ``name``."""
    summary: Any = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    old = summary["arms"][1]["arm"]
    text = json.dumps(summary).replace(json.dumps(old), json.dumps(f"{name}arm"))
    summary = json.loads(text) | {"title": f"{name}title", "answer": f"{name}answer"}
    summary["notes"] = [f"{name}note"]
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return folder


@pytest.mark.parametrize("color", [None, "truecolor"])
def test_orders_in_names_are_written_out(finished_run: Path, tmp_path: Path, color: Any) -> None:
    text = io.StringIO()
    console = Console(file=text, width=140, color_system=color, force_terminal=bool(color))
    print_summary(with_names(finished_run, tmp_path, ORDER), console)
    printed = text.getvalue()
    for order in ("\x1b]", "\x1b[31mtitle", "\x07", "\x9b", "\u202e"):
        assert order not in printed
    for word in ("title", "answer", "note", "arm"):
        assert rf"\x1b]0;owned\x07\x1b[31m\x9b2J\u202e{word}" in printed.replace("\n", "")


def test_the_console_of_commands_writes_orders_out_and_keeps_its_own() -> None:
    text = io.StringIO()
    console = InertConsole(file=text, force_terminal=True, color_system="standard", width=80)
    console.print(Text("a\x1b]0;b", style="red"))
    assert text.getvalue() == "\x1b[31ma\\x1b]0;b\x1b[0m\n"


def test_the_console_of_commands_reads_no_markup_and_draws_no_emoji() -> None:
    text = io.StringIO()
    console = InertConsole(file=text, force_terminal=True, color_system="standard", width=80)
    table = Table(box=None, show_header=False)
    table.add_column()
    table.add_row(ODD)
    console.print(ODD)
    console.print(table)
    assert [line.strip() for line in text.getvalue().splitlines()] == [ODD, ODD]


def test_ends_of_lines_and_ordinary_letters_stay() -> None:
    assert inert("a\n\tb é 日 −") == "a\n\tb é 日 −"


def test_every_sign_of_the_tables_has_a_look_alike() -> None:
    shown = looking_alike("±−–·≈▲▼✓✕◀…×→’“”─", "ascii")
    assert shown.isascii()
    assert "\\" not in shown
    assert looking_alike("Größe é 日", "ascii") == "Grosse e \\u65e5"
    assert looking_alike("± é", "latin-1") == "± é"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_tables_stay_in_line_where_signs_are_lacking(finished_run: Path, encoding: str) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    print_summary(finished_run, Console(file=file, width=100, color_system=None))
    file.flush()
    lines = file.buffer.getvalue().decode(encoding).splitlines()  # type: ignore[attr-defined]
    start, end = (k for k, line in enumerate(lines) if line.startswith("+--"))
    assert len({len(line.rstrip()) for line in lines[start : end + 1]}) == 1


def called(run: Path, stdout: Any, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """``nearfar report`` in a process of its own, without colours."""
    return subprocess.run(
        [sys.executable, "-m", "nearfar", "report", str(run)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.fixture
def page_alone(finished_run: Path, tmp_path: Path) -> Path:
    """A run of which ``report`` rebuilds the page alone, as its stages are not there."""
    folder = tmp_path / "run"
    shutil.copytree(finished_run, folder)
    (folder / "study.yaml").touch()
    with_names(finished_run, folder, "é−")
    (folder / "provenance.json").write_text('{"modules": ["mine"]}', encoding="utf-8")
    return folder


def test_an_output_that_lacks_signs_ends_nothing(page_alone: Path) -> None:
    done = called(page_alone, subprocess.PIPE, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"e-answer" in done.stdout


def test_a_reader_that_leaves_ends_nothing(page_alone: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = called(page_alone, writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (page_alone / "report.html").is_file()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_output_is_told_after_the_work(page_alone: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = called(page_alone, full)
    assert done.returncode == 1
    assert done.stderr == b"nearfar: standard output: No space left on device\n"
    assert (page_alone / "report.html").is_file()


AT_ONCE = """\
import os, sys
from nearfar.report.streams import make_output_last

make_output_last()
print("half a line", end="")
os._exit(0)
"""


@pytest.mark.parametrize("given", ["", "1"])
def test_output_is_as_unbuffered_as_python_was_told_to_be(given: str) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": given}
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE], capture_output=True, env=environment, check=True
    )
    assert done.stdout == (b"half a line" if given else b"")
