"""Many logistic heads solved together are those solved one by one, and scikit-learn's."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from nearfar.heads import Logistic, Problem, solve_together
from nearfar.heads.solved.logistic import many as logistic_together
from nearfar.heads.solved.logistic import shared_rows
from nearfar.heads.solved.logistic import whitening as coordinates
from nearfar.heads.solved.logistic.shared_rows import Learner, SharedRows

ROWS, COLUMNS, CLASSES = 800, 16, 5
PENALTIES = (1e-4, 1e-2, 0.3, 10.0)


def made(rows: int = ROWS, columns: int = COLUMNS) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Correlated features with means and scales of their own, and classes that overlap."""
    random = np.random.default_rng(rows)
    labels = random.integers(0, CLASSES, rows)
    hidden = random.normal(size=(CLASSES, 6))[labels] + random.normal(size=(rows, 6)) * 1.5
    features = np.maximum(hidden @ random.normal(size=(6, columns)), 0)
    features += random.normal(size=(rows, columns)) * 0.3
    return (features * random.uniform(0.1, 30, columns) + 5).astype("f4"), labels


FEATURES, LABELS = made()
TARGETS = np.eye(CLASSES)[LABELS]
EVERY = np.arange(ROWS)
MIXED = np.random.default_rng(1).permutation(ROWS)


def objective(
    head: Logistic, features: NDArray[np.float32], targets: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """The value that ``head`` should minimise, in float64, and the probabilities."""
    found = head.predict(features)
    scale = features.astype("f8").std(0)
    weight = head.weight * np.where(scale > 1e-6, scale, 0)[:, None]
    log_p = np.log(np.maximum((found * targets).sum(1), 1e-300))
    return float(-log_p.mean() + head.penalty / 2 * (weight**2).sum()), found


def check(features: NDArray[np.float32], problems: list[Problem]) -> None:
    """Every head is as good as the one that is solved alone, and says the same."""
    for problem, head in zip(problems, solve_together(features, problems), strict=True):
        some = features[problem.rows]
        alone = Logistic(penalty=problem.penalty)
        alone.fit(some, problem.targets, 0)
        value, found = objective(head, some, problem.targets)
        expected, probabilities = objective(alone, some, problem.targets)
        assert value == pytest.approx(expected, rel=1e-6, abs=1e-9)
        np.testing.assert_allclose(found, probabilities, atol=2e-3)


def over(
    *row_sets: NDArray[np.int64],
    targets: NDArray[np.float64] = TARGETS,
    penalties: tuple[float, ...] = PENALTIES,
) -> list[Problem]:
    return [Problem(rows, targets[rows], p) for p in penalties for rows in row_sets]


def test_nested_rows_and_penalties() -> None:
    check(FEATURES, over(EVERY, MIXED[:450], MIXED[:200]))


def test_a_single_problem_on_features_that_may_not_be_written_to() -> None:
    features = FEATURES.copy()
    features.flags.writeable = False
    check(features, over(EVERY, penalties=(1e-3,)))
    assert solve_together(features, []) == []


def test_class_maps_and_other_labels_share_the_rows() -> None:
    pair = np.eye(2)[LABELS % 2]
    three = np.eye(3)[np.minimum(LABELS, 2)]
    other = np.eye(CLASSES)[(LABELS + (EVERY % 7 == 0)) % CLASSES]
    problems = [
        problem
        for rows in (EVERY, MIXED[:300])
        for targets in (TARGETS, pair, other, three)
        for problem in over(rows, targets=targets, penalties=(1e-3, 0.1))
    ]
    check(FEATURES, problems)


@pytest.mark.parametrize("few", [8, 3, 1])
def test_overlapping_rows_together_or_in_several_bundles(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logistic_together, "FEW_GROUPS", few)
    row_sets = [MIXED[:500], MIXED[300:], MIXED[100:600]]
    problems = over(*row_sets, penalties=(1e-3, 1.0))
    bundles = logistic_together._bundles(problems, ROWS, COLUMNS)
    assert [len(bundle.parts) for bundle in bundles] == {8: [3], 3: [2, 1], 1: [1, 1, 1]}[few]
    check(FEATURES, problems)


def test_memory_divides_the_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logistic_together, "MOST_NUMBERS", 2 * COLUMNS * (COLUMNS + 100))
    problems = over(EVERY, penalties=(1e-2, 1e-1, 1.0, 10.0, 100.0))
    assert [len(b.problems) for b in logistic_together._bundles(problems, ROWS, COLUMNS)] == [
        2,
        2,
        1,
    ]
    check(FEATURES, problems)


