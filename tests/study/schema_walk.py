"""The blocks of a resolved study beside the models that check them."""

import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from nearfar.study.axis import Axis
from nearfar.study.schema import ExactFit, TrainedFit

Path_ = tuple[Any, ...]


def is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def block_name(model: type[BaseModel]) -> str:
    """What a block is called; both kinds of fit are one block of a file."""
    return "fit" if model in (TrainedFit, ExactFit) else model.__name__


def schema_keys(model: Any) -> Iterator[tuple[str, str]]:
    """(block, key) of everything that a study file may say."""
    if is_model(model):
        for key, field in model.model_fields.items():
            yield block_name(model), field.alias or key
            if model is not Axis:
                yield from schema_keys(field.annotation)
    else:
        for part in typing.get_args(model):
            yield from schema_keys(part)


def blocks(model: Any, value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any, dict[str, Any]]]:
    """(where it stands, its model, its keys and values) of every block in a resolved study."""
    if is_model(model):
        if isinstance(value, dict):
            yield path, model, value
            for key, item in value.items() if model is not Axis else []:
                yield from blocks(model.model_fields[key].annotation, item, (*path, key))
    elif isinstance(value, dict | list):
        parts = [part for part in typing.get_args(model) if part is not type(None)]
        if typing.get_origin(model) in (dict, list, tuple):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                yield from blocks(parts[-1], item, (*path, key))
        elif {typing.get_args(part)[:1] for part in parts} == {(TrainedFit,), (ExactFit,)}:
            yield from blocks(TrainedFit if "train" in value else ExactFit, value, path)
        elif parts:
            yield from blocks(parts[0], value, path)
