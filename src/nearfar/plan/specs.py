"""What determines a stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nearfar.records.stages import StageStore

Spec = Mapping[str, Any]


def chosen(block: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return name and options of a choice such as ``{gin: {layers: 5}}``."""
    ((name, options),) = block.items()
    return str(name), dict(options)


def encoder_block(spec: Spec, store: StageStore) -> tuple[Mapping[str, Any], int]:
    """Return the encoder that a stage has, as a study says it, and the seed that made it."""
    while "encoder" not in spec:
        spec = store.read(spec["input"]["stage"])["spec"]
    return spec["encoder"], spec["seed"]


def has_encoder(spec: Spec) -> bool:
    return "input" in spec or "encoder" in spec
