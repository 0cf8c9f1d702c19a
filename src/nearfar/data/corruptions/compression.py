"""Lossy compression."""

import io

import numpy as np
import torch
from torch import Generator, Tensor

from nearfar.data.corruptions.image_rows import Setting


def jpeg(images: Tensor, setting: Setting, generator: Generator) -> Tensor:
    """Write every image as a JPEG file of quality ``setting[0]`` and read it again.

    Pillow does it image by image, on the CPU.
    """
    from PIL import Image

    pixels = images.mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    seen = np.empty_like(pixels)
    for before, after in zip(pixels, seen, strict=True):
        file = io.BytesIO()
        Image.fromarray(before.squeeze(-1) if before.shape[-1] == 1 else before).save(
            file, "JPEG", quality=int(setting[0])
        )
        after[...] = np.asarray(Image.open(file)).reshape(after.shape)
    return torch.from_numpy(seen).to(images.device).permute(0, 3, 1, 2).float().div_(255)
