"""Estimators that choose columns by name, which those they are given here do not have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from nearfar.errors import UserError

_GIVEN = (
    "and arms get features without names that are numbers already: of a table each category is a "
    "column of 0 and 1 and gaps are filled, molecules are fingerprints, images pixels"
)


def check_no_names(estimator: Any) -> None:
    """Refuse an estimator that would ask for columns of a data frame by their names.

    A step behind another one may: that one may give it a data frame.

    Raises:
        UserError: which columns, and what to give instead.
    """
    for part in _first(estimator):
        if asked := _asked_of_transformer(part):
            raise UserError(
                f"{type(part).__name__} chooses columns by {asked}, {_GIVEN}: leave it out, and "
                "give what follows it alone"
            )
        if asked := _names(getattr(part, "categorical_features", None)):
            raise UserError(
                f"{type(part).__name__} has categorical_features by {asked}, {_GIVEN}: leave the "
                "option out"
            )


def _first(estimator: Any) -> Iterator[Any]:
    """Return the parts of an estimator that are fitted on the rows as it is given them."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    yield estimator
    if isinstance(estimator, ColumnTransformer):
        return
    if isinstance(estimator, Pipeline):
        steps = (step for _, step in estimator.steps if step not in (None, "passthrough"))
        inner = [next(steps, None)]
    else:
        inner = []
        for value in estimator.get_params(deep=False).values():
            pairs = value if isinstance(value, list | tuple) else [value]
            inner += [one[1] if _is_pair(one) else one for one in pairs]
    for part in inner:
        if hasattr(part, "get_params") and not isinstance(part, type):
            yield from _first(part)


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) > 1


def _asked_of_transformer(part: Any) -> str:
    """Return by what a ``ColumnTransformer`` chooses columns that needs their names, else empty."""
    from sklearn.compose import ColumnTransformer, make_column_selector

    if not isinstance(part, ColumnTransformer):
        return ""
    for entry in part.transformers:
        if isinstance(entry[-1], make_column_selector):
            return "make_column_selector"
        if asked := _names(entry[-1]):
            return asked
    return ""


def _names(columns: Any) -> str:
    """Return words on the names among columns, as estimators take them; empty if there is none."""
    if isinstance(columns, slice):
        columns = [columns.start, columns.stop]
    if isinstance(columns, str):
        columns = [] if columns == "from_dtype" else [columns]
    listed = columns if isinstance(columns, Iterable) else [columns]
    names = [repr(str(one)) for one in listed if isinstance(one, str)]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"name, {', '.join(names[:5])}{more}" if names else ""
