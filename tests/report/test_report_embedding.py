from pathlib import Path

import numpy as np
import pytest

from nearfar.report import embedding
from nearfar.report.embedding import embed, embed_all, features_key, read_features, turned


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
