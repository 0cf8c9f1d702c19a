"""What is known of one arm against another, and how large the difference can be in words."""

from dataclasses import dataclass

from nearfar.analysis.statistics import Direction, Verdict
from nearfar.analysis.variance import Parts
from nearfar.metrics import METRICS
from nearfar.numbers import count, fixed, number

MANY_TRAININGS = 1000


@dataclass(frozen=True)
class Original:
    """A difference and its interval in the target's own unit."""

    unit: str
    difference: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Comparison:
    """One arm against another, as ``summary.json`` has it; ``difference`` is arm - against.

    ``p_holm`` is adjusted within ``family``. ``p_better``, ``p_same`` and ``p_worse`` are the
    chances that the true difference is better by more than ``margin``, within it, or worse.
    ``bound`` says in words how large the difference can be. ``trainings_to_decide`` and
    ``undecidable`` speak of undecided comparisons only: about how many would decide, or that none
    would, as the rows are too few. ``open`` says that another round of trainings is worth it.
    ``parts`` are those of the variance.
    """

    arm: str
    against: str
    condition: str
    target: str
    metric: str
    unit: str
    split: str
    n: int
    family: str = ""
    baseline_mean: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    error: float | None = None
    df: float | None = None
    reduction_percent: float | None = None
    p: float | None = None
    p_holm: float | None = None
    p_better: float | None = None
    p_same: float | None = None
    p_worse: float | None = None
    margin: float | None = None
    smallest_margin: float | None = None
    verdict: Verdict = "withheld"
    reason: str = ""
    bound: str = ""
    trainings_to_decide: int | None = None
    undecidable: bool = False
    open: bool = False
    original: Original | None = None
    parts: Parts | None = None


def bound(comparison: Comparison, low: float, high: float) -> str:
    """Say how large a difference can be: ``at most 4.0% better or 6.0% worse``."""
    better: Direction = METRICS[comparison.metric].better
    low, high = possible(comparison, low), possible(comparison, high)
    gain, loss = (-low, high) if better == "lower" else (high, -low)

    def size(value: float) -> str:
        return "".join(sized(comparison, value))

    if gain <= 0:
        return f"{size(-gain)} to {size(loss)} worse"
    if loss <= 0:
        return f"{size(-loss)} to {size(gain)} better"
    return f"at most {size(gain)} better or {size(loss)} worse"


def possible(c: Comparison, difference: float) -> float:
    """Return a difference as it can be: two accuracies are 1 apart, an error is lost but once."""
    metric = METRICS[c.metric]
    span = metric.most - metric.least
    difference = min(max(difference, -span), span)
    if c.reduction_percent is None or not c.baseline_mean:
        return difference
    return max(difference, -c.baseline_mean)


def sized(c: Comparison, value: float) -> tuple[str, str]:
    """A difference without its sign, and its unit: in % of the baseline's error, else as it is."""
    if c.reduction_percent is None or not c.baseline_mean:
        return number(abs(value)), ""
    return fixed(abs(100 * value / c.baseline_mean), 1), "%"


def outlook(c: Comparison) -> str:
    """What it would take to decide what is not, if the measured difference and spread stay.

    Until a row was tested twice, nobody knows what of its part stays: the number is the least.
    """
    needed = c.trainings_to_decide
    if needed is None:
        return "more rows would decide, more trainings on these are unlikely to"
    if needed > MANY_TRAININGS:
        return f"more than {count(MANY_TRAININGS)} trainings would be needed to decide"
    known = c.parts is not None and c.parts.persistence is not None
    rounded = needed if needed < 100 else round(needed, -1)
    return f"{'about' if known else 'at least'} {rounded} trainings would decide"


def training_count(n: int) -> str:
    """Return ``1 training`` or ``3 trainings``."""
    return f"{n} training" if n == 1 else f"{n} trainings"
