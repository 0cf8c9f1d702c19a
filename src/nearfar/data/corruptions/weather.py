"""Weather: fog and snow, drawn for every image."""

import torch
from torch import Generator, Tensor

from nearfar.data.augment.colour import grey
from nearfar.data.corruptions.blur import angles, trail
from nearfar.data.corruptions.image_rows import Setting
from nearfar.data.corruptions.lines import along, zoomed_lines


def fog(images: Tensor, setting: Setting, generator: Generator) -> Tensor:
    """Add a cloud of height ``setting[0]``, then darken until the brightest value is as before.

    ``setting[1]`` is the roughness' decay from one octave of the cloud to the next.
    """
    thick, decay = setting
    height, width = images.shape[2:]
    cloud = plasma(len(images), max(height, width), decay, generator)[:, None, :height, :width]
    brightest = images.amax(dim=(1, 2, 3), keepdim=True)
    return (images + thick * cloud) * brightest / (brightest + thick)


def plasma(count: int, side: int, decay: float, generator: Generator) -> Tensor:
    """Return clouds by midpoint displacement, float32 (count, p, p) in [0, 1], p ≥ ``side``.

    On the torus: the centre of four corners is their mean, a midpoint of an edge that of its two
    ends and two neighbouring centres, each plus a uniform displacement; displacements shrink by
    ``decay``² from one grid to the next finer one (Fournier, Fussell and Carpenter, "Computer
    Rendering of Stochastic Models", 1982). p is a power of two.
    """
    size = max(2, 1 << (side - 1).bit_length())
    device = generator.device
    heights = torch.zeros(count, size, size, device=device)

    def displaced(mean: Tensor) -> Tensor:
        draw = torch.rand(mean.shape, generator=generator, device=device)
        return mean + rough * (2 * draw - 1)

    step, rough = size, 1.0
    while step >= 2:
        half = step // 2
        corners = heights[:, ::step, ::step]
        below, right = corners.roll(-1, 1), corners.roll(-1, 2)
        centres = displaced((corners + below + right + below.roll(-1, 2)) / 4)
        across = displaced((corners + right + centres + centres.roll(1, 1)) / 4)
        down = displaced((corners + below + centres + centres.roll(1, 2)) / 4)
        heights[:, half::step, half::step] = centres
        heights[:, ::step, half::step] = across
        heights[:, half::step, ::step] = down
        step, rough = half, rough / decay**2
    heights -= heights.amin(dim=(1, 2), keepdim=True)
    return heights / heights.amax(dim=(1, 2), keepdim=True)


def snow(images: Tensor, setting: Setting, generator: Generator) -> Tensor:
    """Whiten the image and let two layers of flakes fall, one the other turned by 180 degrees.

    ``setting``: mean and deviation of the flakes' brightness, their size in pixels (at least 1),
    the brightness below which there is none, radius and deviation in pixels of the trail that they
    draw, up to 45 degrees off the vertical, and the weight of the image beside its whitened self.
    """
    mean, deviation, size, least, radius, sigma, weight = setting
    count, _, height, width = images.shape
    drawn = torch.randn(count, 1, height, width, generator=generator, device=images.device)
    larger = along(drawn, zoomed_lines(height, size), zoomed_lines(width, size))
    flakes = mean + deviation * larger
    flakes = torch.where(flakes < least, 0.0, flakes).clamp_max(1)
    falling = trail(flakes, angles(images, -135, -45, generator), radius, sigma)
    white = torch.maximum(images, grey(images) * 1.5 + 0.5)
    return weight * images + (1 - weight) * white + falling + falling.rot90(2, (2, 3))
