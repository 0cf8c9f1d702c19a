"""The commit is read from git's files: nothing in the folder can have a command called."""

import os
import subprocess
from pathlib import Path

import pytest

from nearfar.execution import provenance
from nearfar.execution.git_state import NONE, git_state

COMMIT = "0123456789abcdef" * 2 + "01234567"


def repository(folder: Path, head: str = "ref: refs/heads/main\n") -> Path:
    git = folder / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text(head)
    return git


def test_the_branch_and_its_commit(tmp_path: Path) -> None:
    git = repository(tmp_path)
    assert git_state(tmp_path) == "no commit known (main)"
    (git / "packed-refs").write_text(f"# pack-refs\n{COMMIT} refs/heads/main\n^{COMMIT}\n")
    (tmp_path / "below").mkdir()
    assert git_state(tmp_path / "below") == f"{COMMIT[:12]} (main)"
    (git / "refs" / "heads" / "main").write_text("f" * 40 + "\n")
    assert git_state(tmp_path) == f"{'f' * 12} (main)"
    (git / "HEAD").write_text(COMMIT)
    assert git_state(tmp_path) == COMMIT[:12]


def test_a_worktree_finds_the_references_of_its_repository(tmp_path: Path) -> None:
    git = repository(tmp_path / "whole")
    (git / "refs" / "heads" / "side").write_text(COMMIT)
    own = git / "worktrees" / "w"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/side\n")
    (own / "commondir").write_text("../..\n")
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / ".git").write_text("gitdir: ../whole/.git/worktrees/w\n")
    assert git_state(tmp_path / "w") == f"{COMMIT[:12]} (side)"


@pytest.mark.parametrize(
    "head", ["", "ref: ../../secret", "ref: refs/heads/../../../secret", "\x00\xff", "x" * 1000]
)
def test_what_is_no_head_is_no_repository(tmp_path: Path, head: str) -> None:
    (tmp_path / "secret").write_text(COMMIT)
    git = repository(tmp_path / "a")
    (git / "HEAD").write_text(head, encoding="latin-1")
    assert git_state(tmp_path / "a") == NONE


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    git = repository(tmp_path)
    (git / "HEAD").unlink()
    os.mkfifo(git / "HEAD")
    assert git_state(tmp_path) == NONE


def test_provenance_calls_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = repository(tmp_path)
    (git / "config").write_text(f"[core]\n\tfsmonitor = touch {tmp_path / 'called'}\n")
    monkeypatch.chdir(tmp_path)

    def refuse(*given: object, **options: object) -> None:
        raise AssertionError(f"calls {given}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert provenance.provenance("cpu")["git"] == "no commit known (main)"
    assert not (tmp_path / "called").exists()
