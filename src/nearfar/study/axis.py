"""One axis of a study file: its values, or the range that they are searched in."""

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer

from nearfar.errors import shown
from nearfar.train.recipe import Options

TRIALS = 30
"""Points that are tried where a study file gives a range and does not say how many."""
MOST_TRIALS = 1_000
NO_VALUES = "values: is missing"
_RANGE = ("from", "to", "log", "step")


def _number(given: Any) -> Any:
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if given is None or (is_number and math.isfinite(given)):
        return given
    raise ValueError(f"needs a number, not {shown(given)}")


Number = Annotated[int | float, BeforeValidator(_number)]


class Axis(Options):
    """Named values that multiply arms.

    ``repeat`` (only ``seed``; an integer n means 0 to n - 1), ``compare`` (each value becomes an
    arm of its own), ``condition`` (arms are compared within each value), ``choose`` (one value is
    chosen for each arm, on validation rows) or ``score`` (arms are trained once and scored at each
    value). ``$name`` in a stage or an arm stands for the value; a mapping gives the values labels.

    An axis to choose along may have a range in place of values, whole numbers where ``from`` and
    ``to`` are, or ``trials``: then so many points are tried, each in the light of those before.
    """

    role: Literal["repeat", "compare", "condition", "choose", "score"]
    values: int | list[Any] | dict[str, Any] | None = None
    from_: Number | None = Field(default=None, alias="from")
    to: Number | None = None
    log: bool | None = None
    step: Number | None = None
    trials: int | None = None

    @model_serializer(mode="wrap")
    def _as_written(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found = {"from" if key == "from_" else key: value for key, value in dump(self).items()}
        return {key: value for key, value in found.items() if value is not None}

    @property
    def searched(self) -> bool:
        """Whether points are proposed one after the other, in place of a grid."""
        return self.trials is not None or self.from_ is not None

    @property
    def whole(self) -> bool:
        """Whether a range is one of whole numbers."""
        return all(isinstance(value, int) for value in (self.from_, self.to, self.step or 1))

    def labelled(self) -> dict[str, Any]:
        """Return label → value; of a range its two ends."""
        if isinstance(self.values, dict):
            return self.values
        values: Iterable[Any] = [self.from_, self.to]
        if self.values is not None:
            values = range(self.values) if isinstance(self.values, int) else self.values
        return {str(value): value for value in values}

    @property
    def last_step(self) -> int | float:
        """The largest value of a range that is whole steps above its lower end."""
        low, high, step = (Decimal(str(value)) for value in (self.from_, self.to, self.step))
        last = low + (high - low) // step * step
        return int(last) if self.whole else float(last)

    def number_of(self, label: str) -> int | float | str:
        """Return the number that a label of a range means; of values, the label itself."""
        if self.from_ is None:
            return label
        return int(label) if self.whole else float(label)


def range_mistakes(axis: Axis) -> list[str]:
    """Return what is wrong with the range of an axis, and with the number of its trials."""
    low, high = axis.from_, axis.to
    given = [
        key
        for key, value in zip(_RANGE, (low, high, axis.log, axis.step), strict=True)
        if value is not None
    ]
    if not given and axis.trials is None:
        return [NO_VALUES] if axis.values is None else []
    if axis.role != "choose":
        named = ", ".join([*given, *(["trials"] if axis.trials is not None else [])])
        return [f"{named}: are for the role 'choose', not {shown(axis.role)}"]
    mistakes = []
    if axis.trials is not None and not 1 <= axis.trials <= MOST_TRIALS:
        mistakes.append(f"trials: from 1 to {MOST_TRIALS:,} (given: {axis.trials:,})")
    if axis.values is not None:
        return [
            *mistakes,
            *(
                [f"has values and a range ({', '.join(given)}): leave out one of the two"]
                if given
                else []
            ),
        ]
    if low is None or high is None:
        lacking = "to" if low is not None else "from"
        return [*mistakes, f"{lacking}: is missing; a range has from and to, or give values"]
    if low >= high:
        return [*mistakes, f"from: has to be below to (given: {low} and {high})"]
    if axis.log and low <= 0:
        mistakes.append(f"from: has to be above 0 where log is true (given: {low})")
    if axis.step is not None:
        if axis.log:
            mistakes.append("step: goes without log: even steps, or even ratios")
        elif not 0 < axis.step <= high - low:
            mistakes.append(f"step: from above 0 to {high - low} (given: {axis.step})")
    return mistakes
