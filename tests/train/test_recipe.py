"""What a recipe says, refuses, and becomes in a stage's specification."""

import json

import pytest
from pydantic import ValidationError

from nearfar.train.recipe import (
    SGD,
    Adam,
    AdamW,
    Constant,
    Cosine,
    Lookahead,
    OneCycle,
    Plateau,
    Recipe,
    Triangular,
)


def recipe(**changes: object) -> Recipe:
    given: dict[str, object] = {
        "epochs": 3,
        "batch": 16,
        "drop_last": False,
        "optimizer": SGD(),
        "schedule": Constant(),
        "clip": None,
        "select": "best",
    }
    return Recipe.model_validate({**given, **changes})


RECIPES = [
    recipe(),
    recipe(optimizer=SGD(lr=0.5, momentum=0.0), schedule=Cosine(end=0.25, warmup=0.125)),
    recipe(optimizer=SGD(lr=0.01, nesterov=True), schedule=Cosine()),
    recipe(optimizer=Adam(lr=0.01), schedule=OneCycle(), clip=2.5, select="last"),
    recipe(optimizer=AdamW(weight_decay=0.0), schedule=OneCycle(warmup=0.1), drop_last=True),
    recipe(epochs=None, iterations=3, schedule=Plateau(patience=2)),
    recipe(schedule=Triangular(start=0.125)),
    recipe(schedule=Triangular(), average=Lookahead()),
    recipe(schedule=Triangular(), average=Lookahead(every=3)),
]


@pytest.mark.parametrize("made", RECIPES)
def test_a_recipe_goes_to_plain_values_and_back(made: Recipe) -> None:
    plain = json.loads(json.dumps(made.to_plain()))
    back = Recipe.from_plain(plain)
    assert back == made
    assert type(back.optimizer) is type(made.optimizer)
    assert type(back.schedule) is type(made.schedule)
    assert back.to_plain() == plain


def test_no_average_leaves_plain_values_as_they_were() -> None:
    assert "average" not in recipe().to_plain()
    averaged = recipe(average=Lookahead()).to_plain()
    assert averaged["average"] == {"lookahead": {"every": 5, "decay": 0.95}}


def test_every_setting_shows_in_the_plain_values() -> None:
    plains = [json.dumps(made.to_plain(), sort_keys=True) for made in RECIPES]
    assert len(set(plains)) == len(RECIPES)


@pytest.mark.parametrize(
    ("rows", "batch", "drop_last", "steps"),
    [
        (100, 32, False, 4),
        (100, 32, True, 3),
        (96, 32, False, 3),
        (96, 32, True, 3),
        (10, 32, False, 1),
        (10, 32, True, 1),
        # A lone last row would break batch norm and objectives that compare rows.
        (97, 32, False, 3),
        (33, 32, False, 1),
        (3, 1, False, 3),
        (1, 32, False, 1),
    ],
)
def test_steps_of_an_epoch(rows: int, batch: int, drop_last: bool, steps: int) -> None:
    assert recipe(batch=batch, drop_last=drop_last).steps_per_epoch(rows) == steps


def test_steps_of_a_run() -> None:
    assert recipe(epochs=7, batch=32).steps(100) == 28
    assert recipe(epochs=None, iterations=7, batch=32).steps(100) == 7


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 0},
        {"epochs": None},
        {"epochs": None, "iterations": 0},
        {"iterations": 5},
        {"batch": 0},
        {"clip": 0.0},
        {"clip": float("inf")},
        {"select": "first"},
        {"epoch": 3},
    ],
)
def test_a_recipe_refuses(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        recipe(**changes)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (SGD, {"lr": 0}),
        (SGD, {"lr": float("nan")}),
        (SGD, {"momentum": 1}),
        (SGD, {"weight_decay": -1}),
        (SGD, {"nesterov": True, "momentum": 0}),
        (Adam, {"momentum": 0.9}),
        (AdamW, {"lr": -1}),
        (Cosine, {"end": 1.5}),
        (Cosine, {"warmup": -0.1}),
        (OneCycle, {"warmup": 0}),
        (OneCycle, {"warmup": 1}),
        (Constant, {"end": 0}),
        (Plateau, {"factor": 1.0}),
        (Plateau, {"factor": 0.0}),
        (Plateau, {"patience": -1}),
    ],
)
def test_optimisers_and_schedules_refuse(kind: type[SGD], options: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(options)
