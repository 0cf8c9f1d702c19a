"""Studies with seeded mistakes of any kind, and what becomes of a file with some when prepared."""

import copy
import random
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from small_study import Plain, small, write_table

from nearfar.errors import UserError
from nearfar.execution.prepared import Request
from nearfar.execution.run import prepare
from nearfar.report.signs import inert

SLOW = 10.0
"""Seconds in which a study file is refused or ready."""
LONGEST = 1500
"""Characters of a message, several mistakes and their remedies included."""

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 7, 1e-9, 0.5, 1e300, -1e300, 2**31, 2**63, 2**64, 10**30),
    *("", " ", "nan", "inf", "no", "x", "mean", "rnc", "moco", "mlp", "cnn", "\x00", "é\u202e" * 5),
    *("a" * 5000, "../..", "/dev/null", "~", "{arm}", "$seed", "sklearn.svm.SVR", "1:30", "0o7"),
    *("$nobody", "5", "a\nb", "\x1b[31m", "__class__", 10**23, 2**33, 1e-300),
    *([], [[]], [None], [1, "a"], {}, {"": 1}, {"x": {"y": [1]}}, {1: 2}, list(range(300))),
    *([{}], [["a"]], {None: None}, {"stage": ["a"]}, {"stage": "x"}, {"values": []}),
    {"role": "choose", "values": [1]},
    *(float("nan"), float("inf"), -0.0, "2020-01-01", ["a", "a"], {"mean": {"x": 1}}),
)
Place = tuple[Any, Any]
"""A container of plain values, and the key or index in it."""


def places(value: Any) -> Iterator[Place]:
    """All places of a nest of dictionaries and lists."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def _another(raw: Any, draw: random.Random) -> None:
    holder, key = draw.choice(list(places(raw)))
    holder[key] = copy.deepcopy(draw.choice(VALUES))


def _gone(raw: Any, draw: random.Random) -> None:
    holder, key = draw.choice(list(places(raw)))
    del holder[key]


def _misspelt(raw: Any, draw: random.Random) -> None:
    named = [(holder, key) for holder, key in places(raw) if isinstance(holder, dict)]
    holder, key = draw.choice(named)
    word = str(key)
    spot = draw.randrange(len(word) or 1)
    holder[word[:spot] + draw.choice("aexz_- 9") + word[spot + draw.randint(0, 1) :]] = holder.pop(
        key
    )


def _swapped(raw: Any, draw: random.Random) -> None:
    (one, first), (two, second) = draw.sample(list(places(raw)), 2)
    one[first], two[second] = copy.deepcopy(two[second]), copy.deepcopy(one[first])


def _added(raw: Any, draw: random.Random) -> None:
    holders = [holder for holder, _ in places(raw)]
    holder, value = draw.choice(holders), copy.deepcopy(draw.choice(VALUES))
    if isinstance(holder, dict):
        names = ("epochs", "batch", "lr", "seed", "head", "encoder", "options", "x", "train", "")
        holder[draw.choice(names)] = value
    else:
        holder.insert(draw.randint(0, len(holder)), value)


CHANGES: tuple[Callable[[Any, random.Random], None], ...] = (
    *(_another, _another, _gone, _misspelt, _swapped, _added),
)


def _text_changed(text: str, draw: random.Random) -> bytes:
    """The file itself damaged: a line twice or gone, an indent, a sign, a byte."""
    lines = text.split("\n")
    spot = draw.randrange(len(lines))
    how = draw.randrange(6)
    if how == 0:
        lines.insert(spot, lines[spot])
    elif how == 1:
        del lines[spot]
    elif how == 2:
        lines[spot] = " " * draw.randint(1, 3) + lines[spot]
    elif how == 3:
        lines[spot] += draw.choice(
            [" &a", " *a", ": :", " {", " [", " !!python/name:os.system", "'"]
        )
    elif how == 4:
        lines[spot] = draw.choice(["\t", "---", "...", "? x", "<<: *a", "- - -", "%YAML 9"])
    content = bytearray("\n".join(lines).encode())
    if how == 5 and content:
        content[draw.randrange(len(content))] = draw.randrange(256)
    return bytes(content)


def changed(study: Plain, draw: random.Random) -> Plain:
    """The study with one to three mistakes."""
    raw = copy.deepcopy(study)
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        if any(True for _ in places(raw)):
            draw.choice(CHANGES)(raw, draw)
    return raw


def written(number: int) -> bytes:
    """A study file with mistakes; the same for the same number."""
    draw = random.Random(number)
    text = yaml.safe_dump(changed(small(), draw), sort_keys=False, allow_unicode=True)
    return _text_changed(text, draw) if draw.random() < 0.25 else text.encode()


def outcome(number: int, folder: Path) -> tuple[str, str]:
    """Prepare a study file with mistakes: ``ready``, ``told``, or what was wrong; and the words."""
    study = folder / "study.yaml"
    if not (folder / "small.csv").exists():
        write_table(folder / "small.csv")
    study.write_bytes(written(number))
    begun = time.monotonic()
    try:
        prepare(Request(str(study), out=folder / "runs", jobs=1, device="cpu"))
        came, words = "ready", ""
    except UserError as error:
        came, words = "told", str(error)
    except BaseException:
        came, words = "raised", traceback.format_exc()
    if came == "told" and not is_readable(words):
        came = "told unreadably"
    if time.monotonic() - begun > SLOW:
        came = f"slow ({came})"
    return came, words


def is_readable(message: str) -> bool:
    """Whether a message, as the command line shows it, has lines that are not endless."""
    lines = inert(message).split("\n")
    return bool(message) and max(map(len, lines)) < LONGEST and all(map(str.isprintable, lines))
