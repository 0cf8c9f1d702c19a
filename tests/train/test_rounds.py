"""Runs whose length is given in iterations: where rounds end, what they compute, going on."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from toy import StoppedError, Toy, recipe, same, stop_after, train, weights

from nearfar.train import loop
from nearfar.train.recipe import SGD, Cosine, Recipe
from nearfar.train.rounds import Round, Rounds


def iterations(count: int, **changes: object) -> Recipe:
    return recipe(epochs=None, iterations=count, **changes)


@pytest.mark.parametrize("keep", [(), (7,), (3, 20, 33)])
@pytest.mark.parametrize("batch", [1, 5, 16])
@pytest.mark.parametrize("count", [33, 60, 199, 200, 4000])
def test_rounds_end_with_epochs_twentieths_and_kept_points(
    count: int, batch: int, keep: tuple[int, ...]
) -> None:
    rows = 100
    rounds = Rounds.of(iterations(count, batch=batch), rows, keep)
    per_epoch = rounds.steps_per_epoch
    assert rounds.ends[-1] == count
    assert list(rounds.ends) == sorted(set(rounds.ends))
    longest = max(after - before for before, after in pairwise((0, *rounds.ends)))
    assert longest == min(per_epoch, -(-count // 20))
    assert len(rounds.ends) >= 20
    assert set(keep) <= set(rounds.ends)
    extra = set(rounds.ends) - set(Rounds.of(iterations(count, batch=batch), rows).ends)
    assert extra <= set(keep)
    assert rounds.kept == {point: point for point in keep}


def test_few_iterations_are_judged_one_by_one() -> None:
    assert Rounds.of(iterations(3), 40).ends == (1, 2, 3)


def test_epochs_are_rounds() -> None:
    rounds = Rounds.of(recipe(epochs=4), 40, (2, 4))
    assert rounds.ends == (3, 6, 9, 12)
    assert rounds.kept == {6: 2, 12: 4}
    assert [rounds.epoch(n) for n in range(5)] == [0, 1, 2, 3, 4]
    assert all(isinstance(rounds.epoch(n), int) for n in range(5))
    assert [rounds.count(n) for n in range(5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("times", [10, 20])
@pytest.mark.parametrize("of", [1, 7, 20, 39, 50, 1000])
def test_so_many_rounds_are_due_at_most_and_the_last_one_is(of: int, times: int) -> None:
    due = [number for number in range(1, of + 1) if Round(number, of).is_due(times)]
    assert due[-1] == of
    assert min(of, times) / 2 < len(due) <= times


def test_it_is_the_plain_loop_over_the_same_permutations(tmp_path: Path) -> None:
    made = iterations(50, batch=2, schedule=Cosine(end=0.1), optimizer=SGD(lr=0.05))
    task, plain = Toy(), Toy()
    outcome = train(task, made, tmp_path, seed=7, keep=(13,))

    model = plain.module
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=True)
    factor = loop.build_schedule(optimizer, made.schedule, 50)
    order = torch.Generator().manual_seed(7)
    torch.manual_seed(7)
    ends = sorted({50 * part // 20 for part in range(1, 21)} | {13})
    for begin, end in pairwise([0, *ends]):
        model.train()
        batches = torch.randperm(40, generator=order).split(2)
        for chosen in batches[: end - begin]:
            loss = model.loss(plain.batch(chosen))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            factor.step()  # type: ignore[call-arg]
        if end == 13:
            kept = weights(model)
    assert task.seen == plain.seen
    torch.testing.assert_close(weights(task.module), weights(model), rtol=1e-5, atol=1e-6)
    assert list(outcome.kept) == [13]
    torch.testing.assert_close(outcome.kept[13], kept, rtol=1e-5, atol=1e-6)
    assert (outcome.steps, outcome.epochs, outcome.selected_epoch) == (50, 3, 2.5)
    shown = [point.epoch for point in outcome.curves if point.split == "train"]
    assert shown == [end / 20 for end in ends]


def test_iterations_that_make_up_epochs_give_what_epochs_give(tmp_path: Path) -> None:
    by_epochs, by_iterations = Toy(), Toy()
    train(by_epochs, recipe(epochs=30, schedule=Cosine()), tmp_path)
    train(by_iterations, iterations(90, schedule=Cosine()), tmp_path)
    assert by_epochs.seen == by_iterations.seen
    assert same(weights(by_epochs.module), weights(by_iterations.module))


def test_the_best_round_is_selected(tmp_path: Path) -> None:
    task = Toy(scores=[3.0, 2.0, 1.0, 4.0])
    outcome = train(task, iterations(4, select="best"), tmp_path)
    assert outcome.selected_epoch == 1
    assert same(weights(task.module), task.after[2])
    again = Toy(scores=[3.0, 1.0, 2.0, 4.0])
    assert train(again, iterations(4, select="best"), tmp_path).selected_epoch == 0.6667


def test_iterations_done_are_reported(tmp_path: Path) -> None:
    seen: list[int] = []
    train(Toy(), iterations(7), tmp_path, report=lambda done, loss: seen.append(done))
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    seen.clear()
    train(Toy(), iterations(70), tmp_path, report=lambda done, loss: seen.append(done))
    assert seen == [*range(3, 70, 3), 70]


def test_divergence_names_the_iteration(tmp_path: Path) -> None:
    outcome = train(Toy(), iterations(300, optimizer=SGD(lr=1e6)), tmp_path)
    assert outcome.status == "diverged"
    assert f"by iteration {outcome.steps}" in outcome.reason
    assert outcome.steps < 300


def test_stopped_at_any_round_it_ends_bit_for_bit_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    made = iterations(8, select="best", schedule=Cosine())
    scores = [3.0, 2.5, 2.0, 1.5, 1.0, 2.0, 3.0, 4.0]
    whole = Toy(scores=scores)
    (tmp_path / "whole").mkdir()
    expected = train(whole, made, tmp_path / "whole", keep=(2, 6))
    for done in range(1, 9):
        folder = tmp_path / str(done)
        folder.mkdir()
        with pytest.raises(StoppedError):
            train(Toy(scores=scores), made, folder, keep=(2, 6), report=stop_after(done))
        resumed = Toy(scores=scores)
        outcome = train(resumed, made, folder, keep=(2, 6))
        assert len(resumed.after) == 8 - (done - 1)
        assert outcome.curves == expected.curves
        assert same(weights(resumed.module), weights(whole.module))
        assert sorted(outcome.kept) == [2, 6]
        assert all(same(outcome.kept[k], expected.kept[k]) for k in (2, 6))
