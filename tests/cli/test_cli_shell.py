"""What a shell asks of the command: its version, and what may come next."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import nearfar
from nearfar.commands.models import FORMATS as MODEL_FORMATS
from nearfar.records.run import RunFolder
from nearfar.report.documents import FORMATS as DOCUMENTS
from nearfar.track import TRACKERS

START = "import sys; sys.argv[0] = 'nearfar'; from nearfar.cli import main; main()"


def called(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def offered(folder: Path, line: str) -> list[str]:
    """What bash is offered after a line, whose last word is being typed."""
    at = len(line.split(" ")) - 1
    done = called(folder, _NEARFAR_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(at))
    assert done.stderr == ""
    return done.stdout.split()


def offered_lines(folder: Path, line: str, word: int | None = None) -> list[str]:
    """The same, line by line, as offers may hold spaces; ``word`` is the number of the last one."""
    at = len(line.split(" ")) - 1 if word is None else word
    done = called(folder, _NEARFAR_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(at))
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_version_is_told_in_a_line(tmp_path: Path) -> None:
    done = called(tmp_path, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"nearfar {nearfar.__version__}\n"


def test_studies_profiles_and_arms_are_offered(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("study: mine\narms: {one: {}, other: {}, two: {}}\n")
    (tmp_path / "mine.csv").touch()
    (tmp_path / "mice").mkdir()
    assert offered(tmp_path, "nearfar run diab") == ["diabetes"]
    assert offered(tmp_path, "nearfar show mi") == ["mice/", "mine.yaml"]
    assert offered(tmp_path, "nearfar run esol --profile s") == ["smoke"]
    assert offered(tmp_path, "nearfar run mine.yaml --arm o") == ["one", "other"]
    assert offered(tmp_path, "nearfar run no-such --arm o") == []


def test_arms_of_a_run_are_offered_as_the_shell_takes_them(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "runs" / "mine-full")
    folder.write_study({"study": "mine", "arms": {}})
    row = "{},{},{},fit,0123456789abcdef,done,,1,1,1.0,1,cpu\n"
    head = "arm,seed,condition,stage,hash,status,reason,epochs,steps,seconds,parameters,device\n"
    lines = [row.format("RnC(L1)", 0, ""), row.format("two words", 0, "labels=0.1")]
    (folder.path / "stages.csv").write_text(head + "".join(lines), encoding="utf-8")
    for command in ("predict", "embed", "export"):
        found = offered_lines(tmp_path, f"nearfar {command} runs/mine-full --arm ")
        assert found == [r"RnC\(L1\)", r"two\ words\ ·\ labels=0.1"]
    begun = r"nearfar predict runs/mine-full rows.csv --arm two\ w"
    assert offered_lines(tmp_path, begun, 5) == [r"two\ words\ ·\ labels=0.1"]
    begun = "nearfar predict runs/mine-full rows.csv --arm 'two w"
    assert offered_lines(tmp_path, begun, 5) == ["two words · labels=0.1"]
    assert offered_lines(tmp_path, "nearfar predict runs/none --arm ") == [""]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("run esol --track ", TRACKERS),
        ("run esol --executor ", ["local", "ray", "slurm"]),
        ("run esol --device ", ["auto", "cpu", "cuda"]),
        ("predict x --device c", ["cpu", "cuda"]),
        ("export x --to ", MODEL_FORMATS),
        ("report x --to ", DOCUMENTS),
    ],
)
def test_names_that_there_are_few_of_are_offered_whole(
    line: str, names: Iterable[str], tmp_path: Path
) -> None:
    assert offered(tmp_path, f"nearfar {line}") == sorted(names)


def test_the_shell_can_be_told_to_ask(tmp_path: Path) -> None:
    said = called(tmp_path, "--help").stdout
    assert "--show-completion" in said
    assert "--install-completion" in said
