"""Folders are held by one process at a time, wherever the file system can."""

import errno
import fcntl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nearfar.records import files, locks
from nearfar.records.files import remove_left, write_atomically
from nearfar.records.locks import Busy, held, tell_of_local_locks
from nearfar.records.run import RunFolder

HOLD = """
import sys
from pathlib import Path
from nearfar.records.run import RunFolder

with RunFolder(Path(sys.argv[1])).working():
    print("holds", flush=True)
    sys.stdin.readline()
    RunFolder(Path(sys.argv[1])).write_study({"by": "the first"})
"""


def test_the_second_waits_and_is_told_for_whom(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(tmp_path / "run")
    command, pipe = [sys.executable, "-c", HOLD, str(folder.path)], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        assert first.stdout.readline() == "holds\n"
        lock = folder.path / ".run.lock"
        with pytest.raises(Busy, match=f"process {first.pid} on "), held(lock):
            pass
        before = folder.state()
        first.stdin.write("\n")
        first.stdin.flush()
        with folder.working():
            assert folder.state() != before == ""
            with folder.working():
                assert lock.exists()
    assert not lock.exists()
    said = capsys.readouterr().err
    assert said == "" or f"process {first.pid}" in said


def test_several_may_share_and_one_holds_them_off(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with held(lock, shared=True), held(lock, shared=True), pytest.raises(Busy), held(lock):
        pass
    with held(lock), pytest.raises(Busy), held(lock, shared=True):
        pass
    assert not lock.exists()


def test_a_file_system_without_locks_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuses(file: Any, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuses)
    for _ in range(2):
        with held(tmp_path / "lock"):
            pass
    assert capsys.readouterr().err.count("keeps no locks (No locks available)") == 1


@pytest.mark.parametrize(
    ("mount", "told"),
    [
        ("ext4 rw", ""),
        ("nfs4 rw,local_lock=none", ""),
        ("nfs rw,nolock", "nolock"),
        ("nfs rw,local_lock=all", "local_lock=all"),
        ("lustre rw,flock", ""),
        ("lustre rw,localflock", "without the option flock"),
        ("cifs rw,nobrl", "nobrl"),
    ],
)
def test_locks_that_hold_on_one_machine_alone_are_told(
    tmp_path: Path, mount: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    locks._told.clear()
    tell_of_local_locks(tmp_path, f"/dev/a / ext4 rw 0 0\nserver:/x {tmp_path} {mount} 0 0\n")
    said = capsys.readouterr().err
    assert (told in said) if told else not said


def test_what_killed_processes_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *given, **options: None)
        patch.setattr(Path, "replace", lambda *given: None)
        write_atomically(tmp_path / "mine", "at work")
        patch.setattr(files.os, "getpid", lambda: 2**22 + 1)
        write_atomically(tmp_path / "theirs", "killed")
    assert len(list(tmp_path.glob(".*.tmp"))) == 2
    remove_left(tmp_path)
    assert [path.name.split(".")[1] for path in tmp_path.glob(".*.tmp")] == ["mine"]


def test_names_as_long_as_the_file_system_takes_are_written(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 127)
    write_atomically(path, "x")
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
