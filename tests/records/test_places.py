"""Where nothing can be written is said in one line, before anything is done."""

import errno
import tempfile
from pathlib import Path
from typing import Any

import pytest

from nearfar.errors import DiskFull, UserError, full_disk
from nearfar.records.files import write_atomically
from nearfar.records.places import expanded, file_to_write, folder_to_write


@pytest.mark.parametrize("ask", [file_to_write, folder_to_write])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/proc/self/x", "/proc"),
        ("/sys/x", "/sys"),
        ("/dev/null", "not a folder|no file"),
        ("a.txt/x", "a.txt is a file"),
        ("x" * 300, "ile name too long"),
        ("a\0b", "null"),
    ],
)
def test_it_is_refused_in_one_line(tmp_path: Path, ask: Any, name: str, said: str) -> None:
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(UserError, match=said) as refused:
        ask(tmp_path / name, "--out")
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith("--out ")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_may_not_be_written_to(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(**given: Any) -> None:
        raise OSError(number, "Read-only")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuses)
    for ask in (file_to_write, folder_to_write):
        with pytest.raises(UserError, match="cannot be written: read-only"):
            ask(tmp_path / "new", "--out")


def test_home_is_expanded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded(Path("~/runs")) == tmp_path / "runs"
    assert folder_to_write(Path("~/runs"), "--out") == tmp_path / "runs"
    assert expanded(Path("./a~")) == Path("a~")
    with pytest.raises(UserError, match="no home folder is known for ~nobody-here"):
        expanded(Path("~nobody-here/x"))
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_told_for_a_file_and_made_for_runs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        file_to_write(tmp_path / "new" / "a.csv", "--output")
    with pytest.raises(UserError, match=r"\(mkdir -p '.*/new and old'\)"):
        file_to_write(tmp_path / "new and old" / "a.csv", "--output")
    assert folder_to_write(tmp_path / "new" / "runs", "--out") == tmp_path / "new" / "runs"
    assert not list(tmp_path.iterdir())


def test_a_full_disk_names_the_file_and_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("nearfar.records.files.os.fsync", full)
    with pytest.raises(DiskFull, match=r"a\.bin: no room for 2\.0 MB \(.* free\)") as stopped:
        write_atomically(tmp_path / "a.bin", bytes(2_000_000))
    assert not list(tmp_path.iterdir())
    wrapped = RuntimeError("of a library")
    wrapped.__cause__ = stopped.value
    assert full_disk(wrapped) == str(stopped.value)
    assert full_disk(RuntimeError("other")) == ""


def test_the_search_for_a_full_disk_ends_where_an_error_came_of_itself() -> None:
    """As where what the command line made of an error is undone: ``raise abort.__cause__``."""

    def undone() -> None:
        try:
            raise RuntimeError from EOFError("a worker is gone")
        except RuntimeError as abort:
            raise abort.__cause__ from None  # type: ignore[misc]

    with pytest.raises(EOFError) as caught:
        undone()
    assert caught.value.__context__ is not None
    assert full_disk(caught.value) == ""
