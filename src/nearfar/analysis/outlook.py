"""What a study finds with how many trainings: guessed before any, or from a run's own variances."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from statistics import median
from typing import Any, Literal

from nearfar.analysis.estimate import ALPHA, MOST_TRAININGS, POWER, Estimate
from nearfar.analysis.row_scores import differences
from nearfar.analysis.variance import Design, Integers, Parts, Tested, measure
from nearfar.metrics import METRICS

TRAININGS = (5, 10, 20, 50)
"""The numbers of trainings an arm for which a study's outlook is given."""

Source = Literal["pairs", "single", "constant", "run"]
"""Where a spread is known from: differences of solved arms, one of them, a constant, or a run."""


@dataclass(frozen=True)
class Solved:
    """An arm that is solved without gradient descent, and what each of its trainings tested.

    ``constant`` says that it predicts one value for all rows.
    """

    name: str
    constant: bool
    scores: Mapping[int, Tested]

    @property
    def mean(self) -> float:
        """The mean over trainings of the metric."""
        return math.fsum(t.mean for t in self.scores.values()) / len(self.scores)


def best_of(arms: Sequence[Solved], metric: str) -> Solved:
    """Return the arm with the best mean of ``metric``, of at least one."""
    sign = 1 if METRICS[metric].better == "lower" else -1
    return min(arms, key=lambda arm: sign * arm.mean)


def with_row_scores(metric: str) -> list[str]:
    """Return the built-in metrics of the same task that are means of scores of single rows."""
    task = METRICS[metric].task
    return [name for name, m in METRICS.built_in.items() if m.judges(task) and m.row_scores]


def has_row_scores(metric: str) -> bool:
    """Whether a metric is the mean of scores of single rows."""
    return METRICS[metric].row_scores is not None


def unit_of(metric: str) -> str:
    """Return the unit in which arms are compared by ``metric``: ``z``, or empty without one."""
    return "" if METRICS[metric].unit == "none" else "z"


@dataclass(frozen=True)
class Guess:
    """What rows contribute to the variance of one training's difference, and from which arms."""

    own: float
    source: Source
    arms: tuple[str, ...]


def guess_rows(solved: Sequence[Solved], groups: Integers | None, n_rows: int) -> Guess | None:
    """Guess what rows contribute to the difference of two arms that are still to be trained.

    It is the median over pairs of solved arms of what they contribute to their difference. A single
    arm stands for two of its variance that correlate by one half, whose difference has that
    variance too; a constant prediction does where there is nothing else. None where these differ
    nowhere.

    Args:
        solved: at least 2 trainings of each.
        groups: the group of every row, int64 (n_rows,); None where every row stands for itself.
        n_rows: how many rows the data set has.
    """

    def own(trainings: Mapping[int, Tested] | None) -> float:
        found = measure(list(trainings.values()), groups, n_rows) if trainings else None
        return found.parts.own if found else 0.0

    arms = [arm for arm in solved if not arm.constant]
    pairs = [differences(dict(a.scores), dict(b.scores)) for a, b in combinations(arms, 2)]
    between = [value for value in map(own, pairs) if value > 0]
    if between:
        return Guess(median(between), "pairs", tuple(arm.name for arm in arms))
    for arm in sorted(solved, key=lambda arm: arm.constant):
        if value := own(arm.scores):
            return Guess(value, "constant" if arm.constant else "single", (arm.name,))
    return None


def parts_before_training(
    own: float, design: Design, *, rotation: int, overlap: float, units: int
) -> Parts:
    """Return the parts of a difference's variance as they are assumed before any training.

    Training noise is taken to be as large as what rows contribute to one training, and all that a
    row contributes to come again whenever it is tested.

    Args:
        own: what rows contribute to the variance of one training's difference.
        design: how the splits of the study are made.
        rotation: how many folds test every row once; read of folds alone.
        overlap: the share of rows that two re-splits test in common; read of re-splits alone.
        units: how many rows or groups are tested, by all trainings together.
    """
    common = {"folds": 0.0, "resplits": overlap, "fixed": 1.0}[design]
    n = max(rotation, 2) if design == "folds" else 2
    shared = common * own
    new = own - shared
    return Parts(
        design,
        n,
        units,
        between=new + own,
        own=own,
        shared=shared,
        training=own,
        rows=shared + new / n,
        overlap=common,
        rotation=rotation if design == "folds" else 1,
    )


@dataclass(frozen=True)
class Compared:
    """A comparison of the study's question: of what a run found, as ``summary.json`` has it.

    ``verdict`` is empty before a run. ``trainings_to_decide`` and ``undecidable`` speak of
    undecided comparisons only.
    """

    parts: Parts
    arm: str = ""
    against: str = ""
    verdict: str = ""
    trainings_to_decide: int | None = None
    undecidable: bool = False


@dataclass(frozen=True)
class Cost:
    """Minutes of a study: what is spent once, and what each training of all arms takes."""

    once: float
    each: float

    def minutes(self, n: int) -> float:
        """Return the minutes of ``n`` trainings an arm."""
        return self.once + n * self.each


@dataclass(frozen=True)
class Reach:
    """What ``n`` trainings an arm are good for.

    ``finds`` is the size of a true difference that is found with probability 0.8, ``percent`` the
    same relative to the error it is set beside; two arms without a difference count as the same
    within ±``same`` as probably. ``minutes`` are those of the whole study, None where unknown.
    """

    n: int
    finds: float
    percent: float | None
    same: float
    minutes: float | None


