"""What a shell asks of the command: its version, and what may come next."""

import os
import subprocess
import sys
from pathlib import Path

import nearfar

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


def test_the_shell_can_be_told_to_ask(tmp_path: Path) -> None:
    said = called(tmp_path, "--help").stdout
    assert "--show-completion" in said
    assert "--install-completion" in said
