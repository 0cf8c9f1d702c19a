"""The one training loop: what it computes, selects, keeps, and when it says diverged."""

import math
from itertools import chain
from pathlib import Path

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR
from toy import Model, Toy, recipe, same, train, trainer, weights

from nearfar.train import loop
from nearfar.train.recipe import SGD, AdamW, Cosine, OneCycle


def test_it_is_the_plain_loop_that_anyone_would_write(tmp_path: Path) -> None:
    made = recipe(epochs=3, optimizer=AdamW(lr=0.02), schedule=OneCycle(), clip=0.5)
    task, plain = Toy(), Toy()
    outcome = train(task, made, tmp_path, seed=7)

    model = plain.module
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02, weight_decay=0.01, fused=True)
    steps = 3 * 3
    schedule = OneCycleLR(optimizer, max_lr=0.02, total_steps=steps, cycle_momentum=False)
    order = torch.Generator().manual_seed(7)
    torch.manual_seed(7)
    losses = []
    for _ in range(3):
        model.train()
        total = 0.0
        for chosen in torch.randperm(40, generator=order).split(16):
            loss = model.loss(plain.batch(chosen))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            if schedule.last_epoch < steps - 1:
                schedule.step()
            total += loss.item() * len(chosen)
        losses.append(total / 40)
    assert task.seen == plain.seen
    for name, value in model.state_dict().items():
        torch.testing.assert_close(task.module.state_dict()[name], value)
    shown = [point.value for point in outcome.curves if point.split == "train"]
    assert shown == pytest.approx(losses, rel=1e-5)


def test_numbers_depend_on_the_seed_alone(tmp_path: Path) -> None:
    made = recipe()
    first, second, other = Toy(), Toy(), Toy()
    train(first, made, tmp_path, seed=1)
    torch.rand(1000)
    train(second, made, tmp_path, seed=1)
    train(other, made, tmp_path, seed=2)
    assert same(weights(first.module), weights(second.module))
    assert not same(weights(first.module), weights(other.module))
    assert first.seen != other.seen


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("rows", [40, 41, 9])
def test_an_epoch_visits_every_row_once_in_a_new_order(
    rows: int, drop_last: bool, tmp_path: Path
) -> None:
    task = Toy(rows)
    made = recipe(epochs=2, batch=10, drop_last=drop_last)
    outcome = train(task, made, tmp_path)
    sizes = {40: [10] * 4, 41: [10] * 4, 9: [9]}[rows]
    assert [len(batch) for batch in task.seen] == sizes * 2
    half = len(sizes)
    epochs = [[*chain(*task.seen[:half])], [*chain(*task.seen[half:])]]
    for visited in epochs:
        assert len(set(visited)) == len(visited)
    if rows != 41:
        assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(rows))
    assert epochs[0] != epochs[1]
    assert outcome.steps == 2 * half


def test_a_last_smaller_batch_is_used_unless_dropped(tmp_path: Path) -> None:
    kept, dropped = Toy(40), Toy(40)
    train(kept, recipe(epochs=1, batch=16), tmp_path)
    train(dropped, recipe(epochs=1, batch=16, drop_last=True), tmp_path)
    assert [len(batch) for batch in kept.seen] == [16, 16, 8]
    assert [len(batch) for batch in dropped.seen] == [16, 16]


def test_a_batch_is_never_larger_than_the_rows(tmp_path: Path) -> None:
    task = Toy(12)
    train(task, recipe(epochs=1, batch=4096), tmp_path)
    assert [len(batch) for batch in task.seen] == [12]


@pytest.mark.parametrize(("clip", "expected"), [(0.01, 0.01), (1e6, None), (None, None)])
def test_clipping_bounds_the_norm_of_a_step(
    clip: float | None, expected: float | None, tmp_path: Path
) -> None:
    task = Toy()
    before = [p.detach().clone() for p in task.module.parameters()]
    made = recipe(epochs=1, batch=40, clip=clip, optimizer=SGD(lr=1.0, momentum=0))
    train(task, made, tmp_path)
    step = [p.detach() - b for p, b in zip(task.module.parameters(), before, strict=True)]
    norm = float(torch.cat([part.flatten() for part in step]).norm())
    if expected is None:
        assert norm > 0.1
    else:
        assert norm == pytest.approx(expected, rel=1e-3)


def test_the_rate_ends_where_the_schedule_says(tmp_path: Path) -> None:
    made = recipe(optimizer=SGD(lr=0.5), schedule=Cosine(end=0.1))
    at_work = trainer(Toy(), made, tmp_path)
    at_work.run()
    assert at_work.optimizer.param_groups[0]["lr"] == pytest.approx(0.05)


def test_the_best_epochs_weights_are_restored(tmp_path: Path) -> None:
    task = Toy(scores=[3.0, 1.0, 2.0, 1.0])
    outcome = train(task, recipe(select="best"), tmp_path)
    assert outcome.selected_epoch == 2
    assert same(weights(task.module), task.after[1])
    assert not same(task.after[1], task.after[3])
    validation = [(p.epoch, p.value) for p in outcome.curves if p.split == "validation"]
    assert validation == [(1, 3.0), (2, 1.0), (3, 2.0), (4, 1.0)]


