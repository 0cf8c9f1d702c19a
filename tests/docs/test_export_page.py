"""The commands and programs of docs/export.md, run on a small run; how far a newcomer has to go."""

import contextlib
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from whole_runs import run_whole

from nearfar import Estimator
from nearfar.cli.arguments import app
from nearfar.execution.prepared import Request

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "export.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
CLONE = 2
"""Commands before those of the page: git clone, cd."""
MOST = 10

STUDY = """\
study: esol
data: {source: molecules, path: esol.csv, target: y}
split: {kind: random}
baseline: ridge
arms:
  ridge: {fit: {encoder: {morgan: {bits: 32}}, head: ridge}}
axes: {seed: {role: repeat, values: 2}}
profiles: {quick: {title: small}}
"""
SMILES = [f"{'C' * n}{end}" for n in range(1, 11) for end in ("", "O", "N", "Cl")]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that ``make demo`` left, with a run as small as can be."""
    folder = tmp_path_factory.mktemp("export")
    rows = [f"{smiles},{len(smiles)}" for smiles in SMILES]
    (folder / "esol.csv").write_text("\n".join(["smiles,y", *rows]))
    (folder / "esol.yaml").write_text(STUDY)
    run_whole(Request(str(folder / "esol.yaml"), profile="quick", out=folder / "runs"))
    return folder


def called(line: str) -> None:
    """Call a command of nearfar in this process; a mistake in it is raised."""
    program, *arguments = shlex.split(line)
    assert program == "nearfar"
    with contextlib.redirect_stdout(io.StringIO()):
        app(arguments, standalone_mode=False)


def shown(program: str) -> Any:
    """Run a program; return what its last line is, as a notebook shows it."""
    *before, last = program.strip().splitlines()
    names: dict[str, Any] = {}
    exec("\n".join(before), names)
    return eval(last, names)


def test_the_page_leads_from_a_clone_to_predictions(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here)
    first, activate, export, python = COMMANDS[0].splitlines()
    assert (first, activate, python) == ("make demo", ". .venv/bin/activate", "python")
    called(export)
    assert shown(PROGRAMS[0]).shape == (2,)
    lines = [line for line in PROGRAMS[0].splitlines() if line]
    assert CLONE + 4 + len(lines) <= MOST


def test_every_form_of_a_command_on_the_page_runs(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here)
    forms = set(re.findall(r"`(nearfar (?:export|embed) RUN [^`]*)`", PAGE))
    assert len(forms) == 3
    named = {"RUN": "runs/esol-quick", "INPUT": "esol.csv", "FOLDER": "winner", "FILE": "f.npz"}
    for form in sorted(forms):
        called(" ".join([*(named.get(word, word) for word in form.split()), "--force"]))
    assert np.load(here / "f.npz")["features"].shape == (len(SMILES), 32)
    mean, deviation = shown(PROGRAMS[1])
    assert mean.shape == deviation.shape == (2, 1)
    told = json.loads((here / "winner" / "config.json").read_text(encoding="utf-8"))
    assert len(told["onnx"]["inputs"][0]["names"]) == 32


def test_the_table_names_what_an_estimator_has() -> None:
    rows = re.findall(r"^\| (`.*?) \|", PAGE.split("| call |")[1].split("\n\n")[0], re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(?:Estimator\.)?(\w+)", row)}
    assert {"predict", "save", "save_pretrained", "push_to_hub", "onnx_inputs"} <= named
    assert all(callable(getattr(Estimator, name)) for name in named), named


def test_a_notebook_leads_to_a_loaded_winner_in_few_cells() -> None:
    notebook = json.loads((DOCS / "tutorials" / "tables.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    loaded = next(k for k, cell in enumerate(cells) if "nearfar.load(" in cell)
    assert CLONE + len(["make demo", "jupyter lab"]) + loaded + 1 <= MOST
