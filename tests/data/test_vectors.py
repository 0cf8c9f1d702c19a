"""Feature vectors."""

import numpy as np
import pytest
import torch

from nearfar.data import Vectors


def test_select_takes_rows_as_float32() -> None:
    vectors = Vectors(np.arange(6.0).reshape(3, 2), ["a", "b"])
    batch = vectors.select(torch.tensor([2, 0, 2]))
    assert batch.dtype == torch.float32
    assert batch.tolist() == [[4.0, 5.0], [0.0, 1.0], [4.0, 5.0]]
    assert (len(vectors), vectors.columns, vectors.kind) == (3, ["a", "b"], "vector")


def test_to_keeps_the_columns() -> None:
    moved = Vectors(np.zeros((2, 1)), ["a"]).to("meta")
    assert moved.values.device.type == "meta"
    assert moved.columns == ["a"]


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((3, 2))])
def test_shape_must_fit_the_names(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="need shape"):
        Vectors(values, ["a"])


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_values_must_be_finite_in_float32(bad: float) -> None:
    with pytest.raises(ValueError, match="float32"):
        Vectors(np.array([[bad]]), ["a"])
