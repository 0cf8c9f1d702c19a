"""torchvision, imported beside any build of torch.

The torchvision of PyPI cannot be imported beside a build of torch for processors alone, because two
of its operators are not there; nothing here calls them, so they are declared.
"""

import sys

import torch

_SCHEMAS = ("nms", "qnms")
_IN_PLACE: list[torch.library.Library] = []
"""Keeps what was declared declared."""


def import_torchvision() -> None:
    """Import torchvision, its operators declared where they are not there.

    Raises:
        ImportError: it is not installed.
        RuntimeError: it does not fit the installed torch otherwise.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for name in _SCHEMAS:
            schema = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            library.define(schema)  # type: ignore[no-untyped-call]
        _IN_PLACE.append(library)
        import torchvision  # noqa: F401
