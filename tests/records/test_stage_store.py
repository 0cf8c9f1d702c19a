"""A stage is there as a whole or not at all, and one process at a time works on it."""

import contextlib
import fcntl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nearfar.records.files import write_atomically
from nearfar.records.stages import StageBusy, StageStore, write_stage


@pytest.fixture
def store(tmp_path: Path) -> StageStore:
    return StageStore(tmp_path / "stages")


def make(store: StageStore, stage_hash: str) -> None:
    with store.working_on(stage_hash) as [folder]:
        write_stage(folder, {"seed": 1}, {"status": "done"})


def begin(store: StageStore, stage_hash: str) -> None:
    """Leave a checkpoint behind, as a stage that raises or is killed does."""
    with contextlib.suppress(RuntimeError), store.working_on(stage_hash) as [folder]:
        (folder / "checkpoint.pt").write_text("half way")
        raise RuntimeError("planted")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


def test_a_finished_stage_is_published_and_read(store: StageStore) -> None:
    assert not store.is_done("aa")
    make(store, "aa")
    assert store.is_done("aa")
    assert store.read("aa") == {"spec": {"seed": 1}, "outcome": {"status": "done"}}
    assert names(store.root) == {"aa", "stage.yaml", "done"}


def test_it_is_not_there_before_the_end(store: StageStore) -> None:
    with store.working_on("aa") as [folder]:
        write_stage(folder, {}, {})
        assert not store.is_done("aa")
        assert not store.folder("aa").exists()
        assert not (folder / "done").exists()


def test_after_an_error_it_is_kept_to_go_on_from(store: StageStore) -> None:
    begin(store, "aa")
    assert not store.is_done("aa")
    with store.working_on("aa") as [folder]:
        assert (folder / "checkpoint.pt").read_text() == "half way"
    assert store.is_done("aa")
    assert names(store.folder("aa")) == {"done"}


def test_what_a_killed_process_was_writing_is_not_published(store: StageStore) -> None:
    with store.working_on("aa") as [folder]:
        (folder / ".checkpoint.pt.123.tmp").write_text("torn")
        (folder / "done").write_text("")
        write_stage(folder, {}, {})
    assert names(store.folder("aa")) == {"done", "stage.yaml"}


@pytest.mark.parametrize("step", ["done", "rename"])
def test_killed_while_publishing_it_is_whole_or_not_there(
    store: StageStore, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill before ``done`` is written, or before the folder is renamed."""

    def killed(*given: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if step == "done":
            patch.setattr("nearfar.records.seals.write_atomically", killed)
        else:
            patch.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt), store.working_on("aa") as [folder]:
            (folder / "made").write_text("first")
    assert not store.is_done("aa")
    with store.working_on("aa") as [folder]:
        (folder / "made").write_text("second")
    assert (store.folder("aa") / "made").read_text() == "second"


def test_a_folder_without_done_is_made_again(store: StageStore) -> None:
    store.folder("aa").mkdir(parents=True)
    (store.folder("aa") / "old").write_text("")
    assert not store.is_done("aa")
    make(store, "aa")
    assert names(store.folder("aa")) == {"done", "stage.yaml"}


def enter(store: StageStore, stage_hash: str) -> None:
    with store.working_on(stage_hash):
        pass


def test_one_works_on_a_stage_at_a_time(store: StageStore) -> None:
    with store.working_on("aa"):
        with pytest.raises(StageBusy):
            enter(store, "aa")
        make(store, "bb")
    with pytest.raises(StageBusy):
        enter(store, "aa")


HOLD = """
import sys, time
from pathlib import Path
from nearfar.records.stages import StageStore

with StageStore(Path(sys.argv[1])).working_on("aa"):
    print("holds", flush=True)
    time.sleep(60)
"""


def test_a_lock_dies_with_its_process(store: StageStore) -> None:
    command = [sys.executable, "-c", HOLD, str(store.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holds\n"
        with pytest.raises(StageBusy):
            enter(store, "aa")
        holder.kill()
    make(store, "aa")
    assert store.is_done("aa")


def test_a_lock_that_was_removed_meanwhile_does_not_count(
    store: StageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.root.mkdir()
    flock = fcntl.flock

    def slow(file: Any, operation: int) -> None:
        (store.root / "aa.lock").unlink()
        flock(file, operation)

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", slow)
        with pytest.raises(StageBusy):
            enter(store, "aa")
    make(store, "aa")


def test_removing_keeps_what_is_named_or_at_work(store: StageStore) -> None:
    aa, bb, cc, dd, ee, ff = (letter * 16 for letter in "abcdef")
    for stage_hash in (aa, bb, cc):
        make(store, stage_hash)
    for stage_hash in (dd, ee):
        begin(store, stage_hash)
    with store.working_on(ff):
        removed, size = store.remove_all_but({aa, dd})
    published = sum(path.stat().st_size for path in store.folder(aa).iterdir())
    assert (removed, size) == (3, 8 + 2 * published)
    assert store.is_done(aa)
    assert store.is_done(ff)
    assert {path.name for path in store.root.iterdir()} == {aa, f"{dd}.partial", ff}


def test_removing_keeps_what_is_no_stage(store: StageStore) -> None:
    (store.root / "first").mkdir(parents=True)
    (store.root / "first" / "notes.txt").write_text("mine", encoding="utf-8")
    assert store.remove_all_but(set()) == (0, 0)
    assert (store.root / "first" / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_nothing_to_remove(store: StageStore) -> None:
    assert store.remove_all_but(set()) == (0, 0)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_atomically(path, "one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(tmp_path) == {"new", "a.txt"}
