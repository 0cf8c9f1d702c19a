"""What a stage keeps for the page beside its numbers: features of shown rows, reconstructions."""

import copy
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nearfar.data import Images
from nearfar.objectives import Rows, in_chunks
from nearfar.records.files import write_atomically
from nearfar.records.maps import features_name, write_features
from nearfar.records.stage_files import RECONSTRUCTIONS

RECONSTRUCTED = 16
"""Test rows whose reconstructions are kept."""

GAP = 2
"""Transparent pixels between the pictures of a strip."""


def keep_features(
    folder: Path, values: Tensor | NDArray[np.float32], rows: NDArray[np.int64]
) -> None:
    """Write ``features.npy``, float32 (r, d), and ``rows.npy``, int32 (r,).

    Args:
        folder: of the stage.
        values: features (n, d) of all rows.
        rows: those that are shown (r,), which alone are kept.
    """
    chosen = values[rows] if isinstance(values, np.ndarray) else values[torch.from_numpy(rows)]
    _write(folder, features_name(), chosen, rows)


def keep_features_of(
    folder: Path,
    encoder: nn.Module,
    data: Rows,
    rows: NDArray[np.int64],
    kept: Mapping[int, Mapping[str, Tensor]] | None = None,
) -> None:
    """Write what ``encoder`` makes of the shown ``rows``: ``features.npy`` and ``rows.npy``.

    ``kept`` holds earlier weights of the encoder by epoch or iteration k; features under these are
    written to ``features-{k}.npy``. The encoder itself is left as it is.
    """
    index = torch.from_numpy(rows).to(data.targets.device)
    _write(folder, features_name(), in_chunks(encoder, data.inputs, index), rows)
    for place, weights in (kept or {}).items():
        earlier = copy.deepcopy(encoder)
        earlier.load_state_dict(weights)
        _write(folder, features_name(place), in_chunks(earlier, data.inputs, index), rows)


def _write(
    folder: Path, name: str, values: Tensor | NDArray[np.float32], rows: NDArray[np.int64]
) -> None:
    array = values.cpu().numpy() if isinstance(values, Tensor) else values
    write_features(folder, name, array, rows)


@torch.no_grad()
def keep_reconstructions(
    folder: Path, objective: Any, inputs: Any, tested: NDArray[np.int64]
) -> None:
    """Write ``reconstructions.png``: test images above what ``objective`` gives back for them.

    Sixteen of the test rows ``tested``, spread evenly; nothing where the inputs are no images or
    the objective has no ``reconstruct``.
    """
    if not isinstance(inputs, Images) or not hasattr(objective, "reconstruct") or not len(tested):
        return
    rows = torch.from_numpy(_spread(tested))
    objective.eval()
    given_back = objective.reconstruct(inputs.select(rows.to(inputs.pixels.device)))
    _draw(folder, inputs.pixels[rows].cpu(), given_back.cpu())


def keep_given_back(
    folder: Path, images: Images, scores: NDArray[Any], tested: NDArray[np.int64]
) -> None:
    """Write ``reconstructions.png`` of images and what a fit made of them.

    Args:
        folder: of the stage.
        images: all n rows.
        scores: what is given back of every row, values in [0, 1], (n, c · h · w).
        tested: the test rows, at least one.
    """
    rows = _spread(tested)
    given_back = torch.from_numpy(scores[rows]).reshape(-1, *images.shape)
    _draw(folder, images.pixels[torch.from_numpy(rows)].cpu(), given_back)


def _spread(tested: NDArray[np.int64]) -> NDArray[np.int64]:
    places = np.linspace(0, len(tested) - 1, min(RECONSTRUCTED, len(tested))).round()
    return np.asarray(tested[places.astype(np.int64)])


def _draw(folder: Path, originals: Tensor, given_back: Tensor) -> None:
    pixels = (given_back * 255).round().clamp(0, 255).to(torch.uint8)
    everything = torch.arange(len(originals))
    strips = [Images(images).thumbnails(everything) for images in (originals, pixels)]
    write_atomically(folder / RECONSTRUCTIONS, strip_png(strips))


def strip_png(rows: list[NDArray[np.uint8]]) -> bytes:
    """Return pictures (b, height, width, channels), one such array a row, as one PNG file."""
    from PIL import Image

    _, height, width, _ = rows[0].shape
    across = max(len(row) for row in rows)
    size = (len(rows) * (height + GAP) - GAP, across * (width + GAP) - GAP, 4)
    sheet = np.zeros(size, dtype=np.uint8)
    for line, pictures in enumerate(rows):
        for column, pixels in enumerate(pictures):
            top, left = line * (height + GAP), column * (width + GAP)
            place = sheet[top : top + height, left : left + width]
            place[..., :3], place[..., 3] = pixels, 255
    file = io.BytesIO()
    Image.fromarray(sheet, mode="RGBA").save(file, format="PNG", optimize=True)
    return file.getvalue()
