"""Conditions as records have them: ``axis=value`` pairs joined by ``;``, sorted."""

from collections.abc import Iterable, Mapping, Sequence

ANY = "*"
OR = "|"


def pairs_of(condition: str) -> dict[str, str]:
    """Return axis → value.

    >>> pairs_of("labels=0.5;severity=2")
    {'labels': '0.5', 'severity': '2'}
    """
    parts = (pair.partition("=") for pair in condition.split(";") if pair)
    return {axis: value for axis, _, value in parts}


def joined(pairs: Mapping[str, str]) -> str:
    """Return the pairs as a condition."""
    return ";".join(f"{axis}={value}" for axis, value in sorted(pairs.items()))


def is_pattern(condition: str) -> bool:
    """Whether it stands for several conditions: ``*`` for any value, ``|`` between values."""
    return any(value == ANY or OR in value for value in pairs_of(condition).values())


def matching(pattern: str, conditions: Iterable[str]) -> list[str]:
    """Return the conditions that a pattern stands for; a plain one stands for itself.

    >>> matching("severity=1|2", ["severity=0", "severity=1", "severity=2"])
    ['severity=1', 'severity=2']
    """
    if not is_pattern(pattern):
        return [pattern]
    patterns = {axis: value.split(OR) for axis, value in pairs_of(pattern).items()}

    def fits(condition: str) -> bool:
        found = pairs_of(condition)
        return set(found) == set(patterns) and all(
            patterns[axis] == [ANY] or value in patterns[axis] for axis, value in found.items()
        )

    return [condition for condition in conditions if fits(condition)]


def varying(conditions: Iterable[str]) -> dict[str, list[str]]:
    """Return axis → values, of the axes that are not the same in all conditions.

    Values stand in numerical order where all are numbers, else in the order of the conditions.
    """
    found: dict[str, list[str]] = {}
    for condition in conditions:
        for axis, value in pairs_of(condition).items():
            if value not in found.setdefault(axis, []):
                found[axis].append(value)
    return {axis: _ordered(values) for axis, values in found.items() if len(values) > 1}


def shortened(condition: str, conditions: Iterable[str]) -> str:
    """Return a condition without what it has in common with all others.

    >>> shortened("labels=0.5;severity=2", ["labels=0.5;severity=2", "labels=0.5;severity=3"])
    'severity=2'
    """
    axes = varying(conditions)
    return joined({axis: value for axis, value in pairs_of(condition).items() if axis in axes})


def longest_axis(conditions: Iterable[str]) -> str | None:
    """Return the axis along which a table of conditions is laid: one of numbers, with most values.

    None where all conditions are alike.
    """
    axes = varying(conditions)
    numeric = {a: all(as_number(v) is not None for v in values) for a, values in axes.items()}
    return max(axes, key=lambda axis: (numeric[axis], len(axes[axis])), default=None)


def as_number(value: str) -> float | None:
    """Return the number that a value is, None where it is none."""
    try:
        return float(value)
    except ValueError:
        return None


def _ordered(values: Sequence[str]) -> list[str]:
    numbers = {value: as_number(value) for value in values}
    known = {value: number for value, number in numbers.items() if number is not None}
    return sorted(known, key=known.__getitem__) if len(known) == len(values) else list(values)