def test_without_selection_the_last_weights_stay(tmp_path: Path) -> None:
    task = Toy(scores=[3.0, 1.0, 2.0, 4.0])
    outcome = train(task, recipe(select="last"), tmp_path)
    assert outcome.selected_epoch == 4
    assert same(weights(task.module), task.after[3])


def test_a_validation_value_that_is_no_number_is_never_selected(tmp_path: Path) -> None:
    task = Toy(scores=[math.nan, 5.0, math.nan, 6.0])
    assert train(task, recipe(select="best"), tmp_path).selected_epoch == 2
    never = Toy(scores=[math.nan] * 4)
    assert train(never, recipe(select="best"), tmp_path).selected_epoch == 4


def test_epochs_to_keep_are_kept_beside_the_selected_one(tmp_path: Path) -> None:
    task = Toy(scores=[1.0, 2.0, 3.0, 4.0])
    outcome = train(task, recipe(select="best"), tmp_path, keep=(2, 4))
    assert sorted(outcome.kept) == [2, 4]
    assert same(outcome.kept[2], task.after[1])
    assert same(outcome.kept[4], task.after[3])
    assert same(weights(task.module), task.after[0])


class Breaking(Toy):
    """Its targets are multiplied by ``value`` in the last batch of epoch ``epoch``."""

    def __init__(self, epoch: int, value: float = math.nan) -> None:
        super().__init__()
        self.epoch, self.value = epoch, value

    def batch(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = super().batch(rows)
        broken = len(self.seen) == 3 * self.epoch
        return x, y * (self.value if broken else 1.0)


def test_a_loss_that_is_not_a_number_ends_the_run_as_diverged(tmp_path: Path) -> None:
    outcome = train(Breaking(epoch=3), recipe(epochs=6, select="best"), tmp_path)
    assert outcome.status == "diverged"
    assert outcome.epochs == 3
    assert "nan" in outcome.reason
    assert "epoch 3" in outcome.reason


def test_a_rate_too_large_is_found_out(tmp_path: Path) -> None:
    made = recipe(epochs=60, optimizer=SGD(lr=1e4), select="best")
    outcome = train(Toy(), made, tmp_path)
    assert outcome.status == "diverged"
    assert outcome.epochs < 60


class Rising(Breaking):
    """Its targets grow in the middle and stay so."""

    def batch(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = Toy.batch(self, rows)
        return x, y * (self.value if len(self.seen) > 3 * self.epoch else 1.0)


@pytest.mark.parametrize(
    ("epochs", "status"),
    [(loop.LEARNING_EPOCHS - 1, "done"), (loop.LEARNING_EPOCHS, "diverged")],
)
def test_a_loss_that_rose_counts_once_there_was_time_to_learn(
    epochs: int, status: str, tmp_path: Path
) -> None:
    def ends(limit: float, value: float = 30.0) -> loop.Outcome:
        made = recipe(epochs=epochs, optimizer=SGD(lr=1e-4))
        return train(Rising(epoch=4, value=value), made, tmp_path, limit=limit)

    outcome = ends(limit=1e-9)
    assert outcome.status == status
    assert ("the training loss rose: it began at" in outcome.reason) == (status == "diverged")
    assert ends(limit=1e9).status == "done"
    assert ends(limit=1e-9, value=1.1).status == "done"


def test_a_loss_that_fell_has_not_diverged_whatever_a_constant_has(tmp_path: Path) -> None:
    outcome = train(Toy(), recipe(epochs=40), tmp_path, limit=1e-9)
    losses = [p.value for p in outcome.curves if p.split == "train"]
    assert losses[0] > losses[-1] > 1e-9
    assert (outcome.status, outcome.reason) == ("done", "")


class Quiet(Model):
    """Its loss leaves out what is no number."""

    def loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return super().loss(batch).nan_to_num(0)


class Silent(Toy):
    """Its weights are no numbers any more from the third epoch on."""

    def __init__(self) -> None:
        super().__init__()
        self.module = Quiet()

    def batch(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if len(self.seen) == 7:
            with torch.no_grad():
                next(self.module.parameters()).fill_(math.nan)
        return super().batch(rows)


def test_weights_that_are_no_numbers_have_diverged_whatever_the_loss_says(tmp_path: Path) -> None:
    outcome = train(Silent(), recipe(epochs=6), tmp_path)
    assert outcome.status == "diverged"
    assert outcome.reason == "the weights became infinite or nan by epoch 3"


def test_the_limit_is_for_the_end_not_for_a_bad_moment(tmp_path: Path) -> None:
    task = Breaking(epoch=22, value=10.0)
    outcome = train(task, recipe(epochs=25), tmp_path, limit=20.0)
    assert outcome.status == "done"
    losses = [p.value for p in outcome.curves if p.split == "train"]
    assert losses[21] > 20 > losses[-1]
    assert outcome.status == "done"


def test_every_epoch_is_reported(tmp_path: Path) -> None:
    seen: list[tuple[int, float]] = []
    outcome = train(Toy(), recipe(), tmp_path, report=lambda e, loss: seen.append((e, loss)))
    shown = [(p.epoch, p.value) for p in outcome.curves if p.split == "train"]
    assert seen == shown
    assert outcome.seconds > 0
