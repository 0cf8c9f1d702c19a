"""Small worlds in which the truth about two ways of learning is known.

A world draws a data set, trains its arms on every split of it and gives the scores of the rows.
The rows are shared by the trainings as in a real study, so what correlates them is nothing that was
put in by hand. Arms are alike in truth where each sees a block of features of its own, all blocks
being drawn alike, or where they differ in what is drawn at random alone. Else their true difference
is measured on very many fresh data sets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from nearfar.analysis.variance import Tested

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Random = np.random.Generator

NEAREST = 48
"""Neighbours that are looked up once; the nearest of them that a training has seen count."""


@dataclass(frozen=True)
class Splits:
    """Rows of every training: trained on, int64 (trainings, n_train), and tested."""

    train: Integers
    test: list[Integers]

    def __len__(self) -> int:
        return len(self.test)


def folds(random: Random, rows: int, n: int, *, group: int = 1, of: int = 10) -> Splits:
    """Draw ``n`` trainings of as many rotations of ``of`` folds as that takes."""
    tests: list[Integers] = []
    while len(tests) < n:
        tests += np.array_split(random.permutation(rows // group), of)
    return _splits(random, rows, tests[:n], group)


def resplits(random: Random, rows: int, n: int, *, group: int = 1) -> Splits:
    """Draw ``n`` trainings that test a tenth of the rows each, drawn anew."""
    units = rows // group
    tests = [random.permutation(units)[: round(units / 10)] for _ in range(n)]
    return _splits(random, rows, tests, group)


def fixed(random: Random, rows: int, n: int, *, group: int = 1) -> Splits:
    """Draw one split, for ``n`` trainings."""
    one = resplits(random, rows, 1, group=group)
    return Splits(np.repeat(one.train, n, axis=0), one.test * n)


def _splits(random: Random, rows: int, tests: list[Integers], group: int) -> Splits:
    """Train on 80% of the rows; what is neither trained on nor tested would be for validation."""
    units = rows // group
    train = []
    for test in tests:
        rest = np.delete(np.arange(units), test)
        train.append(_rows_of(random.permutation(rest)[: int(0.8 * units)], group))
    return Splits(np.stack(train), [_rows_of(test, group) for test in tests])


def _rows_of(units: Integers, group: int) -> Integers:
    return (np.sort(units)[:, None] * group + np.arange(group)).ravel()


@dataclass
class Data:
    """A data set: inputs (rows, blocks, features), targets (rows,), where a shared stage begins."""

    inputs: Floats
    target: Floats
    stage: int
    nearest: dict[int, Integers] = field(default_factory=dict)

    def block(self, arm: int) -> Floats:
        """What an arm sees (rows, features): a block of its own where there are several."""
        return self.inputs[:, min(arm, self.inputs.shape[1] - 1)]

    def neighbours(self, arm: int) -> Integers:
        """The rows (rows, NEAREST) nearest to each, itself left out, nearest first."""
        block = min(arm, self.inputs.shape[1] - 1)
        if block not in self.nearest:
            x = self.block(arm).astype(np.float32)
            squares = np.square(x).sum(axis=1)
            apart = squares[:, None] + squares - 2 * x @ x.T
            np.fill_diagonal(apart, np.inf)
            near = np.argpartition(apart, NEAREST, axis=1)[:, :NEAREST]
            order = np.take_along_axis(apart, near, axis=1).argsort(axis=1)
            self.nearest[block] = np.take_along_axis(near, order, axis=1)
        return self.nearest[block]


Learner = Callable[[Data, Splits, int, Random], Floats]
"""(data, splits, number of the arm, generator) → predictions (trainings, rows)."""


def ridge(data: Data, splits: Splits, arm: int, random: Random, *, penalty: float = 1.0) -> Floats:
    """Ridge regression on the arm's block."""
    return _solved(data.block(arm)[None], data.target, splits.train, penalty)


def network(data: Data, splits: Splits, arm: int, random: Random, *, hidden: int = 24) -> Floats:
    """Ridge regression on random tanh features, drawn anew for every training."""
    features = _hidden(data.block(arm), random, len(splits), hidden)
    return _solved(features, data.target, splits.train, 0.3)


