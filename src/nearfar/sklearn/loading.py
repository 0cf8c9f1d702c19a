"""Saved estimators, of whatever class, read again."""

from pathlib import Path

from nearfar.errors import nearest
from nearfar.sklearn import (
    classifier,
    from_classes,
    from_numbers,
    heads,
    molecules,
    regressor,
    without_labels,
)
from nearfar.sklearn.base import Saveable
from nearfar.sklearn.saved import read_folder

_HOMES = (classifier, from_classes, from_numbers, heads, molecules, regressor, without_labels)
ESTIMATORS: dict[str, type[Saveable]] = {
    name: kind
    for home in _HOMES
    for name, kind in vars(home).items()
    if isinstance(kind, type) and issubclass(kind, Saveable) and kind.__module__ == home.__name__
}
"""Name → class of all that can be read."""


def load(path: str | Path) -> Saveable:
    """Return the fitted estimator that ``save`` wrote to a folder; nothing is unpickled.

    Args:
        path: the folder.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it is damaged, or holds an estimator that this version does not have.
    """
    config, _ = read_folder(path)
    name = config["estimator"]
    if name not in ESTIMATORS:
        raise ValueError(f"{path} holds a {name!r}; {nearest(name, ESTIMATORS)}")
    return ESTIMATORS[name].load(path)
