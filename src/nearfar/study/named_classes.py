"""Classes that a study file names: those that become one, and those that no training row has."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from nearfar.errors import shown


def _as_map(given: Any) -> Any:
    if not isinstance(given, list):
        return given
    if not all(isinstance(name, str) for name in given):
        raise ValueError(
            f"needs names of classes, in quotes where they are numbers: {shown(given)}"
        )
    return {name: name for name in given}


ClassMap = Annotated[dict[str, str], BeforeValidator(_as_map), Field(min_length=1)]
"""Classes joined by ``+`` (``*``: all others) → the new class; a list keeps the joined names."""


def _as_range(given: Any) -> Any:
    numbers = [x for x in given if isinstance(x, int | float) and not isinstance(x, bool)]
    if numbers and (len(numbers) < len(given) or len(given) != 2 or given[0] > given[1]):
        raise ValueError("needs [lowest, highest], or a list of classes")
    return given


Unseen = Annotated[
    tuple[float, float] | Annotated[tuple[str, ...], Field(min_length=1)],
    BeforeValidator(lambda given: _as_range(given) if isinstance(given, list | tuple) else given),
]
