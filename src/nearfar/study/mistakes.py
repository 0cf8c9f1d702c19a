"""Mistakes in a study file, as lines that say where, what was given and what is allowed."""

import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from nearfar.errors import UserError, nearest, printable, shown
from nearfar.study.named_options import NamedChoice
from nearfar.study.schema import ExactFit, Study, TrainedFit
from nearfar.study.strict import strayed

Model = TypeVar("Model", bound=BaseModel)
_BLOCK = "needs a block of keys and values"
_NEEDED = {
    "dict_type": _BLOCK,
    "model_type": _BLOCK,
    "model_attributes_type": _BLOCK,
    "list_type": "needs a list, such as [a, b]",
    "string_type": "needs a text",
}
"""Kind of mistake → what a study file needs there, where pydantic speaks of Python's types."""
_SPELLED = {
    "study": "needs small letters, digits, - and _, a letter or digit first",
    "train": "needs head, all, or last:k with k layers",
    "frozen_views": "needs fresh, or cached:k with k views",
    "project": r"needs a name of at most 128 characters, without / \ # ? % :",
}
"""Key → how its text is spelled, where pydantic shows a regular expression."""
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
            self.add(explain(error, model, above))
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


def explain(error: ValidationError, model: type[BaseModel], above: str = "") -> list[str]:
    """Return the mistakes in a block of a study file: where, what was given, what is allowed.

    ``above`` is where the block of ``model`` stands.
    """
    lines = []
    for item in error.errors():
        location = [above] * bool(above) + _keys(item["loc"])
        where, given = ".".join(location), item["input"]
        if item["type"] == "extra_forbidden":
            allowed = _allowed(model, item["loc"][:-1])
            block = ".".join(location[:-1]) or "the study"
            lines.append(
                f"{block}: unknown key {shown(location[-1])}; {nearest(location[-1], allowed)}"
            )
        elif item["type"] == "missing":
            lines.append(f"{where}: is missing")
        elif item["type"] == "literal_error":
            names = [str(value) for value in _literals(item)]
            lines.append(f"{where}: unknown value {shown(given)}; {nearest(str(given), names)}")
        else:
            message = _needed(item["type"], location[-1:], given) or item["msg"]
            message = message.removeprefix("Value error, ")
            value = "nothing" if given is None else shown(given)
            told = "" if item["type"] == "value_error" else f" (given: {value})"
            lines.append(f"{where}: {message}{told}" if where else message)
    return lines


def _needed(kind: str, key: list[str], given: Any) -> str | None:
    if kind == "string_pattern_mismatch":
        return _SPELLED.get("".join(key))
    if kind == "too_short" and not given:
        return "needs one at least"
    return _NEEDED.get(kind)


def _keys(location: tuple[str | int, ...]) -> list[str]:
    """Return the keys of a file that lead to a location, without what only the models know."""
    pairs = zip(("", *location), location, strict=False)
    return [
        str(part)
        for before, part in pairs
        if not (before == "fit" and part in {"trained", "exact"}) and part != "[key]"
    ]


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
