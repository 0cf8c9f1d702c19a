"""How often verdicts err, and what they find, in worlds where the truth is known.

Worlds (tests/examples/worlds.py) draw a data set a replicate, and train two arms on three rotations
of ten folds and on thirty re-splits of it. Compared: the estimator of nearfar, the corrected test
of Nadeau and Bengio (2003) on as many re-splits, and the plain t test, which takes trainings for
independent. ``--worlds``: ``five``, ``more``, ``exceptions``, ``lattice``, or part of a name.

    python benchmarks/verdicts.py [--quick] [--replicates N] [--worlds NAME …] [--jobs N]
                                  [--plot FILE]
"""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from threadpoolctl import threadpool_limits

import measure
from nearfar.analysis.estimate import ALPHA, Estimate, estimate_rows
from nearfar.analysis.statistics import holm
from nearfar.analysis.variance import Tested

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "examples"))
import worlds
from worlds import World, differences

FAMILY = 7
OPTIONS: measure.More = {
    "--replicates": {"type": int, "default": 100},
    "--worlds": {"nargs": "+", "default": ["five", "lattice"]},
    "--jobs": {"type": int, "default": 2},
}
Spread = Callable[..., Iterable[Any]]
"""What maps a function over replicates, as ``map`` does."""

Found = dict[str, list[Estimate]]
"""Design → an estimate a replicate, of the difference minus the true one."""


def corrected(trainings: Sequence[Tested], ratio: float = 1 / 8) -> Estimate:
    """Return the test of Nadeau and Bengio (2003): SE² = s² (1/n + n_test/n_train), n - 1 df."""
    means = np.array([training.mean for training in trainings])
    error = float(np.sqrt(means.var(ddof=1) * (1 / len(means) + ratio)))
    return Estimate(float(means.mean()), error, len(means) - 1, len(means))


def plain(trainings: Sequence[Tested]) -> Estimate:
    """Return Student's t over trainings, as if they were independent."""
    return corrected(trainings, 0.0)


def ours(world: World, trainings: Sequence[Tested], *, by_group: bool = True) -> Estimate:
    """Return what nearfar makes of them."""
    found = estimate_rows(trainings, world.rows, world.groups if by_group else None)
    assert found is not None
    return found


def one_replicate(world: World, replicate: int) -> tuple[dict[str, Estimate], float]:
    """All designs on one data set, and the mean score of the second arm over ten folds."""
    random = np.random.default_rng([crc32(world.name.encode()), replicate])
    data = world.draw(random)
    splits = worlds.folds(random, world.rows, 30, group=world.group)
    again = worlds.resplits(random, world.rows, 30, group=world.group)
    a, b = world.scores(data, splits, random)
    base = float(np.mean([scores.mean() for scores in b[:10]]))
    folds = differences(splits, a, b, world.difference)
    resplits = differences(again, *world.scores(data, again, random), world.difference)
    found = {f"{n} folds": ours(world, folds[:n]) for n in (5, 10, 20, 30)}
    found |= {f"{n} re-splits": ours(world, resplits[:n]) for n in (5, 10, 30)}
    found |= {f"today {n}": corrected(resplits[:n]) for n in (5, 10, 30)}
    found["plain 10"] = plain(folds[:10])
    if world.group > 1:
        found["rows alone"] = ours(world, folds[:10], by_group=False)
    if alike_on_a_split(world):
        split = worlds.fixed(random, world.rows, 10, group=world.group)
        seeds = differences(split, *world.scores(data, split, random))
        found |= {f"{n} seeds": ours(world, seeds[:n]) for n in (3, 5, 10)}
    return found, base


def alike_on_a_split(world: World) -> bool:
    """Whether the arms are alike on any one split too: one way of learning, and the same inputs."""
    return world.learners[0] == world.learners[1] and not world.own_blocks


def family(world: World, replicate: int) -> list[float]:
    """p of seven arms against an eighth that is their like, by ten folds, adjusted by Holm."""
    random = np.random.default_rng([crc32(world.name.encode()), replicate, FAMILY])
    data = world.draw(random, FAMILY + 1)
    splits = worlds.folds(random, world.rows, 10, group=world.group)
    *arms, base = world.scores(data, splits, random, FAMILY + 1)
    return holm([ours(world, differences(splits, arm, base)).p_value() for arm in arms])


