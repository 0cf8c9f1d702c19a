"""How often verdicts err that stop when they are decided, and how many trainings they save.

The worlds of ``verdicts.py``, thirty trainings in rotations of ten folds, looked at after every
five as ``nearfar run --until decided`` does: the same judge, and the same rule for who goes on. The
rule "difference only" stops at a difference alone; "until decided" also at "same" (within a tenth
of the baseline's error) and where it is hopeless to go on. Compared: thirty trainings looked at
once, and stopping at the first small p of a single look. ``--worlds`` as in ``verdicts.py``.

    python benchmarks/stopping.py [--quick] [--replicates N] [--families N] [--worlds NAME …]
                                  [--jobs N] [--plot FILE]
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from zlib import crc32

import numpy as np

import measure
import verdicts
from nearfar.analysis.comparison import Comparison
from nearfar.analysis.estimate import ALPHA, Estimate
from nearfar.analysis.families import QUESTION
from nearfar.analysis.judge import Adjusted, judged
from nearfar.analysis.sequential import Looks
from nearfar.analysis.statistics import holm
from nearfar.analysis.testing import Testing
from nearfar.execution.rounds import Rounds
from nearfar.study.rounds import MOST, SIZE
from verdicts import Spread, World, percent, worlds

TIMES = range(SIZE, MOST + 1, SIZE)
TESTING = Testing(Looks(SIZE, MOST))
FACTORS = (1.0, 1.5, 2.0)
"""Of the difference that thirty trainings, looked at once, find in 80% of replicates."""

OPTIONS: measure.More = {
    "--replicates": {"type": int, "default": 100},
    "--families": {"type": int, "default": 20},
    "--worlds": {"nargs": "+", "default": ["five"]},
    "--jobs": {"type": int, "default": 2},
}
p_of = lru_cache(maxsize=256)(TESTING.p)
same_p_of = lru_cache(maxsize=256)(TESTING.same_p)


@dataclass(frozen=True)
class Seen:
    """After some trainings: the difference, less the true one, and the margin of "same"."""

    estimate: Estimate
    margin: float

    def moved(self, by: float) -> "Seen":
        """Return what would be seen at a true difference ``by``."""
        return Seen(replace(self.estimate, mean=self.estimate.mean + by), self.margin)


Saved = dict[str, dict[float, float]]
"""World → times the detectable difference → mean number of trainings until decided."""

Course = Mapping[int, Seen]
"""Number of trainings → what an arm's comparison with the baseline says then."""


@dataclass(frozen=True)
class Stop:
    """Where a comparison stopped, and whether its interval holds the truth there."""

    verdict: str
    trainings: int
    covers: bool

    @property
    def differs(self) -> bool:
        """Whether it stopped with a difference."""
        return self.verdict in {"better", "worse"}


@dataclass(frozen=True)
class Outcome:
    """One replicate at one truth: both rules, and tests of single looks."""

    truth: float
    difference_only: Stop
    until_decided: Stop
    once: bool
    naive: bool

    @property
    def found(self) -> str:
        """The verdict that is right about the sign of the truth."""
        return "worse" if self.truth > 0 else "better"


def stops(arms: Sequence[Course], *, same: bool, truth: float = 0.0) -> list[Stop]:
    """Where each of ``arms`` stops in a study with one baseline, by the rounds of a run.

    Without ``same`` only a difference ends a comparison; else what ends it in a run.
    """
    rounds = Rounds(1, True, None)
    while True:
        found = _round(arms, [rounds.allowed(str(k)) for k in range(len(arms))], same=same)
        if not rounds.goes_on({"comparisons": [asdict(c) for c in found], "twins": {}}, ()):
            break
    stopped = []
    for comparison, arm in zip(found, arms, strict=True):
        low, high = TESTING.interval(arm[comparison.n].estimate)
        stopped.append(Stop(comparison.verdict, comparison.n, low <= truth <= high))
    return stopped


def _round(arms: Sequence[Course], trained: Sequence[int], *, same: bool) -> list[Comparison]:
    """Judge all arms, each by the trainings that it has."""
    seen = [arm[n] for arm, n in zip(arms, trained, strict=True)]
    p = holm([p_of(s.estimate) for s in seen])
    p_same = holm([same_p_of(s.estimate, s.margin) if same else 1.0 for s in seen])
    found = []
    for k, (s, n) in enumerate(zip(seen, trained, strict=True)):
        draft = Comparison(str(k), "baseline", "", "y", "mae", "", "test", n, QUESTION)
        given = (replace(draft, margin=s.margin), s.estimate, Adjusted(p[k], p_same[k], len(seen)))
        comparison = judged(*given, TESTING, asked=False, split="")
        if not same:
            comparison = replace(comparison, open=comparison.verdict == "undecided")
        found.append(comparison)
    return found