def test_a_class_without_rows_is_not_expected() -> None:
    some = EVERY[LABELS > 0][::2]
    problems = over(EVERY, some, penalties=(1e-3, 0.1))
    for problem, head in zip(problems, solve_together(FEATURES, problems), strict=True):
        present = problem.targets.any(0)
        targets = problem.targets[:, present]
        alone = Logistic(penalty=problem.penalty)
        alone.fit(FEATURES[problem.rows], targets, 0)
        value, found = objective(head, FEATURES[problem.rows], problem.targets)
        expected, probabilities = objective(alone, FEATURES[problem.rows], targets)
        assert value == pytest.approx(expected, rel=1e-6)
        np.testing.assert_allclose(found[:, present], probabilities, atol=2e-3)
        assert (found[:, ~present] < 1e-6).all()


def test_columns_that_are_constant_over_all_rows_or_some() -> None:
    features = np.column_stack([FEATURES, np.full(ROWS, 7.0), FEATURES[:, 0]]).astype("f4")
    some = np.arange(400)
    features[some, -1] = -3.25
    features[some, 0], features[400:, 0] = 0, features[400:, 0] * 1e4
    check(features, over(EVERY, some, penalties=(1e-3, 0.1)))
    heads = solve_together(features, over(EVERY, some, penalties=(1e-3,)))
    assert all((head.weight[-2] == 0).all() for head in heads)
    assert (heads[1].weight[[0, -1]] == 0).all()
    assert (heads[0].weight[-1] != 0).any()


def test_more_columns_than_rows() -> None:
    features, labels = made(150, 200)
    targets = np.eye(CLASSES)[labels]
    check(features, over(np.arange(150), np.arange(60), targets=targets, penalties=(0.01, 1.0)))


def test_without_whitening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinates, "WIDEST", 0)
    check(FEATURES, over(EVERY, MIXED[:300], penalties=(1e-2, 1.0)))


@pytest.mark.parametrize("penalty", [1e-3, 0.1])
def test_scikit_learns_minimum(penalty: float) -> None:
    row_sets = (EVERY, np.sort(MIXED[:300]))
    heads = solve_together(FEATURES, over(*row_sets, penalties=(penalty,)))
    for rows, head in zip(row_sets, heads, strict=True):
        some = FEATURES[rows].astype("f8")
        scaled = (some - some.mean(0)) / some.std(0)
        other = LogisticRegression(C=1 / (len(rows) * penalty), tol=1e-8, max_iter=10_000)
        expected = other.fit(scaled, LABELS[rows]).predict_proba(scaled)
        np.testing.assert_allclose(head.predict(FEATURES[rows]), expected, atol=1e-3)


def test_values_and_slopes_are_those_of_autograd() -> None:
    parts = [EVERY[::2], EVERY[100:700], EVERY[300:400]]
    classes = [2, 2, CLASSES, CLASSES]
    chosen = [0, 2, 1, 2]
    learners = [
        Learner(part, np.eye(c)[LABELS[parts[part]] % c])
        for part, c in zip(chosen, classes, strict=True)
    ]
    shared = SharedRows(FEATURES, parts, learners)
    torch.manual_seed(0)
    weight = torch.randn(sum(classes), COLUMNS, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(sum(classes), dtype=torch.float64, requires_grad=True)
    found = shared.cross_entropy(torch.arange(4), weight.detach(), bias.detach())
    values = []
    for learner, w, b in zip(learners, weight.split(classes), bias.split(classes), strict=True):
        x = FEATURES[parts[learner.part]].astype("f8")
        x = torch.from_numpy((x - x.mean(0)) / x.std(0))
        log_p = (x @ w.T + b).log_softmax(1)
        values.append(-(torch.from_numpy(learner.targets) * log_p).sum(1).mean())
    slopes = torch.autograd.grad(torch.stack(values).sum(), (weight, bias))
    torch.testing.assert_close(found[0], torch.stack(values).detach(), rtol=1e-5, atol=0)
    for one, other in zip(found[1:], slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_no_row_is_multiplied_for_a_head_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [EVERY[100:700], EVERY[300:500]]
    learners = [Learner(k, TARGETS[parts[k]]) for k in (0, 1, 1)]
    shared = SharedRows(FEATURES, parts, learners)
    work, plain = 0, shared_rows._pass

    def counted(x: torch.Tensor, *rest: object) -> object:
        nonlocal work
        work += len(x) * len(rest[1])  # type: ignore[arg-type]
        return plain(x, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(shared_rows, "_pass", counted)
    for running in ([0, 1, 2], [2]):
        work, size = 0, len(running) * CLASSES
        weight = torch.zeros(size, COLUMNS, dtype=torch.float64)
        shared.cross_entropy(torch.tensor(running), weight, weight[:, 0])
        assert work == sum(len(parts[learners[k].part]) for k in running) * CLASSES


def test_heads_stop_after_their_iterations() -> None:
    (short,) = solve_together(FEATURES, over(EVERY, penalties=(1e-3,)), iterations=2)
    (full,) = solve_together(FEATURES, over(EVERY, penalties=(1e-3,)))
    assert objective(short, FEATURES, TARGETS)[0] > 1.01 * objective(full, FEATURES, TARGETS)[0]


def test_a_row_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        solve_together(FEATURES, over(np.array([1, 2, 3, 2]), penalties=(1.0,)))
