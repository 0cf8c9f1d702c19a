"""Images in CIFAR-10's own format, made."""

from pathlib import Path

import numpy as np


def write_batches(folder: Path, parts: dict[str, int]) -> None:
    """Write images in CIFAR's binary format: a class is a colour and where it is bright."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for name, rows in parts.items():
        labels = np.arange(rows) % 10
        images = random.integers(0, 80, size=(rows, 3, 32, 32))
        for image, label in zip(images, labels, strict=True):
            left = 3 * label
            image[label % 3, left : left + 5] += 120
        table = np.concatenate([labels[:, None], images.reshape(rows, -1)], axis=1)
        (folder / name).write_bytes(table.astype(np.uint8).tobytes())
