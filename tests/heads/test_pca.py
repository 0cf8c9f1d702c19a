"""Principal components as a head: scikit-learn's, and the best linear way back to the features."""

from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from nearfar.heads import PrincipalComponents


def made(rows: int = 200, columns: int = 9, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(rows, columns)) @ rng.normal(size=(columns, columns))
    return (mixed + rng.normal(size=columns)).astype(np.float32)


@pytest.mark.parametrize("components", [1, 4, 9])
def test_what_comes_back_is_what_pca_gives_back(components: int) -> None:
    x, new = made(), made(seed=1)
    head = PrincipalComponents(components=components)
    head.fit(x, x, 0)
    pca = PCA(components).fit(x.astype(np.float64))
    expected = pca.inverse_transform(pca.transform(new.astype(np.float64)))
    np.testing.assert_allclose(head.predict(new), expected, atol=2e-4)


def test_other_targets_are_regressed_on_the_components() -> None:
    x, new = made(), made(seed=1)
    targets = np.random.default_rng(2).normal(size=(200, 2)) + x[:, :2]
    head = PrincipalComponents(components=3)
    head.fit(x, targets, 0)
    pipeline = make_pipeline(PCA(3), LinearRegression()).fit(x.astype(np.float64), targets)
    expected = pipeline.predict(new.astype(np.float64))
    np.testing.assert_allclose(head.predict(new), expected, atol=2e-4)


def test_more_components_than_features_are_all_of_them() -> None:
    x = made()
    head = PrincipalComponents(components=100)
    head.fit(x, x, 0)
    np.testing.assert_allclose(head.predict(x), x, atol=2e-4)
