"""A run that is stopped at any epoch and goes on gives the numbers of one that was not."""

from pathlib import Path
from typing import Any

import pytest
import torch
from toy import StoppedError, Toy, recipe, same, stop_after, train, weights

from nearfar.train import loop
from nearfar.train.checkpoint import load_checkpoint, save_checkpoint
from nearfar.train.loop import Outcome
from nearfar.train.recipe import SGD, Adam, AdamW, Lookahead, OneCycle, Recipe

RECIPES = {
    "sgd": recipe(epochs=6, optimizer=SGD(lr=0.05, momentum=0.9), select="best", clip=1.0),
    "adamw, one cycle": recipe(epochs=6, optimizer=AdamW(lr=0.02), schedule=OneCycle()),
    "adam, drop last": recipe(epochs=6, optimizer=Adam(lr=0.02), drop_last=True, select="best"),
    "lookahead": recipe(epochs=6, average=Lookahead(every=2)),
}
SCORES = [3.0, 1.0, 2.0, 1.5, 2.5, 3.5]


def numbers(outcome: Outcome) -> dict[str, Any]:
    """All of an outcome but the time that it took and the tensors."""
    plain = {**vars(outcome), "seconds": None, "judging": None, "kept": sorted(outcome.kept)}
    return {**plain, "curves": [vars(point) for point in outcome.curves]}


@pytest.fixture
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)


@pytest.mark.usefixtures("every_epoch")
@pytest.mark.parametrize("made", RECIPES.values(), ids=list(RECIPES))
def test_stopped_at_any_epoch_it_ends_bit_for_bit_the_same(made: Recipe, tmp_path: Path) -> None:
    whole = Toy(scores=SCORES)
    (tmp_path / "whole").mkdir()
    expected = train(whole, made, tmp_path / "whole", keep=(1, 5))
    for epoch in range(1, made.epochs + 1):
        folder = tmp_path / str(epoch)
        folder.mkdir()
        with pytest.raises(StoppedError):
            train(Toy(scores=SCORES), made, folder, keep=(1, 5), report=stop_after(epoch))
        assert (folder / "checkpoint.pt").exists() == (epoch > 1)
        torch.rand(epoch)
        resumed = Toy(scores=SCORES)
        outcome = train(resumed, made, folder, keep=(1, 5))
        assert len(resumed.after) == made.epochs - (epoch - 1)
        assert numbers(outcome) == numbers(expected)
        assert same(weights(resumed.module), weights(whole.module))
        for kept in (1, 5):
            assert same(outcome.kept[kept], expected.kept[kept])


@pytest.mark.usefixtures("every_epoch")
def test_it_may_be_stopped_many_times(tmp_path: Path) -> None:
    made = RECIPES["sgd"]
    whole, resumed = Toy(), Toy()
    expected = train(whole, made, tmp_path)
    (tmp_path / "checkpoint.pt").unlink()
    for epoch in (2, 3, 5):
        with pytest.raises(StoppedError):
            train(Toy(), made, tmp_path, report=stop_after(epoch))
    outcome = train(resumed, made, tmp_path)
    assert numbers(outcome) == numbers(expected)
    assert same(weights(resumed.module), weights(whole.module))


def test_checkpoints_come_by_the_clock_and_not_after_the_last_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(Toy(), recipe(epochs=3), tmp_path)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    train(Toy(), recipe(epochs=3), tmp_path)
    state = load_checkpoint(tmp_path / "checkpoint.pt", torch.device("cpu"))
    assert state is not None
    assert state["round"] == 2


@pytest.mark.usefixtures("every_epoch")
def test_a_diverged_state_is_not_gone_on_from(tmp_path: Path) -> None:
    made = recipe(epochs=60, optimizer=SGD(lr=1e4))
    whole = train(Toy(), made, tmp_path)
    assert whole.status == "diverged"
    again = train(Toy(), made, tmp_path)
    assert numbers(again) == numbers(whole)


class Planted:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return (Path.touch, (self.path,))


def test_a_checkpoint_is_read_without_unpickling_freely(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, planted = tmp_path / "checkpoint.pt", tmp_path / "planted"
    torch.save({"model": Planted(planted)}, path)
    assert load_checkpoint(path, torch.device("cpu")) is None
    assert not planted.exists()
    assert not path.exists()
    assert "a checkpoint that cannot be used" in capsys.readouterr().err


def test_a_checkpoint_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    assert load_checkpoint(path, torch.device("cpu")) is None
    save_checkpoint(path, {"epoch": 1, "weight": torch.ones(2)})

    def torn(state: object, file: Any) -> None:
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(path, {"epoch": 2})
    monkeypatch.undo()
    state = load_checkpoint(path, torch.device("cpu"))
    assert state is not None
    assert state["epoch"] == 1
