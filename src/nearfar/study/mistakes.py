"""Mistakes in a study file, as lines that say where, what was given and what is allowed."""

import re
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from nearfar.errors import UserError, nearest, plainly, printable, shown
from nearfar.study.named_options import NamedChoice
from nearfar.study.schema import ExactFit, Study, TrainedFit
from nearfar.study.strict import strayed

Model = TypeVar("Model", bound=BaseModel)
_SPELLED = {
    "study": "needs small letters, digits, - and _, a letter or digit first",
    "train": "needs head, all, or last:k with k layers",
    "frozen_views": "needs fresh, or cached:k with k views",
    "project": r"needs a name of at most 128 characters, without / \ # ? % :",
}
"""Key → how its text is spelled, where pydantic shows a regular expression."""
_SHARE = "needs at least 2 rows, or a fraction between 0 and 1"
_EITHER = {
    **dict.fromkeys(("rows", "train", "validation", "test"), _SHARE),
    "unseen": "needs [lowest, highest], or a list of classes",
}
"""Key → what it takes, where that is one of several things."""
_TAG = re.compile(r"(constrained-)?(int|float|str|bool)|(tuple|list|dict|literal|function-\S+)\[.*")
"""What pydantic calls one of several things that a value may be."""
_WRITTEN_BY_NEARFAR = frozenset({"profile", "left_out"})
"""Keys of a resolved study that no person writes."""
_SETTLED = ("profiles", "defaults")
"""Blocks of a study file that are laid over and under the others, so that the models lack them."""


