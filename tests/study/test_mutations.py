"""A study file that is wrong in any way is refused in lines of text, or means something sound."""

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nearfar.errors import UserError
from nearfar.study.files import shipped_texts
from nearfar.study.load import resolve

STUDIES = ("diabetes", "esol", "cifar10-moco", "esol-trials")
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**33, 10**23, 1e-300, 1e300, float("inf"), float("nan")),
    *(
        "",
        "x",
        "$seed",
        "$nobody",
        "5",
        "yes",
        "a" * 5000,
        "a\nb",
        "\x1b[31m",
        "../..",
        "__class__",
    ),
    *(
        [],
        {},
        [[]],
        [{}],
        [None],
        ["a"],
        [1, "a"],
        {"a": 1},
        {"a": {"b": {}}},
        {1: 2},
        {None: None},
    ),
    *([["a"]], {"stage": ["a"]}, {"stage": "x"}, {"values": []}, {"role": "choose", "values": [1]}),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a study, the outer ones first."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def mutated(text: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """The study with one place changed, taken away, named otherwise, or put elsewhere."""
    changed = copy.deepcopy(text)
    *above, last = draw.choice(list(places(changed)))
    holder: Any = changed
    for key in above:
        holder = holder[key]
    how = draw.choice(["value", "value", "value", "delete", "rename", "other"])
    if how == "delete":
        del holder[last]
    elif how == "rename" and isinstance(holder, dict):
        holder[draw.choice([f"{last}x", 5, None, True, ""])] = holder.pop(last)
    elif how == "other" and isinstance(holder, dict):
        holder[last] = copy.deepcopy(draw.choice(list(text.values())))
    else:
        holder[last] = copy.deepcopy(draw.choice(ODD))
    return changed


def judged(name: str, seed: int) -> str:
    """What becomes of a mutation: ``sound``, or ``refused``."""
    draw = random.Random(f"{name} {seed}")
    text = mutated(shipped_texts()[name], draw)
    profile = draw.choice(["full", "quick", "smoke"])
    message = ""
    try:
        resolve(text, Path(f"{name}.yaml"), profile)
    except UserError as error:
        message = str(error)
    assert all(len(line) < 1500 for line in message.split("\n")), message
    assert "\x1b" not in message
    return "refused" if message else "sound"


@pytest.mark.parametrize("name", STUDIES)
def test_mutations_are_refused_or_sound(name: str) -> None:
    outcomes = [judged(name, seed) for seed in range(12)]
    assert set(outcomes) == {"refused", "sound"}
