from pathlib import Path

import numpy as np
import pytest

from nearfar.report.page import embedding
from nearfar.report.page.embedding import (
    embed,
    embed_all,
    features_key,
    laid_over,
    read_features,
    turned,
)


def _clusters(rows: int = 60) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(rows) % 3
    centres = np.random.default_rng(1).normal(size=(3, 12)) * 6
    noise = np.random.default_rng(2).normal(size=(rows, 12))
    return (centres[labels] + noise).astype(np.float32), labels


def test_neighbours_stay_neighbours_and_equal_features_give_equal_maps() -> None:
    features, labels = _clusters()
    points = embed(features)
    assert points.shape == (60, 2)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (labels[distances.argmin(axis=1)] == labels).mean() > 0.95
    assert np.array_equal(points, embed(features.copy()))


def test_a_map_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features, _ = _clusters(30)
    key = features_key(features)
    first = embed_all(tmp_path, {key: features})
    monkeypatch.setattr(embedding, "embed", lambda _: pytest.fail("computed again"))
    assert np.array_equal(embed_all(tmp_path, {key: features})[key], first[key])
    assert features_key(features + 1) != key


def test_a_map_is_turned_so_that_values_rise_to_the_right() -> None:
    random = np.random.default_rng(0)
    points = random.normal(size=(50, 2)).astype(np.float32)
    values = [float(v) for v in -3 * points[:, 1]]
    values[7] = float("nan")
    after = turned(points, values)
    known = np.isfinite(values)
    assert np.corrcoef(after[known, 0], np.array(values)[known])[0, 1] > 0.99
    before, behind = (np.linalg.norm(p[:, None] - p[None], axis=2) for p in (points, after))
    assert np.allclose(before, behind, atol=1e-5)


def test_why_there_is_no_map(tmp_path: Path) -> None:
    rows = list(range(20))
    assert read_features(tmp_path, rows, 20) == "no features stored"
    np.save(tmp_path / "features.npy", np.ones((20, 3), dtype=np.float32))
    assert read_features(tmp_path, rows, 20) == "all features are equal"
    assert "do not match 21 rows" in str(read_features(tmp_path, rows, 21))
    features = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    features[3, 1] = np.nan
    np.save(tmp_path / "features.npy", features)
    assert read_features(tmp_path, rows, 20) == "features are not finite"
    assert read_features(tmp_path, [0, 1], 20) == "fewer than 8 rows"
    assert isinstance(read_features(tmp_path, [r for r in rows if r != 3], 20), np.ndarray)


def test_features_are_found_by_the_rows_they_are_of(tmp_path: Path) -> None:
    rows = np.array([1, 4, 5, 9, 12, 13, 20, 21, 22, 30])
    features = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
    np.save(tmp_path / "features-7.npy", features)
    np.save(tmp_path / "rows.npy", rows)
    name = "features-7.npy"
    assert np.array_equal(read_features(tmp_path, rows.tolist()[1:], 50, name), features[1:])
    assert read_features(tmp_path, [1, 2, *rows.tolist()[2:]], 50, name) == "features of other rows"
    np.save(tmp_path / "rows.npy", rows[1:])
    assert "do not match 9 rows" in str(read_features(tmp_path, rows.tolist()[1:], 50, name))


def test_a_map_laid_over_another_lies_as_it_does() -> None:
    goal = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]]) @ np.diag([1, -1])
    moved = (2 * goal @ turn + 5).astype(np.float32)
    after = laid_over(moved, goal)
    assert np.allclose(after, 2 * (goal - goal.mean(axis=0)), atol=1e-4)
