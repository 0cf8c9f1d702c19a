"""A small data set, a small study on it, and the command line called in this process."""

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from nearfar.cli import ending, main

HYDROCARBONS = ["C" * n for n in range(1, 16)] + ["C" * n + "C=C" for n in range(1, 16)]
MOLECULES = HYDROCARBONS + ["C" * n + "O" for n in range(1, 16)]
STUDY = """\
study: tiny
data: {source: molecules, path: tiny.csv, target: y}
split: {kind: random}
metric: mae
baseline: mean
stages:
  rnc: {encoder: {gin: {layers: 1, hidden: 4, out: 4}}, objective: rnc, epochs: 1}
arms:
  mean: {group: control, fit: {head: mean}}
  ridge: {fit: {encoder: {morgan: {bits: 32}}, head: ridge}}
  gin: {fit: {encoder: {gin: {layers: 1, hidden: 4, out: 4}}, epochs: 2}}
  RnC: {pretrain: rnc, fit: {train: head, epochs: 1}}
axes:
  seed: {role: repeat, values: 3}
profiles:
  smoke: {axes: {seed: {values: 2}}}
"""


def table(rows: list[str], header: str = "smiles,y") -> str:
    return "\n".join([header, *rows]) + "\n"


GOOD_ROWS = [f"{smiles},{len(smiles)}.5" for smiles in MOLECULES]


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit status and what it printed."""

    status: int
    out: str
    err: str


class CommandLine:
    """``nearfar`` in a folder of its own, as a person calls it there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def files(self) -> dict[str, bytes | None]:
        """Everything in the folder: content of files, None for folders."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes() if path.is_file() else None
            for path in self.folder.rglob("*")
        }

    def __call__(self, *arguments: str | Path) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["nearfar", *map(str, arguments)])
            patch.setenv("COLUMNS", "200")
            patch.setenv("PYTHONSAFEPATH", "1")  # a command sets it: undone with the rest
            patch.setattr(ending, "_leave", sys.exit)  # pytest's process goes on
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    main()
                except SystemExit as end:
                    status = end.code if isinstance(end.code, int) else int(bool(end.code))
                else:
                    status = 0
        return Outcome(status, out.getvalue(), err.getvalue())

    def mistake(self, *arguments: str | Path, lines: int = 1) -> str:
        """Run a command that must fail by the user's mistake; return what it says."""
        before = self.files()
        outcome = self(*arguments)
        assert outcome.status == 2, outcome
        assert outcome.err.endswith("\n")
        assert outcome.err.count("\n") == lines, outcome.err
        assert outcome.err.startswith("nearfar: ")
        assert "Traceback" not in outcome.err
        assert outcome.out == ""
        assert self.files() == before, "a refused command wrote something"
        return outcome.err.removeprefix("nearfar: ").rstrip("\n")


def make_command_line(folder: Path) -> CommandLine:
    command = CommandLine(folder)
    command.write("tiny.csv", table(GOOD_ROWS))
    command.write("tiny.yaml", STUDY)
    return command
