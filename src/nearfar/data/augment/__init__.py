"""Views: batched random changes of images, on the device where the images are.

A view is made from keyword options and called on float32 images (b, c, h, w) in [0, 1], of any
number of channels; it returns new ones of the same range, and of the same shape unless a view has a
``size`` of its own. Every image gets draws of its
own from torch's global generator of its device, so the state of that generator determines the
views. One that is ``of_rows`` goes by the numbers of the rows instead, and may have
``begin(round)``. ``VIEWS`` names all that there are.

``MIXTURES`` mix rows with each other, of inputs of any kind, and their targets with them: they have
``draw(targets)``. ``AUGMENTATIONS`` names all that a study file may ask for.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from torch import Tensor

from nearfar.data.augment.c_mixup import CMixup, Mixture
from nearfar.data.augment.colour import Blur, Greyscale, Jitter
from nearfar.data.augment.geometry import (
    AlternatingFlip,
    Crop,
    Cutout,
    Flip,
    ResizedCrop,
    Rotation,
    Shift,
)
from nearfar.data.inputs.joined import JoinedBatch
from nearfar.errors import UserError, nearest, plainly

__all__ = [
    "AUGMENTATIONS",
    "MIXTURES",
    "VIEWS",
    "AlternatingFlip",
    "Blur",
    "CMixup",
    "Chain",
    "Crop",
    "Cutout",
    "Flip",
    "Greyscale",
    "Jitter",
    "Mixture",
    "MoCo",
    "ResizedCrop",
    "Rotation",
    "Shift",
    "SimCLR",
    "Standard",
    "View",
    "build_views",
    "view_of",
]

View = Callable[[Tensor], Tensor]


class Chain:
    """Views, one after the other."""

    def __init__(self, views: Iterable[View]) -> None:
        self.views = list(views)
        self.of_rows = any(getattr(view, "of_rows", False) for view in self.views)

    def begin(self, number: int) -> None:
        """Tell those that change from round to round that one begins, from 1 on."""
        for view in self.views:
            if hasattr(view, "begin"):
                view.begin(number)

    def __call__(self, images: Tensor, rows: Tensor | None = None) -> Tensor:
        """Return the images (b, c, h, w) as the last view leaves them; ``rows``: their numbers."""
        for view in self.views:
            images = view_of(view, images, rows)
        return images


def view_of(view: Callable[..., Tensor], images: Any, rows: Tensor | None) -> Any:
    """Return a view of the images of the rows with these numbers, if that is told them.

    Columns beside images stay as they are.
    """
    if isinstance(images, JoinedBatch):
        return replace(images, batch=view_of(view, images.batch, rows))
    return view(images, rows) if getattr(view, "of_rows", False) else view(images)


class MoCo(Chain):
    """MoCo v2 for small images (its CIFAR-10 demonstration), also Rank-N-Contrast's for faces."""

    def __init__(self) -> None:
        super().__init__([ResizedCrop(), Flip(), Jitter(), Greyscale()])


class SimCLR(Chain):
    """SimCLR at full strength (Chen et al., ICML 2020, appendix A)."""

    def __init__(self) -> None:
        jitter = Jitter(brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2)
        super().__init__([ResizedCrop(scale=(0.08, 1.0)), Flip(), jitter, Greyscale(), Blur()])


class Standard(Chain):
    """Shift by up to 4 pixels and mirror: the usual view for supervised training on CIFAR."""

    def __init__(self) -> None:
        super().__init__([Crop(), Flip()])


VIEWS: dict[str, type[Any]] = {
    "alternating_flip": AlternatingFlip,
    "blur": Blur,
    "crop": Crop,
    "cutout": Cutout,
    "flip": Flip,
    "greyscale": Greyscale,
    "jitter": Jitter,
    "moco": MoCo,
    "resized_crop": ResizedCrop,
    "rotation": Rotation,
    "shift": Shift,
    "simclr": SimCLR,
    "standard": Standard,
}

MIXTURES: dict[str, type[Any]] = {"c_mixup": CMixup}

AUGMENTATIONS: dict[str, type[Any]] = {**VIEWS, **MIXTURES}


def build_views(steps: Sequence[tuple[str, Mapping[str, Any]]]) -> Chain:
    """Make one view out of several, in their order; none leaves the images as they are.

    Args:
        steps: names in ``VIEWS``, each with its options; the others keep their defaults.

    Raises:
        UserError: no such view, or a mistake in its options.
    """
    return Chain(_build(name, options) for name, options in steps)


def _build(name: str, options: Mapping[str, Any]) -> View:
    if name not in VIEWS:
        raise UserError(f"no view is called {name!r}; {nearest(name, VIEWS)}")
    known = inspect.signature(VIEWS[name]).parameters
    for key in options:
        if key not in known:
            raise UserError(f"view {name} has no option {key!r}; {nearest(key, known)}")
    try:
        view: View = VIEWS[name](**options)
    except ValidationError as error:
        item = error.errors()[0]
        where = ".".join(map(str, item["loc"]))
        raise UserError(
            f"view {name}, option {where}: {plainly(item)} (given: {item['input']!r})"
        ) from None
    return view
