"""What a study file says of its source: the numbers it published and the claims it made."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    field_validator,
    model_validator,
)

from nearfar.errors import nearest, shown
from nearfar.metrics import METRICS
from nearfar.records.conditions import joined, pairs_of

Text = Annotated[str, Field(min_length=1)]
Numbers = dict[str, FiniteFloat]
POINT, PLACE = ("choose",), ("condition", "score")
"""The roles of the axes that a point of a search, and a condition, are made of."""


def _as_same(given: object) -> object:
    """Read the word that "same" was called by before."""
    return "same" if given == "equivalent" else given


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Published(_Block):
    """Published numbers of one arm, by split and metric.

    ``- {arm: L1, provenance: one unseeded split, unit: z, test: {mae: 0.247, rmse: 0.326}}``
    """

    arm: Text = Field(description="the arm of this study that repeats it")
    provenance: Text = Field(description="what stands behind the numbers: seeds, splits, selection")
    unit: Literal["z", "own"] = Field(
        "own", description="z: targets scaled by training mean and deviation; own: as they come"
    )
    train: Numbers = Field({}, description="metric: number, on training rows")
    validation: Numbers = Field({}, description="metric: number, on validation rows")
    test: Numbers = Field({}, description="metric: number, on test rows")
    validation_beside: Literal["validation", "test"] = Field(
        "validation",
        description="which of our splits the validation numbers are set beside: test, where the "
        "source's validation part is what this study keeps as its test part",
    )
    point: dict[str, str] = Field(
        {}, description="axis: label of a point of the search; its validation numbers alone"
    )
    condition: str = Field("", description="axis=value pairs joined by ;, empty for none")
    target: str = Field("", description="needed only where the arm has several targets")
    note: str = Field("", description="shown beside the numbers")

    @field_validator("train", "validation", "test")
    @classmethod
    def _metrics_are_known(cls, numbers: Numbers) -> Numbers:
        for name in numbers:
            if name not in METRICS:
                raise ValueError(f"unknown metric '{name}'; {nearest(name, METRICS.names())}")
        return numbers

    @field_validator("condition")
    @classmethod
    def _condition_is_sorted(cls, condition: str) -> str:
        return _in_order(condition)

    @model_validator(mode="after")
    def _has_a_number(self) -> Self:
        if not (self.train or self.validation or self.test):
            raise ValueError("has no number: give train, validation or test")
        if self.point and (self.train or self.test):
            raise ValueError("a point of a search has validation numbers alone")
        return self

    def numbers(self) -> Iterable[tuple[str, str, str, float]]:
        """Yield (published split, our split, metric, number)."""
        for split in ("test", "validation", "train"):
            ours = self.validation_beside if split == "validation" else split
            for metric, number in getattr(self, split).items():
                yield split, ours, metric, number


class Claim(_Block):
    """A claim of the source: every one of ``arms`` is as expected against its baseline.

    ``- {claim: every RnC arm beats L1, arms: [RnC(L1), RnC(L2)], expect: better}``
    """

    claim: Text = Field(description="in words, for the report")
    arms: Annotated[list[Text], Field(min_length=1)]
    expect: Annotated[Literal["better", "worse", "same"], BeforeValidator(_as_same)]
    against: Text | None = Field(None, description="an arm; by default each arm's own baseline")
    condition: str | None = Field(
        None,
        description="the claim is about this condition alone; by default about all of them. With "
        "* for any value or | between values it is about the mean over these: severity=1|2|3",
    )

    @field_validator("condition")
    @classmethod
    def _condition_is_sorted(cls, condition: str | None) -> str | None:
        return condition if condition is None else _in_order(condition)

    @model_validator(mode="after")
    def _compares_two_arms(self) -> Self:
        if self.against in self.arms:
            raise ValueError(f"compares arm '{self.against}' with itself")
        return self


def _in_order(condition: str) -> str:
    pairs = [pair.strip() for pair in condition.split(";")] if condition else []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise ValueError(f"condition '{condition}' is not axis=value pairs joined by ;")
    return joined(pairs_of(";".join(pairs)))


def unknown_axes(
    published: Iterable[Published], claims: Iterable[Claim], axes: Mapping[str, str]
) -> list[str]:
    """Return one line for every axis of a point or a condition that the study does not have.

    A claim's condition names all of them. ``axes`` maps the study's axes to their roles.
    """
    places = [axis for axis, role in axes.items() if role in PLACE]
    lines = []
    for i, entry in enumerate(published):
        lines += _unknown(f"published.{i}.point", entry.point, axes, POINT)
        given = pairs_of(entry.condition)
        lines += _unknown(f"published.{i}.condition", given, axes, PLACE)
    for i, claim in enumerate(claims):
        if claim.condition is not None:
            where, given = f"claims.{i}.condition", pairs_of(claim.condition)
            lines += _unknown(where, given, axes, PLACE)
            lines += [
                f"{where}: says nothing of the axis {shown(x)}" for x in places if x not in given
            ]
    return lines


def _unknown(
    where: str, given: Iterable[str], axes: Mapping[str, str], roles: Sequence[str]
) -> list[str]:
    known = [axis for axis, role in axes.items() if role in roles]
    return [
        f"{where}: no axis of role {' or '.join(map(repr, roles))} is called {shown(axis)}; "
        f"{nearest(axis, known)}"
        for axis in given
        if axis not in known
    ]


def claims_of_baselines(claims: Iterable[Claim], baselines: Collection[str]) -> list[str]:
    """Return one line for every claim that a baseline is compared with nothing but itself."""
    return [
        f"claims.{i}.arms: {shown(arm)} is the baseline, which would be compared with itself; name "
        "the arm that it is set against as 'against'"
        for i, claim in enumerate(claims)
        for arm in claim.arms
        if claim.against is None and arm in baselines
    ]


def unknown_arms(
    published: Iterable[Published], claims: Iterable[Claim], arms: Collection[str]
) -> list[str]:
    """Return one line for every name of an arm that the study does not have."""
    named = [(f"published.{i}.arm", entry.arm) for i, entry in enumerate(published)]
    for i, claim in enumerate(claims):
        named += [(f"claims.{i}.arms", arm) for arm in claim.arms]
        named += [(f"claims.{i}.against", claim.against)] if claim.against else []
    return [
        f"{where}: no arm is called {shown(arm)}; {nearest(arm, arms)}"
        for where, arm in named
        if arm not in arms
    ]
