"""Small images in the shape that encoders are given them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from nearfar.encoders import Encoder, build_encoder


class Images:
    kind = "image"

    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def select(self, index: Tensor) -> Tensor:
        return self.pixels[index]


def some_images(channels: int = 3, height: int = 32, width: int = 32, count: int = 6) -> Images:
    """Images of random pixels."""
    generator = torch.Generator().manual_seed(height * width + channels)
    return Images(torch.rand(count, channels, height, width, generator=generator))


def built(encoder_name: str, images: Images, /, **options: Any) -> Encoder:
    torch.manual_seed(0)
    encoder = build_encoder(encoder_name, options, images)
    assert isinstance(encoder, Encoder)
    return encoder


def written(folder: Path, encoder: dict[str, Any], tuned: dict[str, Any]) -> Path:
    """Write a study of made images in which an encoder is frozen, and tuned as told."""
    rng = np.random.default_rng(0)
    labels = np.arange(24) % 2
    pixels = rng.integers(0, 200, (24, 24, 24, 3)) + 50 * labels[:, None, None, None]
    np.savez(folder / "images.npz", images=pixels.astype(np.uint8), labels=labels)
    study = {
        "study": "tiny",
        "data": {"source": "images", "path": "images.npz", "task": "classification"},
        "split": {"kind": "random", "parts": [0.5, 0.25, 0.25], "resplit": True},
        "metric": "accuracy",
        "baseline": "pixels",
        "arms": {
            "pixels": {"fit": {"encoder": "pixels", "head": "logistic"}},
            "frozen": {"fit": {"encoder": encoder, "head": "logistic"}},
            "tuned": {"fit": {"encoder": encoder, "epochs": 1, "batch": 8, **tuned}},
        },
        "axes": {"seed": {"role": "repeat", "values": 2}},
    }
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(study))
    return path