def error(found: Iterable[Estimate], alpha: float = ALPHA) -> float:
    """The share of replicates in which a true difference of nothing is called one."""
    return float(np.mean([estimate.p_value() <= alpha for estimate in found]))


def detectable(found: Iterable[Estimate], alpha: float = ALPHA / FAMILY) -> float:
    """The true difference that is found in 80% of replicates, whichever its sign."""
    missed = [
        estimate.half_width(1 - alpha) + sign * estimate.mean
        for estimate in found
        for sign in (-1, 1)
    ]
    return float(np.quantile(missed, 0.8))


def called_same(found: Iterable[Estimate], bases: Sequence[float], shift: float = 0.0) -> float:
    """Share of replicates called the same within 10% of the baseline, ``shift`` added."""
    said = [
        Estimate(estimate.mean + sign * shift, estimate.error, estimate.df, estimate.n)
        .equivalence_p(base / 10) <= ALPHA
        for estimate, base in zip(found, bases, strict=True)
        for sign in (-1, 1)
    ]  # fmt: skip
    return float(np.mean(said))


def unseen(found: Iterable[Estimate]) -> float:
    """True variance of the mean over what its parts say with a factor of 1."""
    parts = [(estimate.mean, estimate.parts) for estimate in found if estimate.parts]
    said = [part.rows + part.training * part.spread / part.n for _, part in parts]
    return float(np.mean([mean**2 for mean, _ in parts]) / np.mean(said))


def percent(share: float) -> str:
    """A share as a number of percent."""
    return f"{100 * share:.1f}"


def lattice(
    rows: int, seeds: int, replicate: int, *, persistent: bool
) -> tuple[list[float], list[float]]:
    """p of seven 0/1 arms against their like on one split, ours and of the plain t, after Holm."""
    random = np.random.default_rng([rows, seeds, replicate, persistent])
    *arms, base = worlds.wrong_rows(random, FAMILY + 1, seeds, rows, persistent=persistent)
    test, p_rows, p_plain = np.arange(rows), [], []
    for arm in arms:
        trainings = [Tested(test, d) for d in arm - base]
        found = estimate_rows(trainings, 10 * rows, None, 1.0)
        assert found is not None
        p_rows.append(found.p_value())
        p_plain.append(plain(trainings).p_value())
    return holm(p_rows), holm(p_plain)


def chosen(names: Sequence[str]) -> list[World]:
    """The worlds that ``names`` are of."""
    sets = {"five": worlds.FIVE, "more": worlds.MORE, "exceptions": worlds.KNOWN_EXCEPTIONS}
    every = [world for some in sets.values() for world in some]
    found = []
    for name in names:
        found += sets.get(name, [world for world in every if name in world.name])
    return found


def one_thread() -> None:
    """Leave the other processors to the other jobs."""
    threadpool_limits(1)


def verdict_rows(found: Found, name: str) -> list[str]:
    """Errors and d80 of a world, as cells."""
    cells = [name, percent(error(found["plain 10"]))]
    cells.append(f"{percent(error(found['today 10']))} / {percent(error(found['today 30']))}")
    for design, today in (
        ("5 folds", 5),
        ("10 folds", 10),
        ("30 folds", 30),
        ("5 re-splits", 5),
        ("10 re-splits", 10),
        ("30 re-splits", 30),
    ):
        relative = detectable(found[design]) / detectable(found[f"today {today}"])
        small = percent(error(found[design], ALPHA / FAMILY))
        cells.append(f"{percent(error(found[design]))}, {small} ({relative:.2f})")
    return [*cells, f"{unseen(found['10 folds']):.2f} / {unseen(found['30 folds']):.2f}"]


def same_rows(found: Found, bases: Sequence[float], name: str) -> list[str]:
    """Shares of "same" of a world, as cells."""
    base = float(np.mean(bases))
    designs = ("today 10", "10 folds", "20 folds", "30 folds")
    cells = [f"{100 * called_same(found[design], bases):.0f}" for design in designs]
    false = [percent(called_same(found[design], bases, base / 10)) for design in designs[1:]]
    return [name, f"{100 * detectable(found['today 10']) / base:.1f}%", *cells, " / ".join(false)]