class Mistakes:
    """Everything that is wrong with one study file, in the order in which it was found."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[str] = []

    def add(self, lines: Iterable[str]) -> None:
        """Remember mistakes, a line each."""
        self.lines += lines

    def validated(self, model: type[Model], block: Any, above: str = "") -> Model | None:
        """Return a block as ``model`` has it; None, and its mistakes remembered, if it is wrong.

        ``above`` is where the block stands in the file.
        """
        try:
            valid = model.model_validate(block)
        except ValidationError as error:
            self.add(explain(error, model, block, above))
            return None
        wrong = list(strayed(block, valid, above))
        self.add(wrong)
        return None if wrong else valid

    def refuse(self) -> None:
        """Refuse the file, if anything is wrong with it.

        Raises:
            UserError: all mistakes, each once.
        """
        if self.lines:
            lines = dict.fromkeys(map(printable, self.lines))
            raise UserError(*(f"{self.path}: {line}" for line in lines))


@dataclass(frozen=True)
class _Mistake:
    """One of pydantic's mistakes; ``place`` are the keys of the file that lead there.

    So many of these as ``either`` says lead to a value, ``value``, that may be one of several
    things; None where there is no such value on the way.
    """

    item: Any
    place: tuple[str | int, ...]
    either: int | None
    value: Any

    @property
    def line_of(self) -> tuple[str | int, ...]:
        """The place that all mistakes share which are told in one line."""
        if self.either is not None:
            return self.place[: self.either]
        lacking = self.item["type"] == "missing" and isinstance(self.place[-1], int)
        return self.place[:-1] if lacking else self.place


def explain(
    error: ValidationError, model: type[BaseModel], block: Any, above: str = ""
) -> list[str]:
    """Return the mistakes in a block of a study file: where, what was given, what is allowed.

    ``above`` is where ``block`` stands, which is to be one of ``model``.
    """
    together: dict[tuple[str | int, ...], list[_Mistake]] = {}
    for item in error.errors():
        mistake = _located(item, block)
        together.setdefault(mistake.line_of, []).append(mistake)
    lines = []
    for place, mistakes in together.items():
        where = [above] * bool(above) + [str(key) for key in place]
        nearly = [one for one in mistakes if one.place[len(place) :]]
        if mistakes[0].either is None and nearly:
            lines.append(_told(where, f"needs {len(nearly)} more", nearly[0].item["input"]))
        elif mistakes[0].either is None:
            lines += [_line(one.item, where, model) for one in mistakes]
        elif where[-1] in _EITHER:
            lines.append(_told(where, _EITHER[where[-1]], mistakes[0].value))
        elif nearly:
            beyond = [str(key) for key in nearly[0].place[len(place) :]]
            lines.append(_line(nearly[0].item, where + beyond, model))
        else:
            lines.append(_told(where, _either(mistakes), mistakes[0].value))
    return lines


def _either(mistakes: list[_Mistake]) -> str:
    """Return what a value may be; a text last, as why it is none goes with it."""
    texts_last = sorted(mistakes, key=lambda one: one.item["type"] == "string_type")
    first, *others = dict.fromkeys(plainly(one.item) for one in texts_last)
    return ", or ".join([first, *(other.removeprefix("needs ") for other in others)])


def _line(item: Any, where: list[str], model: type[BaseModel]) -> str:
    """Return the line on one mistake, which stands at the keys ``where``."""
    given = item["input"]
    if item["type"] == "extra_forbidden":
        allowed = _allowed(model, item["loc"][:-1])
        inside = ".".join(where[:-1]) or "the study"
        return f"{inside}: unknown key {shown(where[-1])}; {nearest(where[-1], allowed)}"
    if item["type"] == "literal_error":
        names = [str(value) for value in _literals(item)]
        return f"{'.'.join(where)}: unknown value {shown(given)}; {nearest(str(given), names)}"
    if item["type"] in {"value_error", "missing"}:
        message = plainly(item)
        return f"{'.'.join(where)}: {message}" if where else message
    message = _spelled(item, where[-1:]) or plainly(item)
    if item["loc"][-1:] == ("[key]",):
        message = message.replace("needs a text", "a name is a text")
    return _told(where, message, given)


def _told(where: list[str], message: str, given: Any) -> str:
    value = "nothing" if given is None else shown(given)
    return f"{'.'.join(where)}: {message} (given: {value})".removeprefix(": ")


def _spelled(item: Any, key: list[str]) -> str | None:
    matched = item["type"] != "string_pattern_mismatch"
    return None if matched else _SPELLED.get("".join(key))


def _located(item: Any, block: Any) -> _Mistake:
    """Find a mistake in a block: the keys that lead there, without what only the models know."""
    place: list[str | int] = []
    either, value, inside, before = None, None, block, ""
    for part in item["loc"]:
        of_fit = before == "fit" and part in {"trained", "exact"}
        before = part
        if part == "[key]":
            place.pop()
        if of_fit or part == "[key]":
            continue
        if _is_in(part, inside):
            inside = inside[part]
        elif _TAG.fullmatch(str(part)):
            either, value = (len(place), inside) if either is None else (either, value)
            continue
        else:
            inside = None
        place.append(part)
    return _Mistake(item, tuple(place), either, value)


def _is_in(key: str | int, block: Any) -> bool:
    if isinstance(block, list | tuple):
        return isinstance(key, int) and key < len(block)
    return isinstance(block, Mapping) and key in block


def _literals(item: Any) -> list[str]:
    expected = item["ctx"]["expected"].replace(" or ", ", ")
    return [name.strip("'") for name in expected.split(", ")]


def _allowed(model: Any, location: tuple[str | int, ...]) -> list[str]:
    """Return the keys allowed in the block at ``location`` inside ``model``."""
    before: str | int = ""
    for part in location:
        if before == "fit" and part in {"trained", "exact"}:
            model = TrainedFit if part == "trained" else ExactFit
        elif isinstance(model, type) and issubclass(model, BaseModel):
            if issubclass(model, NamedChoice):
                model = model.kind(str(part))
            model = model.model_fields[str(part)].annotation
        else:
            model = typing.get_args(model)[-1]
        before = part
        models = [m for m in typing.get_args(model) if isinstance(m, type) and m is not type(None)]
        if typing.get_origin(model) not in {dict, list} and len(models) == 1:
            model = models[0]
    if isinstance(model, type) and issubclass(model, NamedChoice):
        return model.names()
    fields = getattr(model, "model_fields", {})
    names = [field.alias or name for name, field in fields.items()]
    if model is Study:
        return [*(name for name in names if name not in _WRITTEN_BY_NEARFAR), *_SETTLED]
    return names
