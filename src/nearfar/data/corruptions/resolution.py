"""Fewer pixels than there were."""

from torch import Generator, Tensor

from nearfar.data.corruptions.image_rows import Setting
from nearfar.data.corruptions.lines import along, coarse_lines


def pixelate(images: Tensor, setting: Setting, generator: Generator) -> Tensor:
    """Reduce both sides to a share ``setting[0]`` and enlarge again, without smoothing."""
    down, across = (coarse_lines(side, max(1, int(side * setting[0]))) for side in images.shape[2:])
    return along(images, down, across)