def courses(world: World, replicate: int, arms: int = 1) -> list[Course]:
    """Draw a data set; what ``arms`` of the first kind show against one of the second, by time."""
    random = np.random.default_rng([crc32(world.name.encode()), replicate, MOST, arms])
    data = world.draw(random, arms + 1)
    splits = worlds.folds(random, world.rows, MOST, group=world.group)
    if arms == 1:
        *others, base = world.scores(data, splits, random)
    else:
        turned = replace(world, learners=world.learners[::-1])
        base, *others = turned.scores(data, splits, random, arms + 1)
    found = []
    for other in others:
        trainings = worlds.differences(splits, other, base, world.difference)
        course = {}
        for n in TIMES:
            margin = float(np.mean([scores.mean() for scores in base[:n]])) / 10
            course[n] = Seen(verdicts.ours(world, trainings[:n]), margin)
        found.append(course)
    return found


def outcome(course: Course, truth: float = 0.0) -> Outcome:
    """What the rules make of a course at a true difference."""
    moved = {n: seen.moved(truth) for n, seen in course.items()}
    small = [seen.estimate.p_value() <= ALPHA for seen in moved.values()]
    return Outcome(
        truth,
        stops([moved], same=False, truth=truth)[0],
        stops([moved], same=True, truth=truth)[0],
        small[-1],
        any(small),
    )


def of_equals(world: World, replicate: int) -> tuple[Course, Outcome]:
    """A course, and its outcome where nothing differs."""
    course = courses(world, replicate)[0]
    return course, outcome(course)


def outcome_of(pair: tuple[Course, float]) -> Outcome:
    """The outcome of a course at a true difference, for ``map``."""
    return outcome(*pair)


def both_ways(some: Sequence[Course], truth: float) -> list[tuple[Course, float]]:
    """Give every course the true difference, every other one with its sign turned."""
    return [(course, truth * (1 - 2 * (k % 2))) for k, course in enumerate(some)]


def has_families(world: World) -> bool:
    """Whether several arms of the first kind are no copies of each other, but alike."""
    alone = (worlds.ridge, worlds.neighbours, worlds.breaking)
    return world.own_blocks or world.learners[0] not in alone


def family(world: World, replicate: int) -> tuple[list[Stop], list[Stop]]:
    """Seven arms and a baseline without a difference, by both rules."""
    arms = courses(world, replicate, verdicts.FAMILY)
    return stops(arms, same=False), stops(arms, same=True)


def share(found: Iterable[bool]) -> float:
    """The share of what is true."""
    return float(np.mean(list(found)))


def trainings(found: Iterable[Stop]) -> float:
    """The mean number of trainings."""
    return float(np.mean([stop.trainings for stop in found]))


def by_rule(outcomes: Sequence[Outcome]) -> tuple[list[Stop], list[Stop]]:
    """Where the two rules stopped."""
    return [o.difference_only for o in outcomes], [o.until_decided for o in outcomes]


def null_row(name: str, nulls: Sequence[Outcome], edges: Sequence[Outcome]) -> list[str]:
    """Cells of the table on arms that are alike."""
    a, b = by_rule(nulls)
    ends = [
        share(stop.verdict == "same" for stop in b),
        share(stop.verdict == "undecided" and stop.trainings < MOST for stop in b),
        share(stop.verdict == "undecided" and stop.trainings == MOST for stop in b),
    ]
    return [
        name,
        percent(share(o.naive for o in nulls)),
        percent(share(o.once for o in nulls)),
        percent(share(stop.differs for stop in a)),
        percent(share(stop.differs for stop in b)),
        " / ".join(percent(share(stop.covers for stop in some)) for some in (a, b)),
        f"{trainings(b):.1f}",
        " / ".join(f"{100 * end:.0f}" for end in ends),
        percent(share(o.until_decided.verdict == "same" for o in edges)),
    ]


def power_row(name: str, size: float, moved: Sequence[Sequence[Outcome]]) -> list[str]:
    """Cells of the table on arms that differ, from the outcomes at every factor."""
    rules = [by_rule(outcomes) for outcomes in moved]
    right: list[list[float]] = [[], []]
    for outcomes, stopped in zip(moved, rules, strict=True):
        for rule, some in enumerate(stopped):
            pairs = zip(some, outcomes, strict=True)
            right[rule].append(share(stop.verdict == o.found for stop, o in pairs))
    cells = [name, f"{100 * size:.1f}%", _each([share(o.once for o in some) for some in moved])]
    for rule in (0, 1):
        cells.append(_each(right[rule]))
        if rule:
            same = [share(s.verdict == "same" for s in some[rule]) for some in rules]
            cells.append(_each(same))
        cells.append(" / ".join(f"{trainings(some[rule]):.1f}" for some in rules))
    least = [min(share(s.covers for s in some[rule]) for some in rules) for rule in (0, 1)]
    return [*cells, " / ".join(map(percent, least))]


def _each(shares: Iterable[float]) -> str:
    """Shares in whole percent, beside each other."""
    return " / ".join(f"{100 * one:.0f}" for one in shares)


