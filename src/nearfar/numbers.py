"""How numbers are written for people: in the terminal, in sentences and on the page alike.

The page's scripts write them by the same rules (``report/assets/core.js``). Files for machines have
plain numbers.
"""

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

MISSING = "–"
MINUS = "−"
LARGE = 1e7
"""From here on numbers are written with a power of ten."""
SMALL, ROUNDING = 1e-4, 1e-14
"""Between these too: a target in mol/L has errors of 1e-9, which are not 0.000."""


def finite(value: Any) -> float | None:
    """``value`` as a finite float, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def number(value: Any, signed: bool = False) -> str:
    """Three decimals below ten, fewer above, two digits below 0.01; a dash for a missing one.

    >>> number(0.2561), number(-12.34), number(None), number(0.01, signed=True)
    ('0.256', '−12.3', '–', '+0.010')
    >>> number(12345.7), number(250000.0), number(12345678.0)
    ('12,346', '250,000', '1.2e7')
    >>> number(0.0034), number(0.00034), number(1.07e-9)
    ('0.0034', '0.00034', '1.1e-9')
    """
    known = finite(value)
    if known is None:
        return MISSING
    size = abs(known)
    if ROUNDING < size < SMALL:
        return _sign(known, signed) + _with_power(size)
    return _sign(known, signed) + fixed(size, _decimals(size))


def with_spread(mean: float, spread: float) -> str:
    """``mean ± spread``: the spread with as many decimals as the mean, unless it is nothing then.

    >>> with_spread(0.918, 0.0012), with_spread(0.0034, 0.0012), with_spread(0.918, 0.0003)
    ('0.918 ± 0.001', '0.0034 ± 0.0012', '0.918 ± 0.00030')
    """
    shown, decimals = number(spread), _decimals(abs(mean))
    if ROUNDING < spread < 0.01 and abs(mean) >= SMALL and spread >= 0.5 * 10.0**-decimals:
        shown = fixed(spread, decimals)
    return f"{number(mean)} ± {shown}"


def together(values: Sequence[float], signed: bool = False) -> list[str]:
    """Numbers with as many decimals as the largest has, as a difference and the ends around it.

    >>> together([0.0083, -0.0312, 0.0478])
    ['0.008', '−0.031', '0.048']
    """
    most = max(map(abs, values))
    if most >= LARGE or ROUNDING < most < SMALL:
        return [number(value, signed) for value in values]
    decimals = _decimals(most)
    return [_sign(value, signed) + fixed(abs(value), decimals) for value in values]


def _decimals(size: float) -> int:
    if ROUNDING < size < 0.01:
        return 4 if size >= 0.001 else 5
    return 3 if size < 10 else 1 if size < 1000 else 0


def fixed(size: float, decimals: int) -> str:
    """A size, not negative, with so many decimals and its thousands separated.

    Exact halves are rounded up, as scripts in a browser do.
    """
    if size >= LARGE:
        return _with_power(size)
    with localcontext(rounding=ROUND_HALF_UP):
        return f"{Decimal(size):,.{decimals}f}"


def _with_power(size: float) -> str:
    with localcontext(rounding=ROUND_HALF_UP):
        return f"{Decimal(size):.1e}".replace("e+", "e")


def precise(size: float) -> str:
    """A size, not negative, with three significant digits, also where it is small."""
    return fixed(size, 0) if size >= 999.5 else f"{size:.3g}".replace("e-0", "e-")


def percent(value: Any) -> str:
    """A signed percentage with one decimal."""
    known = finite(value)
    return MISSING if known is None else f"{_sign(known, signed=True)}{fixed(abs(known), 1)}%"


def counted(count: int, noun: str) -> str:
    """A number of things, in the singular where there is one.

    >>> counted(1, "image"), counted(2000, "row")
    ('1 image', '2000 rows')
    """
    return f"{count} {noun}{'s' * (count != 1)}"


def count(value: Any) -> str:
    """A whole number with thousands separated."""
    known = finite(value)
    return MISSING if known is None else f"{_sign(known)}{fixed(abs(known), 0)}"


def p_value(p: float) -> str:
    """``p = 0.034`` or ``p < 0.001``."""
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def duration(seconds: Any) -> str:
    """Seconds in the unit that a person would choose.

    >>> duration(0.42), duration(75), duration(5400)
    ('0.4 s', '75 s', '90 min')
    """
    known = finite(seconds)
    if known is None:
        return MISSING
    if known < 10:
        return f"{known:.1f} s"
    if known < 180:
        return f"{known:.0f} s"
    return f"{known / 60:.0f} min" if known < 3 * 3600 else f"{known / 3600:.1f} h"


def _sign(value: float, signed: bool = False) -> str:
    return MINUS if value < 0 else "+" if signed else ""
