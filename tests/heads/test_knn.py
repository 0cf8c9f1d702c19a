"""Logistic regression against scikit-learn, neighbours against a loop, trees against Gini's."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from nearfar.heads import EXACT, KNN, Forest, Logistic, Mean
from nearfar.heads.solved.knn import neighbour_votes
from nearfar.heads.solved.logistic import head as logistic
from nearfar.heads.solved.logistic import whitening

RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(4, 6)) * 2
NUMBERS = RNG.integers(0, 4, size=300)
FEATURES = (CENTRES[NUMBERS] + RNG.normal(size=(300, 6)) * 2 + [0, 5, 0, 0, 100, 0]).astype("f4")
TARGETS = np.eye(4)[NUMBERS]
OTHERS = {"sklearn", "lightgbm", "xgboost", "catboost", "tabpfn", "tabicl"}
"""Estimators of others, which have tests of their own."""
CLASSIFIERS = [
    name for name, kind in EXACT.items() if "classification" in kind.tasks and name not in OTHERS
]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_probabilities_and_what_comes_back_from_arrays(name: str) -> None:
    head = EXACT[name]()
    head.fit(FEATURES, TARGETS, 0)
    found = head.predict(FEATURES[:50])
    assert found.shape == (50, 4)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-9)
    again = type(head).from_arrays(head.arrays())
    np.testing.assert_array_equal(again.predict(FEATURES[:50]), found)


@pytest.mark.parametrize("name", sorted(set(CLASSIFIERS) - {"mean"}))
def test_it_learns(name: str) -> None:
    head = EXACT[name]()
    features = FEATURES - FEATURES.mean(0) if name == "knn" else FEATURES
    head.fit(features[:200], TARGETS[:200], 0)
    right = head.predict(features[200:]).argmax(1) == NUMBERS[200:]
    assert right.mean() > 0.6


def test_the_mean_is_the_frequency_of_every_class() -> None:
    head = Mean()
    head.fit(FEATURES, TARGETS, 0)
    np.testing.assert_allclose(head.predict(FEATURES[:1])[0], np.bincount(NUMBERS) / 300)


@pytest.mark.parametrize("penalty", [1e-3, 0.1])
@pytest.mark.parametrize("classes", [2, 4])
def test_logistic_is_scikit_learns_minimum(penalty: float, classes: int) -> None:
    some = classes > NUMBERS
    features, targets = FEATURES[some], TARGETS[some][:, :classes]
    head = Logistic(penalty=penalty)
    head.fit(features, targets, 0)
    scaled = (features - features.mean(0)) / features.std(0)
    # With two classes scikit-learn has one weight vector, the difference of ours.
    strength = 1 / (len(features) * penalty) * (2 if classes == 2 else 1)
    other = LogisticRegression(C=strength, tol=1e-8, max_iter=10_000).fit(scaled, NUMBERS[some])
    expected = other.predict_proba(scaled)
    np.testing.assert_allclose(head.predict(features), expected, atol=1e-3)


def penalised(head: Logistic, features: np.ndarray, targets: np.ndarray, penalty: float) -> float:
    """The objective, from the probabilities and the weights on standardised features."""
    log_p = np.log((head.predict(features) * targets).sum(1))
    weight = head.weight * features.std(0)[:, None]
    return float(-log_p.mean() + penalty / 2 * (weight**2).sum())


def correlated(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Neighbouring columns are nearly alike, as pixels are; four noisy classes."""
    random = np.random.default_rng(1)
    steps, noise = random.normal(size=(rows, columns)), random.normal(size=(2, rows))
    features = steps.cumsum(1) + random.normal(size=(rows, columns)) * 0.1
    far = features[:, columns // 2] + noise[0] * columns**0.5 > 0
    labels = far * 2 + (steps[:, 1] + noise[1] > 0)
    return features.astype("f4"), np.eye(4)[labels]


@pytest.mark.parametrize(("rows", "columns"), [(900, 60), (80, 200)])
def test_whitening_changes_the_way_and_not_the_minimum(
    rows: int, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, targets = correlated(rows, columns)
    count = 0
    plain_slope = logistic._cross_entropy

    def counted(*given: torch.Tensor) -> tuple[float, torch.Tensor, torch.Tensor]:
        nonlocal count
        count += 1
        return plain_slope(*given)

    monkeypatch.setattr(logistic, "_cross_entropy", counted)
    found = []
    for widest in (whitening.WIDEST, 0):
        monkeypatch.setattr(whitening, "WIDEST", widest)
        head, count = Logistic(penalty=1e-3), 0
        head.fit(features, targets, 0)
        found.append((penalised(head, features, targets, 1e-3), count))
    (white, steps), (plain, more_steps) = found
    assert white == pytest.approx(plain, rel=1e-5)
    assert 1.5 * steps < more_steps


def test_logistic_without_a_penalty_and_with_columns_to_spare() -> None:
    features = np.column_stack([FEATURES, FEATURES]).astype("f4")
    head, single = Logistic(penalty=0), Logistic(penalty=0)
    head.fit(features, TARGETS, 0)
    single.fit(FEATURES, TARGETS, 0)
    np.testing.assert_allclose(head.predict(features), single.predict(FEATURES), atol=2e-3)


def test_a_constant_feature_and_a_huge_one_do_no_harm() -> None:
    features = np.column_stack([FEATURES, np.ones(300), FEATURES[:, 0] * 1e6]).astype("f4")
    head = Logistic()
    head.fit(features, TARGETS, 0)
    assert np.isfinite(head.predict(features)).all()
    assert (head.predict(features).argmax(1) == NUMBERS).mean() > 0.7


@pytest.mark.parametrize("neighbours", [1, 7, 1000])
def test_votes_are_those_of_a_loop(neighbours: int) -> None:
    bank, queries = torch.from_numpy(FEATURES[:40]), torch.from_numpy(FEATURES[40:60])
    found = neighbour_votes(bank, torch.from_numpy(TARGETS[:40]), queries, neighbours, 0.2)
    for query, row in zip(FEATURES[40:60].astype("f8"), found, strict=True):
        lengths = np.linalg.norm(FEATURES[:40].astype("f8"), axis=1) * np.linalg.norm(query)
        cosine = FEATURES[:40].astype("f8") @ query / lengths
        votes = np.zeros(4)
        for near in np.argsort(-cosine)[:neighbours]:
            votes[NUMBERS[near]] += np.exp(cosine[near] / 0.2)
        np.testing.assert_allclose(row, votes / votes.sum(), atol=1e-4)


@pytest.mark.parametrize(
    ("size", "dtype"), [(1e-36, "f4"), (1e30, "f4"), (1e-200, "f8"), (1e200, "f8")]
)
def test_votes_do_not_depend_on_the_size_of_rows(size: float, dtype: str) -> None:
    votes = torch.from_numpy(TARGETS[:40])
    parts = FEATURES[:40].astype(dtype), FEATURES[40:60].astype(dtype)
    plain = neighbour_votes(*(torch.from_numpy(parts[0]), votes, torch.from_numpy(parts[1])), 7)
    bank, queries = (torch.from_numpy(part * np.array(size, dtype)) for part in parts)
    torch.testing.assert_close(neighbour_votes(bank, votes, queries, 7), plain, rtol=1e-4, atol=0)


def test_one_neighbour_of_a_row_is_the_row_itself() -> None:
    head = KNN(neighbours=1)
    head.fit(FEATURES, TARGETS, 0)
    assert (head.predict(FEATURES).argmax(1) == NUMBERS).all()


def test_trees_on_indicators_split_as_gini_does() -> None:
    from sklearn.tree import DecisionTreeClassifier

    head = Forest(trees=1, features_per_split=1.0)
    head.fit(FEATURES, TARGETS, 0)
    sample = DecisionTreeClassifier(random_state=0, max_depth=1).fit(FEATURES, NUMBERS)
    assert sample.tree_.feature[0] >= 0
    assert head.predict(FEATURES).max() <= 1
