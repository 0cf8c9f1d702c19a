"""Encoders: a batch of inputs → features. ``ENCODERS`` names all that a study file may ask for."""

import inspect
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from nearfar.encoders.base import Encoder, FixedEncoder, Inputs
from nearfar.encoders.descriptors import Descriptors
from nearfar.encoders.gin import GIN
from nearfar.encoders.identity import Identity
from nearfar.encoders.mlp import MLP
from nearfar.encoders.morgan import Morgan
from nearfar.encoders.mpnn import MPNN
from nearfar.errors import UserError, nearest

__all__ = [
    "ENCODERS",
    "Encoder",
    "FixedEncoder",
    "build_encoder",
    "encoder_options",
    "option_mistakes",
]

ENCODERS: dict[str, type[Encoder] | type[FixedEncoder]] = {
    "descriptors": Descriptors,
    "gin": GIN,
    "identity": Identity,
    "mlp": MLP,
    "morgan": Morgan,
    "mpnn": MPNN,
}


def _parameters(name: str) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(ENCODERS[name]).parameters
    return {key: value for key, value in parameters.items() if value.kind is value.KEYWORD_ONLY}


def _schema(name: str) -> type[BaseModel]:
    fields: dict[str, Any] = {
        key: (parameter.annotation, parameter.default)
        for key, parameter in _parameters(name).items()
    }
    return create_model(name, __config__=ConfigDict(strict=True), **fields)


def encoder_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of an encoder: the given ones, and defaults for the others.

    Raises:
        UserError: no such encoder, or a mistake in its options (the first one).
    """
    for mistake in option_mistakes(name, options):
        raise UserError(mistake)
    return {key: options.get(key, value.default) for key, value in _parameters(name).items()}


def option_mistakes(name: str, options: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with an encoder's name and options in a study file, a line each."""
    if name not in ENCODERS:
        return [f"no encoder is called {name!r}; {nearest(name, ENCODERS)}"]
    known = _parameters(name)
    mistakes = [
        f"encoder {name} has no option {key!r}; {nearest(str(key), known)}"
        for key in options
        if key not in known
    ]
    given = {key: value for key, value in options.items() if key in known}
    try:
        _schema(name).model_validate(given)
    except ValidationError as error:
        mistakes += [
            f"encoder {name}, option {item['loc'][0]}: {item['msg']} (given: {item['input']!r})"
            for item in error.errors()
        ]
    return mistakes


def build_encoder(name: str, options: Mapping[str, Any], inputs: Inputs) -> Encoder | FixedEncoder:
    """Make an encoder for these inputs, with fresh weights from torch's random generator.

    Args:
        name: a key of ``ENCODERS``.
        options: keyword arguments of its constructor; the others keep their defaults.
        inputs: rows to read sizes from.

    Raises:
        UserError: no such encoder, a mistake in its options, or inputs of a kind that it does
            not take.
    """
    chosen = encoder_options(name, options)
    kind: type[Any] = ENCODERS[name]
    if inputs.kind not in kind.accepts:
        fit = [other for other, it in ENCODERS.items() if inputs.kind in it.accepts]
        raise UserError(
            f"encoder {name} takes {' or '.join(sorted(kind.accepts))} inputs, not"
            f" {inputs.kind}; for {inputs.kind} there are: {', '.join(fit) or 'none'}"
        )
    encoder: Encoder | FixedEncoder = kind(inputs, **chosen)
    return encoder
