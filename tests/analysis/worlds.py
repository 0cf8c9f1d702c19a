"""Small worlds in which the truth about two learners is known.

``resplit_errors`` draws a finite data set and re-splits it: the splits share rows, so the errors
are correlated as they are in a real study; nothing correlates them by hand.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

ROWS, TEST, TRAIN = 120, 12, 96  # 80:10:10, as a molecule study splits
SEEDS = 10
FEATURES = 3


def _splits(draw: np.random.Generator, replicates: int, seeds: int) -> tuple[Rows, ...]:
    order = draw.random((replicates, seeds, ROWS)).argsort(axis=-1)
    return order[..., :TEST], order[..., TEST : TEST + TRAIN]


def _take(data: Array, rows: Rows) -> Array:
    """Rows (r, s, m) of data (r, rows, …) as (r, s, m, …)."""
    return data[np.arange(len(data))[:, None, None], rows]


def _errors(
    inputs: Array, target: Array, test: NDArray[np.int64], train: NDArray[np.int64]
) -> Array:
    """Test MAE of least squares on ``inputs`` (r, rows, features) per split, shape (r, s)."""
    x, y = _take(inputs, train), _take(target, train)[..., None]
    transposed = x.swapaxes(-1, -2)
    ridge = 0.1 * np.eye(x.shape[-1])
    weights = np.linalg.solve(transposed @ x + ridge, transposed @ y)
    predicted = (_take(inputs, test) @ weights)[..., 0]
    return np.abs(_take(target, test) - predicted).mean(axis=-1)


def resplit_errors(
    seed: int,
    replicates: int,
    learners: int,
    *,
    blur: float = 0.0,
    fresh: bool = False,
    labels: float = 1.0,
    tested: float = 1.0,
) -> Array:
    """Test MAE (replicates, learners, SEEDS) of ridge learners over re-splits.

    The target is the sum of all features and noise; every learner sees a block of features of
    its own, and all blocks are drawn alike, so the learners are exchangeable and none is better
    in truth. ``blur`` adds noise to the last learner's features and makes it worse. ``fresh``
    draws a new data set for every seed: then nothing overlaps. ``labels`` and ``tested`` are the
    fractions of training rows that are learnt from, and of test rows that are scored.
    """
    draw = np.random.default_rng(seed)
    sets = replicates * SEEDS if fresh else replicates
    found = []
    for start in range(0, sets, 500):
        count = min(500, sets - start)
        features = draw.normal(size=(count, ROWS, learners, FEATURES))
        target = features.sum(axis=(2, 3)) + draw.normal(size=(count, ROWS))
        features[:, :, -1] += blur * draw.normal(size=(count, ROWS, FEATURES))
        test, train = _splits(draw, count, 1 if fresh else SEEDS)
        test, train = test[..., : int(tested * TEST)], train[..., : int(labels * TRAIN)]
        found.append(
            np.stack(
                [_errors(features[:, :, k], target, test, train) for k in range(learners)], axis=1
            )
        )
    errors = np.concatenate(found)
    if fresh:
        errors = errors[..., 0].reshape(replicates, SEEDS, learners).swapaxes(1, 2)
    return errors


FIXED_SEEDS, FIXED_TEST, FIXED_TRAIN, HIDDEN = 5, 40, 60, 6


def fixed_split_errors(seed: int, replicates: int, test_rows: int) -> tuple[Array, Array]:
    """Absolute errors of two learners on one fixed training set.

    Returns two arrays (replicates, FIXED_SEEDS, test_rows). Learners are ridge on random tanh
    features of a block of inputs each; a seed draws the features, a replicate draws seeds and
    test rows anew. The training rows are the same for every ``seed`` and replicate.
    """
    fixed, draw = np.random.default_rng(0), np.random.default_rng(seed)
    train = fixed.normal(size=(FIXED_TRAIN, 2, FEATURES))
    train_target = train.sum(axis=(1, 2)) + fixed.normal(size=FIXED_TRAIN)
    test = draw.normal(size=(replicates, 1, test_rows, 2, FEATURES))
    test_target = test.sum(axis=(3, 4)) + draw.normal(size=(replicates, 1, test_rows))
    errors = []
    for block in range(2):
        projection = draw.normal(size=(replicates, FIXED_SEEDS, FEATURES, HIDDEN))
        x = np.tanh(train[:, block] @ projection)
        transposed = x.swapaxes(-1, -2)
        weights = np.linalg.solve(
            transposed @ x + 0.1 * np.eye(HIDDEN), transposed @ train_target[:, None]
        )
        predicted = np.tanh(test[..., block, :] @ projection) @ weights
        errors.append(np.abs(test_target - predicted[..., 0]))
    return errors[0], errors[1]