def main() -> None:
    """Simulate, and print the tables."""
    given = measure.options(__doc__, cuda=False, threads=1, more=OPTIONS)
    replicates = 10 if given.quick else given.replicates
    with get_context("spawn").Pool(given.jobs, one_thread) as pool:
        simulate(partial(pool.imap, chunksize=5), replicates, given.worlds, given.plot)


def simulate(
    spread: Spread,
    replicates: int,
    names: Sequence[str],
    plot: Path | None,
) -> None:
    """Print a table a question."""
    kept: dict[str, tuple[Found, list[float]]] = {}
    print(f"{replicates} replicates, nominal error 5%: rates are in %\n")
    print("error at 5%, error at 5%/7 (d80 at 5%/7, relative to today's at as many re-splits)\n")
    table = measure.Table(
        "world", "plain t, 10 folds", "today 10 / 30", "5 folds", "10 folds", "3×10 folds",
        "5 re-splits", "10 re-splits", "30 re-splits", "variance / parts with c = 1, 10 / 30 folds",
        "s",
    )  # fmt: skip
    for world in chosen(names):
        begin, found, bases = time.perf_counter(), {}, []
        for estimates, base in spread(partial(one_replicate, world), range(replicates)):
            bases.append(base)
            for design, estimate in estimates.items():
                found.setdefault(design, []).append(estimate)
        kept[world.name] = found, bases
        table.row(*verdict_rows(found, world.name), f"{time.perf_counter() - begin:.0f}")
        if "rows alone" in found:
            print(f"\n{world.name}, groups not told: {percent(error(found['rows alone']))}\n")
    print('\n"same" within 10% of the baseline (%), false "same" at a true difference of 10%\n')
    table = measure.Table(
        "world",
        "today's d80",
        "today 10",
        "10 folds",
        "20 folds",
        "30 folds",
        "false, 10 / 20 / 30",
    )
    for name, (found, bases) in kept.items():
        table.row(*same_rows(found, bases, name))
    print("\nfixed split, arms that are alike on it: error at 5%, at 5%/7\n")
    table = measure.Table("world", "3 seeds", "5 seeds", "10 seeds")
    for name, (found, _) in kept.items():
        if "3 seeds" in found:
            seeds = [found[f"{n} seeds"] for n in (3, 5, 10)]
            cells = [f"{percent(error(s))}, {percent(error(s, ALPHA / FAMILY))}" for s in seeds]
            table.row(name, *cells)
    print("\nfamilies of seven arms and a baseline that are alike, 10 folds: any false verdict\n")
    table = measure.Table("world", "families", "any false verdict")
    for world in chosen(names):
        if world.learners[0] == world.learners[1] and world.rows == 1128:
            p = list(spread(partial(family, world), range(max(replicates // 2, 10))))
            table.row(world.name, len(p), percent(float(np.mean([min(q) <= ALPHA for q in p]))))
    if "lattice" in names:
        print_lattice(spread, replicates)
    draw(plot, kept)


def print_lattice(spread: Spread, replicates: int) -> None:
    """Print families with a false verdict among 0/1 arms on a fixed split."""
    print("\nseven 0/1 arms on a fixed split, 5% disagreement: families with a false verdict\n")
    table = measure.Table("rows", "seeds", "disagree", "ours", "plain t over seeds")
    for rows in (36, 113, 1000):
        for seeds in (3, 5, 10):
            for persistent in (False, True):
                each = partial(lattice, rows, seeds, persistent=persistent)
                p = list(spread(each, range(replicates)))
                rates = [np.mean([min(q[k]) <= ALPHA for q in p]) for k in (0, 1)]
                kind = "on the same rows" if persistent else "anew"
                table.row(rows, seeds, kind, *[percent(float(rate)) for rate in rates])


def draw(plot: Path | None, kept: dict[str, tuple[Found, list[float]]]) -> None:
    """Draw the error of every world, by ten folds and by the plain t."""
    names = list(kept)
    with measure.figure(
        plot, xlabel="error at 5%, in %", title="10 folds, no true difference"
    ) as axes:
        for design, colour in (
            (("10 folds", measure.OURS), ("plain 10", measure.THEIRS)) if axes else ()
        ):
            errors = [100 * error(kept[name][0][design]) for name in names]
            axes.plot(errors, names, "o", color=colour, label=design)


if __name__ == "__main__":
    main()