def head(data: Data, splits: Splits, arm: int, random: Random, *, hidden: int = 12) -> Floats:
    """A network of which all but a quarter of the features is shared by the arms of a training."""
    shared = np.random.default_rng(data.stage)
    both = _hidden(data.block(arm), shared, len(splits), hidden - hidden // 4)
    own = _hidden(data.block(arm), random, len(splits), hidden // 4)
    return _solved(np.concatenate([both, own], axis=2), data.target, splits.train, 0.3)


def neighbours(data: Data, splits: Splits, arm: int, random: Random, *, k: int = 5) -> Floats:
    """The mean target of the ``k`` nearest training rows; nan where a row is not tested."""
    near = data.neighbours(arm)
    found = np.full((len(splits), len(near)), np.nan)
    for s, (train, test) in enumerate(zip(splits.train, splits.test, strict=True)):
        seen = np.zeros(len(near), dtype=bool)
        seen[train] = True
        known = seen[near[test]]
        known &= known.cumsum(axis=1) <= k
        found[s, test] = (known * data.target[near[test]]).sum(axis=1) / known.sum(axis=1)
    return found


def breaking(
    data: Data, splits: Splits, arm: int, random: Random, *, rate: float = 0.1, factor: float = 1.6
) -> Floats:
    """A network; one training in ten of the first arm breaks down: its errors grow by 60%."""
    found = network(data, splits, arm, random, hidden=8)
    if arm == 0:
        broken = random.random(len(splits)) < rate
        found[broken] = data.target + factor * (found[broken] - data.target)
    return found


def _hidden(x: Floats, random: Random, trainings: int, hidden: int) -> Floats:
    """Random tanh features (trainings, rows, hidden)."""
    weights = random.normal(size=(trainings, x.shape[1], hidden)) / np.sqrt(x.shape[1])
    return np.tanh(1.5 * x @ weights + random.normal(size=(trainings, 1, hidden)))


def _solved(features: Floats, target: Floats, train: Integers, penalty: float) -> Floats:
    """Predictions of ridge regression with intercept; features (trainings or 1, rows, columns)."""
    features = np.concatenate([features, np.ones((*features.shape[:2], 1))], axis=2)
    if len(features) == 1:
        x = features[0][train]
    else:
        x = features[np.arange(len(train))[:, None], train]
    y = target[train][..., None]
    transposed = x.swapaxes(1, 2)
    lift = penalty * np.eye(x.shape[2])
    lift[-1, -1] = 1e-9
    weights = np.linalg.solve(transposed @ x + lift, transposed @ y)
    return (features @ weights)[..., 0]


Score = Callable[[Floats, Floats], Floats]
"""(targets, predictions) of the tested rows of one training → their scores."""


def absolute_error(target: Floats, prediction: Floats) -> Floats:
    """The absolute error of every row."""
    return np.abs(target - prediction)


def wrong(target: Floats, prediction: Floats) -> Floats:
    """1 where the sign is wrong, else 0."""
    return ((target > 0) != (prediction > 0)).astype(np.float64)


def balanced_error(target: Floats, prediction: Floats) -> Floats:
    """1 minus balanced accuracy, told by rows: its value plus each row's influence on it."""
    failed = wrong(target, prediction)
    scores = np.empty_like(failed)
    members = [target > 0, target <= 0]
    rates = [failed[of].mean() if of.any() else 0.0 for of in members]
    for of, rate in zip(members, rates, strict=True):
        if of.any():
            scores[of] = (failed[of] - rate) * len(failed) / (2 * of.sum())
    return scores + sum(rates) / 2


@dataclass(frozen=True)
class World:
    """A population and arms that learn from ``rows`` rows of it.

    Attributes:
        name: for tables.
        rows: of a data set.
        learners: the kinds of arms, the first compared with the second.
        features: that an arm sees.
        own_blocks: whether every arm sees features of its own, else all see the same.
        bent: how far the target is from linear in the features.
        signal: deviation of the target that an arm's features explain.
        tails: degrees of freedom of the noise, whose deviation is 1.
        score: what a row's score is.
        minority: share of the rarer class where ``score`` is of classes; 0 for regression. Targets
            are centred, so that a prediction above 0 says that class.
        group: rows of one group, which stand one after the other and share most of their noise.
        difference: the true one: 0 of arms that are alike, else from ``measured_difference``.
    """

    name: str
    rows: int
    learners: tuple[Learner, Learner]
    features: int = 8
    own_blocks: bool = True
    bent: float = 0.0
    signal: float = 1.0
    tails: float = 4.0
    score: Score = absolute_error
    minority: float = 0.0
    group: int = 1
    difference: float = 0.0

    def draw(self, random: Random, arms: int = 2, rows: int = 0) -> Data:
        """Draw a data set."""
        rows = rows or self.rows
        shape = (rows, arms if self.own_blocks else 1, self.features)
        x = random.normal(size=shape)
        noise = random.standard_t(self.tails, size=rows) * np.sqrt((self.tails - 2) / self.tails)
        if self.group > 1:
            of = np.arange(rows) // self.group
            x = 0.95 * random.normal(size=shape)[of] + 0.31 * x
            noise = 0.9 * noise[of] + 0.44 * random.normal(size=rows)
        linear = x.sum(axis=2) / np.sqrt(self.features)
        curved = np.sqrt(2) * np.sin(2 * x[:, :, 0]) + np.cos(2 * x[:, :, 1]) * x[:, :, 2]
        explained = (1 - self.bent) * linear + self.bent * curved
        target = self.signal * explained.sum(axis=1) + noise
        if self.minority:
            cut = float(ndtri(1 - self.minority)) * np.sqrt(1 + shape[1] * self.signal**2)
            target = (target > cut) - self.minority
        return Data(x, target, int(random.integers(2**31)))

    def scores(
        self, data: Data, splits: Splits, random: Random, arms: int = 2
    ) -> list[list[Floats]]:
        """Train all arms on all splits: the scores of the tested rows, arm by arm."""
        found = []
        for arm in range(arms):
            learner = self.learners[min(arm, 1)]
            predicted = learner(data, splits, arm, random)
            found.append(
                [
                    self.score(data.target[test], predicted[s, test])
                    for s, test in enumerate(splits.test)
                ]
            )
        return found

    @property
    def groups(self) -> Integers | None:
        """The group of every row; None where rows are not grouped."""
        return np.arange(self.rows) // self.group if self.group > 1 else None

    def measured_difference(self, data_sets: int) -> tuple[float, float]:
        """The true mean difference and its standard error.

        From fresh data sets with a thousand tested rows each, and three trainings on each.
        """
        random, train = np.random.default_rng(77), int(0.8 * self.rows)
        rows = np.arange(train + 1000)
        splits = Splits(np.tile(rows[:train], (3, 1)), [rows[train:]] * 3)
        found = []
        for _ in range(data_sets):
            a, b = self.scores(self.draw(random, rows=len(rows)), splits, random)
            found.append(np.mean(a) - np.mean(b))
        return float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(data_sets))


def differences(
    splits: Splits, a: Sequence[Floats], b: Sequence[Floats], shift: float = 0.0
) -> list[Tested]:
    """What the estimator takes: the scores of ``a`` minus those of ``b`` minus ``shift``."""
    return [
        Tested(test, mine - base - shift)
        for test, mine, base in zip(splits.test, a, b, strict=True)
    ]


def wrong_rows(random: Random, arms: int, seeds: int, rows: int, *, persistent: bool) -> Floats:
    """Draw what arms that are alike get wrong on one split: 0 and 1 (arms, seeds, rows).

    All are wrong where a common pattern is, but for 2.6% of the rows that each gets the other way
    round by itself, so that two differ in 5%: the same rows in every seed (``persistent``) or not.
    """
    flips = random.random((arms, 1 if persistent else seeds, rows)) < 0.0257
    found = (random.random(rows) < 0.3) ^ flips
    return np.broadcast_to(found, (arms, seeds, rows)).astype(np.float64)


_small_network = partial(network, hidden=8)
_same_inputs: dict[str, Any] = {"features": 6, "own_blocks": False, "bent": 0.3, "signal": 1.5}
_nearby: dict[str, Any] = {"features": 5, "bent": 0.3}

FIVE = [
    World("two ridge models", 1128, (ridge, ridge)),
    World("two kNN", 1128, (neighbours, neighbours), **_nearby),
    World(
        "ridge and kNN",
        1128,
        (ridge, neighbours),
        features=5,
        own_blocks=False,
        bent=0.5,
        difference=0.0102,
    ),
    World("network and ridge", 1128, (_small_network, ridge), **_same_inputs, difference=0.1090),
    World("one network, two initialisations", 1128, (_small_network,) * 2, **_same_inputs),
]
"""902 rows to train, 113 to validate, 113 to test."""

MORE = [
    World("0/1 loss, 1,128 rows", 1128, (ridge, ridge), score=wrong, minority=0.5),
    World("0/1 loss, 300 rows", 300, (ridge, ridge), score=wrong, minority=0.5),
    World("balanced accuracy, 15% rare", 1128, (ridge, ridge), score=balanced_error, minority=0.15),
    World("groups of 12 rows", 1128, (ridge, ridge), group=12),
    World("heavy tails (t3)", 300, (ridge, ridge), tails=3.0),
    World("arms sharing a stage", 1128, (head, head), **_same_inputs),
    World("two ridge models, 100 rows", 100, (ridge, ridge), features=4),
    World("networks, 5,000 rows", 5000, (_small_network,) * 2, **_same_inputs),
    World("1-NN, 300 rows", 300, (partial(neighbours, k=1),) * 2, **_nearby),
    World("5-NN, 300 rows", 300, (neighbours, neighbours), **_nearby),
    World(
        "kNN and network",
        1128,
        (neighbours, _small_network),
        **_same_inputs,
        difference=-0.0542,
    ),
]

KNOWN_EXCEPTIONS = [
    World("100 features, 300 rows", 300, (ridge, ridge), features=100, signal=3.0),
    World("150 features, 300 rows", 300, (ridge, ridge), features=150, signal=3.0),
    World(
        "one training in ten breaks down",
        1128,
        (breaking, _small_network),
        **_same_inputs,
        difference=0.0567,
    ),
]
"""Where the factor on what rows contribute is too small, or what happens is too rare to be seen."""
