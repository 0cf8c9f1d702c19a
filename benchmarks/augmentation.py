"""Images a second in training: views made on batches, on the device, against one image at a time.

A ResNet-18 with a large stem under the published views of faces, batch 128. Sides: no views, which
is the limit; nearfar's views on batches; the same views on one image after the other in worker
processes, as data loaders do it; and torchvision's on PIL images there, where it is installed.
All images are decoded before. Epochs are taken in turns.

    python benchmarks/augmentation.py [--quick] [--plot FILE] [--device cpu|cuda] [--threads N]
"""

import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import measure
from nearfar.data import Images
from nearfar.data.augment import build_views
from nearfar.encoders import build_encoder

BATCH, TURNS = 128, 3
VIEWS = ("resized_crop", "flip", "jitter", "greyscale")
Batches = Callable[[], Iterable[Tensor]]


class OneByOne(Dataset[Tensor]):
    """Every image in a view of its own, made when it is asked for."""

    def __init__(self, images: list[Any], view: Callable[[Any], Tensor]) -> None:
        self.images, self.view = images, view

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> Tensor:
        return self.view(self.images[row])


def loader(images: list[Any], view: Callable[[Any], Tensor], workers: int) -> Batches:
    """Return what gives an epoch's batches, from processes that stay."""
    found: DataLoader[Tensor] = DataLoader(
        OneByOne(images, view),
        batch_size=BATCH,
        shuffle=True,
        num_workers=workers,
        persistent_workers=True,
        pin_memory=torch.cuda.is_available(),
    )
    return lambda: found


def torchvisions() -> Callable[[int], Callable[[Any], Tensor]] | None:
    """Return what makes the same views of PIL images, None where torchvision does not work."""
    try:
        made: Any = import_module("torchvision.transforms")
    except (ImportError, RuntimeError) as error:
        print(f"torchvision is left out: {str(error).splitlines()[0]}")
        return None

    def views(side: int) -> Callable[[Any], Tensor]:
        jitter = made.RandomApply([made.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8)
        crop = made.RandomResizedCrop(side, scale=(0.2, 1.0))
        steps = [crop, made.RandomHorizontalFlip(), jitter, made.RandomGrayscale(p=0.2)]
        found: Callable[[Any], Tensor] = made.Compose([*steps, made.ToTensor()])
        return found

    return views


def sides(pixels: Tensor, device: torch.device, workers: int) -> dict[str, Batches]:
    """Return side → what gives an epoch's batches of the images (n, 3, side, side)."""
    from PIL import Image

    images, rows = Images(pixels).to(device), len(pixels)
    view = build_views([(name, {}) for name in VIEWS])

    def order() -> Iterable[Tensor]:
        return torch.split(torch.randperm(rows, device=device), BATCH)

    def one(image: Tensor) -> Tensor:
        return view(image[None].float() / 255)[0]

    found: dict[str, Batches] = {
        "no views": lambda: (images.select(part) for part in order()),
        "on batches": lambda: (view(images.select(part)) for part in order()),
        "one by one": loader(list(pixels), one, workers),
    }
    if (views := torchvisions()) is not None:
        pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in pixels]
        found["torchvision"] = loader(pictures, views(pixels.shape[-1]), workers)
    return found


def check_views_agree(found: dict[str, Batches]) -> None:
    """Views are random, so their means are compared: all sides show equally bright images."""
    means = {}
    for name, batches in found.items():
        seen = torch.cat([batch.cpu() for batch in batches()])
        means[name] = float(seen.mean())
    low, high = min(means.values()), max(means.values())
    assert high - low < 0.05, means


def compared(
    side: int, rows: int, width: int, device: torch.device, workers: int
) -> dict[str, float]:
    """Return side → images a second, from the median of epochs taken in turns."""
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (rows, 3, side, side), dtype=torch.uint8)
    encoder: Any = build_encoder("resnet18", {"stem": "large", "width": width}, Images(pixels))
    model = nn.Sequential(encoder, nn.Linear(encoder.out_features, 1)).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    found = sides(pixels, device, workers)
    check_views_agree(found)

    def epoch(batches: Batches) -> None:
        for batch in batches():
            optimizer.zero_grad()
            model(batch.to(device, non_blocking=True)).abs().mean().backward()
            optimizer.step()

    epochs = {name: partial(epoch, batches) for name, batches in found.items()}
    taken = measure.in_turns(epochs, device, least=TURNS, most=TURNS, clock=time.perf_counter)
    return {name: rows / timing.median for name, timing in taken.items()}


def main() -> None:
    given = measure.options(__doc__)
    device: torch.device = given.device
    measure.header(device, clock=time.perf_counter)
    small = given.quick or device.type == "cpu"
    workers = min(16, os.cpu_count() or 1)
    print(f"batch {BATCH}, {workers} worker processes, width {8 if small else 64}\n")
    results: dict[int, dict[str, float]] = {}
    for size in [32] if given.quick else [64, 112] if small else [64, 112, 224]:
        rows = 256 if given.quick else 512 if small else 8192
        results[size] = found = compared(size, rows, 8 if small else 64, device, workers)
        if size == min(results):
            table = measure.Table(
                "side, pixels", *(f"{side}, images/s" for side in found), "ratio", "of the limit"
            )
        ours, theirs = found["on batches"], found["one by one"]
        speeds = [f"{speed:,.0f}" for speed in found.values()]
        table.row(size, *speeds, f"{ours / theirs:.1f}", f"{ours / found['no views']:.2f}")
    colours = (measure.LIMIT, measure.OURS, measure.THEIRS, "black")
    lines = {
        name: (colour, {size: found[name] for size, found in results.items()})
        for name, colour in zip(next(iter(results.values())), colours, strict=False)
    }
    labels = {"xlabel": "pixels of a side", "ylabel": "images a second"}
    measure.draw_growth(given.plot, lines, xscale="linear", **labels)


if __name__ == "__main__":
    main()
