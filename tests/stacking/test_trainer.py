"""Runs that are trained together end as each would alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from stacked_examples import (
    Task,
    alone,
    head_task,
    image_task,
    recipe,
    same_end,
    together,
    vector_task,
)
from toy import StoppedError

from nearfar.stacking import trainer as module
from nearfar.stacking.predictors import Stack
from nearfar.train.recipe import SGD, Adam, AdamW, Cosine, OneCycle, Plateau, Recipe

Make = Callable[[int], Task]
KINDS: dict[str, Make] = {
    "linear": head_task,
    "mlp": lambda seed: head_task(seed, "mlp"),
    "l1": lambda seed: head_task(seed, loss="l1"),
    "mse": lambda seed: head_task(seed, "mlp", loss="mse"),
    "huber": lambda seed: head_task(seed, loss="huber"),
    "deep": vector_task,
    "deep, head": lambda seed: vector_task(seed, trained="head"),
    "cnn": image_task,
    "cnn, mlp": lambda seed: image_task(seed, "mlp"),
    "cnn, two layers": lambda seed: image_task(seed, trained=2, encoder_lr=0.3),
    "cnn, head": lambda seed: image_task(seed, trained="head"),
}
SEEDS = [3, 4, 5]


def both(make: Make, recipes: list[Recipe], seeds: list[int], **more: Any) -> list[Any]:
    """Train together and alone; assert that they end alike; return the outcomes."""
    tasks, twins = [[make(seed) for seed in seeds] for _ in range(2)]
    expected = alone(twins, recipes, seeds, **more)
    outcomes = together(tasks, recipes, seeds, **more)
    same_end(tasks, outcomes, twins, expected)
    assert [task.judged for task in tasks] == [twin.judged for twin in twins]
    return outcomes


@pytest.mark.parametrize("make", KINDS.values(), ids=list(KINDS))
def test_every_kind_ends_as_alone(make: Make) -> None:
    both(make, [recipe(epochs=3)] * 3, SEEDS)


RECIPES = {
    "momentum": recipe(optimizer=SGD(lr=0.05, weight_decay=0.01)),
    "nesterov": recipe(optimizer=SGD(lr=0.05, nesterov=True), schedule=Cosine(warmup=0.3)),
    "plain": recipe(optimizer=SGD(lr=0.1, momentum=0), clip=0.3),
    "adamw, one cycle": recipe(optimizer=AdamW(lr=0.05), schedule=OneCycle(), clip=0.5),
    "adam": recipe(optimizer=Adam(lr=0.02, weight_decay=0.01)),
    "drop last": recipe(drop_last=True, select="last"),
    "one batch": recipe(batch=1000),
    "iterations": recipe(epochs=None, iterations=23),
    "plateau": recipe(epochs=12, optimizer=Adam(lr=0.3), schedule=Plateau(factor=0.5, patience=0)),
}


@pytest.mark.parametrize("made", RECIPES.values(), ids=list(RECIPES))
def test_every_recipe_is_followed(made: Recipe) -> None:
    both(head_task, [made] * 3, SEEDS, keep=(2,))


def test_each_has_its_own_recipe() -> None:
    recipes = [
        recipe(epochs=5, optimizer=SGD(lr=0.2), clip=0.1),
        recipe(epochs=2, optimizer=SGD(lr=0.02, momentum=0.5, nesterov=True), select="last"),
        recipe(epochs=3, optimizer=SGD(lr=0.1, weight_decay=0.1), batch=9, schedule=Cosine()),
        recipe(epochs=9, optimizer=SGD(lr=0.5, momentum=0), schedule=Plateau(patience=0)),
    ]
    both(head_task, recipes, [1, 1, 2, 3])


@pytest.mark.parametrize("make", [head_task, vector_task, image_task])
def test_runs_of_different_lengths_end_one_by_one(make: Callable[..., Task]) -> None:
    """Fractions of the rows: other steps in an epoch, other last batches, other ends."""
    rows = {1: 70, 2: 33, 3: 17}
    both(lambda seed: make(seed, rows=rows[seed]), [recipe(epochs=3)] * 3, list(rows))


@pytest.mark.parametrize("loss", ["l1", "mse", "huber"])
def test_rows_have_weights(loss: str) -> None:
    weights = torch.linspace(0.1, 2, 90).double()
    made: list[dict[str, Any]] = [{"weights": weights}, {}, {"weights": 2 * weights}]
    both(
        lambda seed: head_task(seed, loss=loss, rows=50 + seed, **made[seed]),
        [recipe()] * 3,
        [0, 1, 2],
    )


def test_one_that_diverges_leaves_the_others_alone() -> None:
    recipes = [
        recipe(epochs=6, optimizer=SGD(lr=lr, momentum=0.9)) for lr in (0.05, 1e25, 0.1, 0.02)
    ]
    outcomes = both(lambda seed: head_task(seed, "mlp", loss="mse"), recipes, [1, 1, 1, 2])
    assert [outcome.status for outcome in outcomes] == ["done", "diverged", "done", "done"]
    assert outcomes[1].epochs < 6


def test_one_whose_loss_rose_has_diverged_alone() -> None:
    recipes = [recipe(epochs=20, optimizer=SGD(lr=lr)) for lr in (0.1, 1.3)]
    outcomes = both(lambda seed: head_task(seed, loss="mse"), recipes, [1, 2], limits=[1e3, 1e-9])
    assert [outcome.status for outcome in outcomes] == ["done", "diverged"]
    assert "the training loss rose" in outcomes[1].reason


@pytest.mark.parametrize("make", [head_task, image_task])
def test_their_order_does_not_matter(make: Callable[..., Task]) -> None:
    def one(seed: int) -> Task:
        return make(seed, rows=40 + 10 * seed)

    recipes = [recipe(epochs=3, optimizer=SGD(lr=lr)) for lr in (0.01, 0.02, 0.03)]
    tasks, others = ([one(seed) for seed in (1, 2, 3)] for _ in range(2))
    outcomes = together(tasks, recipes, [1, 2, 3])
    turned = [2, 0, 1]
    found = together(
        [others[k] for k in turned], [recipes[k] for k in turned], [turned[k] + 1 for k in range(3)]
    )
    same_end(
        [others[k] for k in turned],
        found,
        [tasks[k] for k in turned],
        [outcomes[k] for k in turned],
    )


def test_batches_are_made_once_for_runs_that_see_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    step = Stack.step

    def counted(self: Stack, batches: Any) -> Any:
        made.append(len({id(batch) for batch in batches}))
        return step(self, batches)

    monkeypatch.setattr(Stack, "step", counted)
    recipes = [recipe(epochs=2, optimizer=Adam(lr=lr)) for lr in (0.01, 0.1, 0.02)]
    both(head_task, recipes, [1, 1, 1])
    assert set(made) == {1}
    made.clear()
    both(head_task, recipes, [1, 2, 1])
    assert set(made) == {2}
    made.clear()
    rows = iter([70, 69, 68] * 2)
    both(lambda seed: head_task(seed, rows=next(rows)), recipes, [1, 1, 1])
    assert set(made) == {3}


class Shaken:
    """A view that draws: every number is moved a little."""

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        return batch + 0.1 * torch.randn_like(batch)


@pytest.mark.parametrize("seeds", [[1, 2, 3], [1, 1, 2]])
def test_each_draws_its_own_views(seeds: list[int]) -> None:
    made = Shaken()
    both(lambda seed: image_task(seed, augment=made), [recipe(epochs=2)] * 3, seeds)


def test_reports_name_the_run() -> None:
    told: list[tuple[int, int, float]] = []
    tasks = [head_task(seed, rows=rows) for seed, rows in ((1, 70), (2, 30))]
    outcomes = together(
        tasks, [recipe(epochs=2)] * 2, [1, 2], report=lambda *what: told.append(what)
    )
    for number, outcome in enumerate(outcomes):
        losses = [
            (c.epoch, c.value) for c in outcome.curves if c.metric == "loss" and c.split == "train"
        ]
        assert [(done, loss) for which, done, loss in told if which == number] == losses
        assert outcome.seconds > 0


def test_modules_have_parameters_of_their_own_again() -> None:
    tasks = [image_task(seed) for seed in (1, 2)]
    before = [p.stride() for p in tasks[0].module.parameters()]
    together(tasks, [recipe(epochs=1)] * 2, [1, 2])
    places = {p.untyped_storage().data_ptr() for task in tasks for p in task.module.parameters()}
    assert len(places) == 2 * len(before)
    assert [p.stride() for p in tasks[0].module.parameters()] == before


def test_optimisers_of_different_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="Adam and SGD"):
        together([head_task(1), head_task(2)], [recipe(), recipe(optimizer=Adam())], [1, 2])


def test_tasks_that_cannot_be_stacked_are_refused() -> None:
    with pytest.raises(ValueError, match="together"):
        together([head_task(1), head_task(2, "mlp")], [recipe()] * 2, [1, 2])


def stop_at(count: int) -> Callable[[int, int, float], None]:
    seen: list[int] = []

    def report(task: int, done: int, loss: float) -> None:
        seen.append(done)
        if len(seen) == count:
            raise StoppedError

    return report


STOPPED: dict[str, Make] = {
    "heads": lambda seed: head_task(seed, "mlp", rows=70 - 13 * (seed % 3)),
    "vectors": lambda seed: vector_task(seed, rows=70 - 13 * (seed % 3)),
    "images": lambda seed: image_task(seed, rows=70 - 20 * (seed % 2), augment=Shaken()),
}


@pytest.mark.parametrize("make", STOPPED.values(), ids=list(STOPPED))
def test_stopped_anywhere_they_go_on_to_the_same_end(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECKPOINT_SECONDS", -1.0)
    recipes = [
        recipe(epochs=3, schedule=Plateau(patience=0)),
        recipe(epochs=5, optimizer=SGD(lr=0.2), clip=0.5),
        recipe(epochs=4, schedule=Cosine()),
    ]
    whole = [make(seed) for seed in SEEDS]
    expected = together(whole, recipes, SEEDS, tmp_path / "whole.pt", keep=(2,))
    for count in (3, 5, 11):
        file = tmp_path / f"{count}.pt"
        with pytest.raises(StoppedError):
            together(
                [make(seed) for seed in SEEDS],
                recipes,
                SEEDS,
                file,
                keep=(2,),
                report=stop_at(count),
            )
        torch.rand(count)
        tasks = [make(seed) for seed in SEEDS]
        outcomes = together(tasks, recipes, SEEDS, file, keep=(2,))
        same_end(tasks, outcomes, whole, expected)
        assert sum(task.judged for task in tasks) < sum(task.judged for task in whole)
