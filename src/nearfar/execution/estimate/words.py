"""An estimate in the words that a person reads."""

from nearfar.execution.estimate.estimate import Estimate

BUSY = 1.5
"""How much slower than an idle machine one is that is called busy."""
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def expected(estimate: Estimate) -> str:
    """Return how long what is missing takes: ``about 12 minutes (measured on this machine)``."""
    if estimate.seconds is None:
        return "unknown: no stage could be rehearsed on a few of the rows"
    notes = ["measured on this machine"]
    lacking = estimate.kinds - estimate.rehearsed
    if lacking:
        notes.append(f"{lacking} of {estimate.kinds} kinds of stage by likeness")
    if estimate.strain >= BUSY:
        alone = about(estimate.seconds / estimate.strain)
        notes.append(f"it is busy now; idle it would take {alone}")
    return f"{about(estimate.seconds)} ({', '.join(notes)})"


def about(seconds: float) -> str:
    """Return ``about 12 minutes``: as exact as an estimate is.

    >>> about(0.3), about(75), about(700), about(9000), about(400_000)
    ('about 1 second', 'about 75 seconds', 'about 12 minutes', 'about 2.5 hours', 'about 5 days')
    """
    for unit, length, most in (("second", 1.0, 90.0), ("minute", MINUTE, 90.0)):
        count = max(round(seconds / length), 1)
        if count <= most:
            return f"about {count} {unit}{'s' * (count > 1)}"
    if seconds < 2 * DAY:
        return f"about {seconds / HOUR:.2g} hours"
    return f"about {round(seconds / DAY):,} days"


def size(count: float) -> str:
    """Return bytes with two significant digits: ``35 MB``.

    >>> size(35_123_456), size(2e9), size(900)
    ('35 MB', '2 GB', '1 kB')
    """
    for unit, length in (("GB", 1e9), ("MB", 1e6)):
        if count >= length:
            return f"{count / length:,.{int(count < 10 * length)}f} {unit}".replace(".0 ", " ")
    return f"{max(round(count / 1e3), 1)} kB"