@dataclass(frozen=True)
class Limit:
    """What stands in the way of finding less with the study's number of trainings.

    ``by_rows`` says that more than half of the variance is what the tested rows contribute, however
    often they are tested. Differences below ``hidden`` stay hidden however many trainings there
    are; None where rows contribute nothing that stays. ``measured`` says that it was seen how much
    stays; otherwise all of it is supposed to.
    """

    by_rows: bool
    hidden: float | None
    measured: bool


@dataclass(frozen=True)
class Waiting:
    """One comparison of a run: what it finds at each of ``TRAININGS``, and what would decide it."""

    arm: str
    against: str
    verdict: str
    trainings_to_decide: int | None
    undecidable: bool
    finds: tuple[float, ...]


@dataclass(frozen=True)
class Asked:
    """What an outlook is asked about.

    ``trainings`` counts those of the study, ``comparisons`` those of its question. ``reference`` is
    the value of the metric that differences are set beside, of the arm ``reference_arm``.
    ``margin`` is that of no relevant difference, None for the metric's own. ``untested`` says why
    the run so far tested nothing; empty before a run.
    """

    study: str
    profile: str
    metric: str
    unit: str
    trainings: int
    comparisons: int
    reference: float
    reference_arm: str
    margin: float | None
    cost: Cost | None
    untested: str = ""


@dataclass(frozen=True)
class Outlook:
    """What a study finds with how many trainings an arm, and what that costs.

    ``source`` says where the spread is known from, and ``arms`` from which. ``margin`` is the one
    that is asked for or the metric's own; it is met in one of ``reaches`` or not. Where there are
    several ``comparisons``, ``reaches`` are medians over them; of a run, each stands in
    ``waiting``.
    """

    asked: Asked
    design: Design
    source: Source
    arms: tuple[str, ...]
    reaches: tuple[Reach, ...]
    limit: Limit
    margin: float
    margin_reached: bool
    waiting: tuple[Waiting, ...]

    def to_plain(self) -> dict[str, Any]:
        """Return plain values, for whoever shows them."""
        return asdict(self)


def expected(parts: Parts, n: int) -> Estimate:
    """Return the error that ``n`` trainings of two equal arms are expected to have."""
    return Estimate.of(0.0, parts).at(n)


def finds(parts: Parts, n: int, comparisons: int = 1) -> float:
    """The size of a true difference that is found with probability 0.8 in ``n`` trainings."""
    return expected(parts, n).detectable(ALPHA / max(comparisons, 1))


def same_within(parts: Parts, n: int, comparisons: int = 1) -> float:
    """The smallest margin within which two equal arms count as the same with probability 0.8.

    The mean of ``n`` trainings has to lie t standard errors inside the margin on either side, and
    is beyond the rest of it on one side or the other in one study of five.
    """
    estimate = expected(parts, n)
    return estimate.half_width(1 - 2 * ALPHA / max(comparisons, 1)) + estimate.half_width(POWER)


def look_ahead(
    asked: Asked, compared: Sequence[Compared], source: Source, arms: Sequence[str]
) -> Outlook:
    """Say what a study finds, from the parts of the variance of its comparisons (at least one)."""
    known = [comparison.parts for comparison in compared]

    def middle(size: Callable[[Parts, int, int], float], n: int) -> float:
        return median(size(parts, n, asked.comparisons) for parts in known)

    metric = METRICS[asked.metric]
    base = asked.reference if metric.is_error else 0.0
    reaches = []
    for n in TRAININGS:
        found = middle(finds, n)
        percent = 100 * found / base if base else None
        minutes = None if asked.cost is None else asked.cost.minutes(n)
        reaches.append(Reach(n, found, percent, middle(same_within, n), minutes))
    margin = metric.same.size(asked.reference) if asked.margin is None else asked.margin
    return Outlook(
        asked,
        known[0].design,
        source,
        tuple(arms),
        tuple(reaches),
        _limit(known, asked, source),
        margin,
        reaches[-1].same <= margin,
        tuple(_waiting(comparison, asked) for comparison in compared if comparison.verdict),
    )


def _limit(known: Sequence[Parts], asked: Asked, source: Source) -> Limit:
    """The limit of the comparison in the middle, by what its rows contribute for ever."""
    shares = []
    for parts in known:
        now, ever = parts.at(max(asked.trainings, 2)), parts.at(MOST_TRAININGS)
        stays = ever.factor * ever.shared
        shares.append(stays / now.squared_error if now.squared_error else 0.0)
    staying = [parts for parts in known if parts.at(MOST_TRAININGS).shared > 0]
    floors = [finds(parts, MOST_TRAININGS, asked.comparisons) for parts in staying]
    hidden = median([*floors, *[0.0] * (len(known) - len(staying))])
    measured = source == "run" and all(parts.persistence is not None for parts in known)
    return Limit(median(shares) > 0.5, hidden or None, measured)


def _waiting(comparison: Compared, asked: Asked) -> Waiting:
    return Waiting(
        comparison.arm,
        comparison.against,
        comparison.verdict,
        comparison.trainings_to_decide,
        comparison.undecidable,
        tuple(finds(comparison.parts, n, asked.comparisons) for n in TRAININGS),
    )
