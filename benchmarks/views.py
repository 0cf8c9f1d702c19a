"""Time of the views of images, against kornia's and against other ways to write crop and flip.

Compared in one run, in turns, on batches of random 32×32 colour images. kornia's columns need
`pip install kornia`; without it they are left out. The limit is a copy of the batch.

    python benchmarks/views.py [--quick] [--plot FILE] [--device cpu|cuda] [--threads N]
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

import measure
from nearfar.data.augment import Blur, Crop, Flip, Greyscale, Jitter, MoCo, ResizedCrop, Rotation

SIDE = 32
View = Callable[[Tensor], Tensor]


def crop_by_gather(images: Tensor, shifts: Tensor, padding: int = 4) -> Tensor:
    """One index into the padded image for every pixel."""
    count, channels, height, width = images.shape
    padded = functional.pad(images, (padding,) * 4)
    down, right = (torch.arange(side, device=images.device) for side in (height, width))
    rows = (shifts[0][:, None] + down) * (width + 2 * padding)
    place = rows[:, :, None] + (shifts[1][:, None] + right)[:, None]
    place = place.flatten(1)[:, None].expand(-1, channels, -1)
    return padded.flatten(2).gather(2, place).view(count, channels, height, width)


def crop_by_groups(images: Tensor, shifts: Tensor, padding: int = 4) -> Tensor:
    """Slices of the images that share a vertical shift, then of those that share a horizontal."""
    count, channels, height, width = images.shape
    padded = functional.pad(images, (padding,) * 4)
    halfway = images.new_empty(count, channels, height, width + 2 * padding)
    cropped = torch.empty_like(images)
    for shift in range(2 * padding + 1):
        rows = (shifts[0] == shift).nonzero()[:, 0]
        halfway[rows] = padded[rows, :, shift : shift + height]
    for shift in range(2 * padding + 1):
        rows = (shifts[1] == shift).nonzero()[:, 0]
        cropped[rows] = halfway[rows, :, :, shift : shift + width]
    return cropped


def crop_by_loop(images: Tensor, shifts: Tensor, padding: int = 4) -> Tensor:
    """One slice for every image."""
    height, width = images.shape[2:]
    padded = functional.pad(images, (padding,) * 4)
    pairs = zip(padded, *shifts.tolist(), strict=True)
    return torch.stack([image[:, y : y + height, x : x + width] for image, y, x in pairs])


def flip_by_gather(images: Tensor) -> Tensor:
    """One index for every column."""
    width = images.shape[3]
    columns = torch.arange(width, device=images.device).expand(len(images), width)
    mirrored = torch.rand(len(images), 1, device=images.device) < 0.5
    columns = torch.where(mirrored, width - 1 - columns, columns)
    return images.gather(3, columns[:, None, None].expand_as(images))


def with_shifts(crop: Callable[[Tensor, Tensor], Tensor]) -> View:
    return lambda images: crop(images, torch.randint(9, (2, len(images)), device=images.device))


def check_crops_agree(device: torch.device) -> None:
    images = torch.rand(64, 3, SIDE, SIDE, device=device)
    expected = seeded(Crop(), images)
    for crop in (crop_by_gather, crop_by_groups, crop_by_loop):
        assert torch.equal(seeded(with_shifts(crop), images), expected), crop.__name__


def seeded(view: View, images: Tensor) -> Tensor:
    torch.manual_seed(0)
    return view(images)


def ours() -> dict[str, dict[str, View]]:
    """View → way of writing it → the view; the first is what nearfar has."""
    return {
        "crop": {
            "nearfar": Crop(),
            "gather": with_shifts(crop_by_gather),
            "groups": with_shifts(crop_by_groups),
            "loop": with_shifts(crop_by_loop),
        },
        "flip": {"nearfar": Flip(), "gather": flip_by_gather},
        "resized_crop": {"nearfar": ResizedCrop()},
        "rotation": {"nearfar": Rotation()},
        "jitter": {"nearfar": Jitter()},
        "greyscale": {"nearfar": Greyscale()},
        "blur": {"nearfar": Blur()},
        "moco": {"nearfar": MoCo()},
    }


def kornias() -> dict[str, View]:
    """The same from kornia, with the same options; nothing where it is not installed."""
    try:
        kornia: Any = import_module("kornia.augmentation")
    except ImportError:
        print("kornia is not installed: its columns are left out")
        return {}
    size = (SIDE, SIDE)
    resized = kornia.RandomResizedCrop(size, scale=(0.2, 1.0), ratio=(0.75, 1.3333))
    jitter = kornia.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8)
    flip, greyscale = kornia.RandomHorizontalFlip(), kornia.RandomGrayscale(p=0.2)
    return {
        "crop": kornia.RandomCrop(size, padding=4),
        "flip": flip,
        "resized_crop": resized,
        "rotation": kornia.RandomRotation(15.0),
        "jitter": jitter,
        "greyscale": greyscale,
        "blur": kornia.RandomGaussianBlur((13, 13), (0.1, 2.0)),
        "moco": lambda images: greyscale(jitter(flip(resized(images)))),
    }


def compared(
    count: int, views: dict[str, dict[str, View]], device: torch.device, budget: float
) -> dict[str, dict[str, float]]:
    """View → way → median seconds of a batch of ``count`` images, all in turns."""
    images = torch.rand(count, 3, SIDE, SIDE, device=device)
    flat = {
        (name, way): partial(view, images)
        for name, ways in views.items()
        for way, view in ways.items()
    }
    found: dict[str, dict[str, float]] = {name: {} for name in views}
    for (name, way), timing in measure.in_turns(flat, device, budget=budget).items():
        found[name][way] = timing.median
    return found


def print_table(count: int, device: torch.device, results: dict[str, dict[str, float]]) -> None:
    print(f"\n{count} images of {SIDE}×{SIDE}")
    copy = 2 * 4 * 3 * SIDE**2 * count / measure.copy_rate(device)
    table = measure.Table(
        "view", "nearfar, ms", "images/s", "times a copy", "others: times as long"
    )
    for name, ways in results.items():
        own = ways["nearfar"]
        others = ", ".join(f"{way} {s / own:.1f}" for way, s in ways.items() if way != "nearfar")
        table.row(name, f"{1e3 * own:.2f}", f"{count / own:,.0f}", f"{own / copy:.0f}", others)


def draw(results: dict[int, dict[str, dict[str, float]]], file: Path | None) -> None:
    count = max(results)
    label = f"milliseconds for {count} images of {SIDE}×{SIDE}"
    with measure.figure(file, xscale="log", xlabel=label) as axes:
        for place, ways in enumerate(results[count].values()) if axes else ():
            for way, seconds in ways.items():
                colour = {"nearfar": measure.OURS, "kornia": measure.THEIRS}.get(way, measure.LIMIT)
                at = (1e3 * seconds, place)
                axes.plot(*at, "o", color=colour)
                axes.annotate(way, at, (0, 6), textcoords="offset points", size=7)
        if axes:
            axes.set_yticks(range(len(results[count])), list(results[count]))


def main() -> None:
    given = measure.options(__doc__)
    measure.header(given.device)
    check_crops_agree(given.device)
    views = ours()
    for name, view in kornias().items():
        views[name]["kornia"] = view
    results = {}
    for count in [128] if given.quick else [128, 512]:
        budget = 1.0 if given.quick else 5.0
        results[count] = compared(count, views, given.device, budget)
        print_table(count, given.device, results[count])
    draw(results, given.plot)


if __name__ == "__main__":
    main()
