"""Images: one uint8 array, a batch of floats by index."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

THUMBNAIL = 64


class Images:
    """The pixels of all rows.

    Args:
        pixels: uint8 (n, channels, height, width), none of these 0; 1 channel is grey, 3 are red,
            green and blue. An array that is mapped from a file stays there.
        range: where pictures had more than 8 bits, the values that became 0 and 255.

    Raises:
        ValueError: if the shape or the type is another one.
    """

    kind: str = "image"

    def __init__(
        self,
        pixels: Tensor | npt.NDArray[np.uint8],
        range: tuple[float, float] | None = None,
    ) -> None:
        tensor = pixels if isinstance(pixels, Tensor) else torch.from_numpy(pixels)
        if tensor.dtype != torch.uint8:
            raise ValueError(f"need uint8 pixels, got {tensor.dtype}")
        if tensor.ndim != 4 or 0 in tensor.shape[1:]:
            raise ValueError(f"need shape (n, channels, height, width), got {tuple(tensor.shape)}")
        self.pixels = tensor.contiguous()
        self.range = range

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        _, channels, height, width = self.pixels.shape
        return channels, height, width

    def __len__(self) -> int:
        return int(self.pixels.shape[0])

    def select(self, index: Tensor) -> Tensor:
        """Return the rows ``index`` (int64, (b,)) as float32 (b, channels, height, width).

        Values are in [0, 1]: 0 becomes 0 and 255 becomes 1, exactly. They are where the images are.
        """
        return self.pixels.index_select(0, index.to(self.pixels.device)).float().div_(255)

    def take(self, index: Tensor) -> Images:
        """Return the rows ``index`` (int64, (b,)) alone."""
        return Images(self.pixels.index_select(0, index), self.range)

    def to(self, device: torch.device | str) -> Images:
        """Return the same images on ``device``."""
        return Images(self.pixels.to(device), self.range)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the pixels."""
        return {"pixels": self.pixels.cpu().numpy()}

    def thumbnails(self, index: Tensor, side: int = THUMBNAIL) -> npt.NDArray[np.uint8]:
        """Return small copies of the rows ``index`` (int64, (b,)) for showing.

        Images that fit into ``side`` × ``side`` stay as they are; larger ones are reduced
        (antialiased) until they do, their proportions kept to within a pixel. Of two channels the
        first is shown, of more than three the first three, as red, green and blue.

        Returns:
            uint8 (b, height, width, 1 or 3), height and width at most ``side``.
        """
        channels, height, width = self.shape
        chosen = self.pixels.index_select(0, index)[:, : 1 if channels < 3 else 3]
        factor = side / max(height, width)
        if factor < 1:
            size = [max(1, round(height * factor)), max(1, round(width * factor))]
            small = nn.functional.interpolate(
                chosen.float(), size=size, mode="bilinear", antialias=True
            )
            chosen = small.round_().clamp_(0, 255).to(torch.uint8)
        thumbnails: npt.NDArray[np.uint8] = chosen.permute(0, 2, 3, 1).cpu().numpy()
        return np.ascontiguousarray(thumbnails)
