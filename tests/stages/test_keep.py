"""What stages keep for the page: features of shown rows alone, reconstructions."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from nearfar.data import Images
from nearfar.objectives import Rows
from nearfar.stages.keep import (
    GAP,
    keep_features,
    keep_features_of,
    keep_reconstructions,
    strip_png,
)


class Mean(nn.Module):
    """The mean of every channel, times a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.mean((2, 3)) * self.weight


class Negative(nn.Module):
    def reconstruct(self, inputs: torch.Tensor) -> torch.Tensor:
        assert not self.training
        return 1 - inputs


SHOWN = np.array([2, 3, 11, 19])


@pytest.fixture
def pictures() -> Images:
    """Twenty pictures, of which four are shown."""
    return Images(np.random.default_rng(0).integers(0, 256, size=(20, 3, 4, 5), dtype=np.uint8))


def read(folder: Path, name: str = "features.npy") -> np.ndarray:
    features = np.load(folder / name)
    assert features.dtype == np.float32
    return features


def test_features_of_the_shown_rows_alone_are_kept(pictures: Images, tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(20, 6)).astype(np.float32)
    for given in (values, torch.from_numpy(values)):
        keep_features(tmp_path, given, SHOWN)
        assert np.array_equal(read(tmp_path), values[SHOWN])
        assert np.load(tmp_path / "rows.npy").tolist() == [2, 3, 11, 19]


def test_earlier_weights_have_features_of_their_own(pictures: Images, tmp_path: Path) -> None:
    encoder = Mean()
    kept = {10: {"weight": torch.tensor(0.0)}, 300: {"weight": torch.tensor(2.0)}}
    rows = Rows(pictures, torch.zeros(20, 1))
    keep_features_of(tmp_path, encoder, rows, SHOWN, kept)
    expected = pictures.select(torch.from_numpy(SHOWN)).mean((2, 3)).numpy()
    np.testing.assert_allclose(read(tmp_path), expected, rtol=1e-6)
    np.testing.assert_allclose(read(tmp_path, "features-300.npy"), 2 * expected, rtol=1e-6)
    assert not read(tmp_path, "features-10.npy").any()
    assert encoder.weight.item() == 1


def test_reconstructions_lie_below_their_originals(pictures: Images, tmp_path: Path) -> None:
    keep_reconstructions(tmp_path, Negative(), pictures, np.arange(1, 20))
    sheet = np.asarray(Image.open(tmp_path / "reconstructions.png"))
    assert sheet.shape == (2 * 4 + GAP, 16 * 5 + 15 * GAP, 4)
    above, below = sheet[:4], sheet[4 + GAP :]
    solid = above[..., 3] == 255
    assert solid.mean() == pytest.approx(80 / 110)
    assert np.array_equal(below[solid][:, :3], 255 - above[solid][:, :3])
    first, last = above[:, :5, :3], above[:, -5:, :3]
    pixels = pictures.pixels.permute(0, 2, 3, 1).numpy()
    assert np.array_equal(first, pixels[1])
    assert np.array_equal(last, pixels[19])


def test_nothing_is_reconstructed_where_nothing_can_be(pictures: Images, tmp_path: Path) -> None:
    keep_reconstructions(tmp_path, nn.Identity(), pictures, np.arange(5))
    keep_reconstructions(tmp_path, Negative(), object(), np.arange(5))
    keep_reconstructions(tmp_path, Negative(), pictures, np.arange(0))
    assert not list(tmp_path.iterdir())


def test_grey_pictures_become_a_strip_too() -> None:
    grey = np.full((2, 3, 3, 1), 7, dtype=np.uint8)
    sheet = np.asarray(Image.open(io.BytesIO(strip_png([grey]))))
    assert sheet[0, 0].tolist() == [7, 7, 7, 255]
    assert sheet[0, 3].tolist() == [0, 0, 0, 0]