def main() -> None:
    """Simulate, and print the tables."""
    given = measure.options(__doc__, cuda=False, threads=1, more=OPTIONS)
    replicates, families = (10, 4) if given.quick else (given.replicates, given.families)
    chosen = verdicts.chosen(given.worlds)
    with get_context("spawn").Pool(given.jobs, verdicts.one_thread) as pool:
        spread = partial(pool.imap, chunksize=2)
        drawn, saved = print_equals(spread, chosen, replicates)
        print_others(spread, drawn, saved)
        print_families(spread, [world for world in chosen if has_families(world)], families)
    draw(given.plot, saved)


def print_equals(
    spread: Spread, chosen: Sequence[World], replicates: int
) -> tuple[dict[str, list[Course]], Saved]:
    """Print what happens to equals; return their courses by world, and the trainings."""
    print(f"{replicates} replicates, looks after {', '.join(map(str, TIMES))} trainings: in %\n")
    print("no true difference (ends: same / given up / undecided after all)\n")
    table = measure.Table(
        "world", "first small p", f"{MOST}, one look", "difference only", "until decided",
        "coverage", "trainings", "ends", "false same", "s",
    )  # fmt: skip
    drawn: dict[str, list[Course]] = {}
    saved: Saved = {}
    worst = 0.0
    for world in chosen:
        begin = time.perf_counter()
        pairs = list(spread(partial(of_equals, world), range(replicates)))
        some, nulls = [course for course, _ in pairs], [found for _, found in pairs]
        margin = float(np.mean([course[MOST].margin for course in some]))
        edges = list(spread(outcome_of, both_ways(some, margin)))
        cells = null_row(world.name, nulls, edges)
        table.row(*cells, f"{time.perf_counter() - begin:.0f}")
        drawn[world.name] = some
        saved[world.name] = {0.0: trainings(o.until_decided for o in nulls)}
        worst = max(worst, *(share(s.differs for s in rule) for rule in by_rule(nulls)))
    measure.goal("error in %, worst world", 100 * worst, at_most=7)
    most = max(found[0.0] for found in saved.values())
    measure.goal("trainings of equals, worst world", most, at_most=0.75 * MOST)
    return drawn, saved


def print_others(spread: Spread, drawn: Mapping[str, list[Course]], saved: Saved) -> None:
    """Print what happens to true differences, and add the trainings to ``saved``."""
    print(f"\ntrue differences of 1, 1.5 and 2 times d80, what {MOST} find in 80%: found, in %\n")
    table = measure.Table(
        "world", "d80 / error", f"{MOST}, one look", "difference only", "trainings",
        "until decided", "same", "trainings", "least coverage",
    )  # fmt: skip
    covered, most = 1.0, 0.0
    for name, some in drawn.items():
        size = verdicts.detectable([course[MOST].estimate for course in some], ALPHA)
        base = 10 * float(np.mean([course[MOST].margin for course in some]))
        moved = [list(spread(outcome_of, both_ways(some, f * size))) for f in FACTORS]
        table.row(*power_row(name, size / base, moved))
        for factor, outcomes in zip(FACTORS, moved, strict=True):
            rules = by_rule(outcomes)
            saved[name][factor] = trainings(rules[1])
            covered = min(covered, *(share(s.covers for s in rule) for rule in rules))
            most = max(most, *map(trainings, rules)) if factor == 1.5 else most
    measure.goal("coverage in %, worst world", 100 * covered, at_least=93)
    measure.goal("trainings at 1.5 times, worst world", most, at_most=0.6 * MOST)


def print_families(spread: Spread, chosen: Sequence[World], families: int) -> None:
    """Print how often any of seven arms is called different in vain."""
    print(f"\nseven arms and a baseline without a difference, {families} families: any verdict\n")
    table = measure.Table("world", "difference only", "until decided", "trainings of an arm", "s")
    worst = 0.0
    for world in chosen:
        begin = time.perf_counter()
        found = list(spread(partial(family, world), range(families)))
        wrong = [share(any(s.differs for s in pair[rule]) for pair in found) for rule in (0, 1)]
        mean = trainings(stop for _, decided in found for stop in decided)
        cells = [world.name, *map(percent, wrong), f"{mean:.1f}"]
        table.row(*cells, f"{time.perf_counter() - begin:.0f}")
        worst = max(worst, *wrong)
    measure.goal("families with a false verdict in %, worst world", 100 * worst, at_most=6.5)


def draw(plot: Path | None, saved: Saved) -> None:
    """Draw the mean number of trainings over the true difference."""
    settings = {"xlabel": "true difference, in what 30 trainings find", "ylabel": "trainings"}
    with measure.figure(plot, title="until decided", **settings) as axes:
        for name, found in saved.items() if axes else ():
            axes.plot(list(found), list(found.values()), "o-", label=name)


if __name__ == "__main__":
    main()
