"""Whatever happens to a file of a stage or a run, it is told, and not used."""

from pathlib import Path

import numpy as np
import pytest

from nearfar.errors import UserError
from nearfar.records.features import FeatureStore
from nearfar.records.maps import read_maps, write_maps
from nearfar.records.run import RunFolder
from nearfar.records.seals import DONE, Damaged, Seal, read_seal, seal
from nearfar.records.stages import StageStore, forget_checks, write_stage

LARGE = "model.safetensors"


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]


DAMAGES = {
    "cut off": lambda content: content[: len(content) // 2],
    "emptied": lambda content: b"",
    "flipped": flipped,
    "garbage": lambda content: b"\x00\xff" * (len(content) // 2),
}
SPEC = {"kind": "solve", "seed": 1}
OUTCOME = {"status": "done", "reason": "", "metrics": []}


@pytest.fixture
def store(tmp_path: Path) -> StageStore:
    store = StageStore(tmp_path / "stages")
    with store.working_on("aa") as [folder]:
        (folder / LARGE).write_bytes(bytes(range(256)) * 400)
        (folder / "curves.csv").write_text("epoch,split,metric,value\n1,train,loss,2\n")
        write_stage(folder, SPEC, OUTCOME)
    forget_checks()
    return store


@pytest.mark.parametrize("how", [*DAMAGES, "gone"])
@pytest.mark.parametrize("name", ["stage.yaml", "curves.csv", LARGE, DONE])
def test_a_damaged_stage_does_not_count_and_is_told(
    store: StageStore, name: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = store.folder("aa") / name
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(DAMAGES[how](path.read_bytes()))
    if (name, how) == (DONE, "gone"):
        assert not store.is_done("aa")
        return
    assert store.discard_damaged(["aa", "never"]) == ["aa"]
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert name in said
    assert not store.is_done("aa")
    with store.working_on("aa") as [folder]:
        write_stage(folder, SPEC, OUTCOME)
    assert store.is_done("aa")
    assert {entry.name for entry in store.root.iterdir()} == {"aa"}


def test_a_stage_that_two_commands_find_damaged_is_set_aside_once(store: StageStore) -> None:
    store.discard("aa")
    store.discard("aa")
    assert {entry.name for entry in store.root.iterdir()} == {"aa.damaged"}


def test_small_files_are_read_at_the_first_opening_and_large_ones_before_use(
    store: StageStore,
) -> None:
    path = store.folder("aa") / LARGE
    path.write_bytes(flipped(path.read_bytes()))
    assert store.is_done("aa"), "as long as before, and too large to be read each time"
    with pytest.raises(UserError, match=rf"{LARGE} is damaged: its content"):
        store.verified("aa", LARGE)
    assert not store.is_done("aa")


def test_a_stage_of_before_there_were_digests_stays_valid(store: StageStore) -> None:
    folder = store.folder("aa")
    text = (folder / "stage.yaml").read_text()
    (folder / "stage.yaml").write_text(text.removesuffix("sealed: true\n"))
    (folder / DONE).write_text("")
    forget_checks()
    assert store.is_done("aa")
    assert store.read("aa") == {"spec": SPEC, "outcome": OUTCOME}
    assert store.damage("aa", deep=True) == f"{LARGE} cannot be read (it is cut off)"


@pytest.mark.parametrize("batch", [(), ("0123456789abcdef", "fedcba9876543210")])
def test_what_was_written_before_there_were_digests_is_read(batch: tuple[str, ...]) -> None:
    assert Seal.from_text("\n".join(batch)) == Seal(batch)
    new = Seal(batch, {"a": (1, "x")}, {"a": "é"})
    assert Seal.from_text(new.to_text()) == new


@pytest.mark.parametrize("how", [*DAMAGES, "gone"])
@pytest.mark.parametrize("ending", [".npy", ".json"])
def test_damaged_features_are_made_again(
    tmp_path: Path, ending: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store, key = FeatureStore(tmp_path), {"a": 1}
    made = np.arange(12, dtype=np.float32).reshape(3, 4)
    store.get(key, lambda: made)
    path = tmp_path / f"{store.name(key)}{ending}"
    if how == "gone":
        path.unlink()
        assert not store.has(store.name(key)), "a half is absent"
    else:
        path.write_bytes(DAMAGES[how](path.read_bytes()))
    again, spared = store.get(key, lambda: made)
    assert (again == made).all()
    assert spared == 0.0
    assert ("thrown away" in capsys.readouterr().err) == (how != "gone")
    assert (store.get(key, lambda: made * np.nan)[0] == made).all()


def test_features_that_another_process_removes_meanwhile_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key = FeatureStore(tmp_path), {"a": 1}
    made = np.zeros((3, 4), dtype=np.float32)
    store.get(key, lambda: made)
    (tmp_path / f"{store.name(key)}.npy").unlink()
    monkeypatch.setattr(FeatureStore, "has", lambda store, name: True)
    assert (store.get(key, lambda: made)[0] == made).all()


def test_damaged_maps_are_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_maps(tmp_path, {"a": np.zeros((2, 2), np.float32)})
    path = tmp_path / "embeddings.npz"
    for damage in DAMAGES.values():
        whole = path.read_bytes()
        path.write_bytes(damage(whole))
        read_maps(tmp_path, ["a"])
        path.write_bytes(whole)
    assert "made anew" in capsys.readouterr().err
    assert list(read_maps(tmp_path, ["a"])) == ["a"]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "tiny-full")
    with folder.writing():
        folder.write_study({"study": "tiny", "arms": {}})
        folder.write_json("summary.json", {"recommended": None, "arms": []})
        folder.write_json("plan.json", {"cells": []})
    return folder


@pytest.mark.parametrize("how", [*DAMAGES, "gone"])
def test_a_damaged_study_is_taken_from_its_copy(run: RunFolder, how: str) -> None:
    path = run.path / "study.yaml"
    whole = path.read_bytes()
    path.unlink() if how == "gone" else path.write_bytes(DAMAGES[how](whole))
    assert RunFolder.open(run.path).study() == {"study": "tiny", "arms": {}}
    run.mend()
    assert path.read_bytes() == whole
    assert run.damaged() == {}


@pytest.mark.parametrize(
    ("name", "remedy"), [("summary.json", "nearfar report"), ("plan.json", "nearfar run")]
)
def test_a_damaged_file_of_a_run_is_refused_with_what_makes_it(
    run: RunFolder, name: str, remedy: str
) -> None:
    path = run.path / name
    path.write_text(path.read_text().replace("[]", "[ ]"))
    with pytest.raises(UserError, match=remedy):
        run.read_json(name)
    assert list(run.damaged()) == [name]


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_seal_of_a_run_is_told(run: RunFolder, how: str) -> None:
    path = run.path / DONE
    path.write_bytes(DAMAGES[how](path.read_bytes()))
    assert run.damaged() == {DONE: "is damaged"}
    assert run.study() == {"study": "tiny", "arms": {}}


def test_files_that_were_being_written_are_not_called_damaged(run: RunFolder) -> None:
    def half() -> None:
        with run.writing():
            run.write_json("summary.json", {"recommended": "half"})
            run.write_json("plan.json", {"cells": float("nan")})

    with pytest.raises(ValueError, match="JSON"):
        half()
    assert run.damaged() == {}
    assert run.read_json("summary.json") == {"recommended": "half"}


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    import os

    (tmp_path / "a").write_text("one")
    seal(tmp_path)
    (tmp_path / "a").unlink()
    os.mkfifo(tmp_path / "a")
    assert read_seal(tmp_path).files is not None
    store = StageStore(tmp_path.parent)
    assert "a is damaged" in str(store.damage(tmp_path.name))
    (tmp_path / DONE).write_text("\x00")
    with pytest.raises(Damaged):
        read_seal(tmp_path)
