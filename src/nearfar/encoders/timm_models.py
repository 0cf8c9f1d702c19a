"""Image models of the ``timm`` library, where it is installed."""

from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from nearfar.data import Inputs
from nearfar.encoders.base import Encoder
from nearfar.encoders.images import CENTRE, SPREAD, image_shape
from nearfar.errors import UserError, nearest


class Timm(Encoder):
    """Any model of timm without its classifier; features as the model pools them.

    Args:
        inputs: the images to be encoded; their channels are read.
        name: the model, as ``timm.list_models()`` has it.
        pretrained: start from the weights that timm offers. Images then are scaled by the mean and
            deviation that those weights were trained with.

    Raises:
        UserError: timm cannot be imported, has no such model, or cannot build it.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"image"})
    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        inputs: Inputs,
        *,
        name: Annotated[str, Field(min_length=1)] = "resnet18",
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        timm = imported_timm()
        self.in_shape = image_shape(inputs)
        channels = self.in_shape[0]
        known = timm.list_models()
        if name.split(".")[0] not in known:
            close = nearest(name, known).split("allowed:")[0].rstrip("; ?")
            hint = f"{close}?" if close.startswith("did") else "timm.list_models() names them"
            raise UserError(f"encoder timm, option name: timm has no model {name!r}; {hint}")
        try:
            self.model = timm.create_model(
                name, pretrained=pretrained, num_classes=0, in_chans=channels
            )
        except (RuntimeError, OSError, ValueError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(f"encoder timm cannot build {name!r}: {first}") from error
        pooled = getattr(self.model, "head_hidden_size", None)
        self.out_features = int(pooled or self.model.num_features)
        config = self.model.pretrained_cfg if pretrained else {}
        for key, values in (
            ("mean", config.get("mean", (CENTRE,))),
            ("deviation", config.get("std", (SPREAD,))),
        ):
            numbers = torch.tensor(values)
            if len(numbers) != channels:
                numbers = numbers.mean(0, keepdim=True)
            self.register_buffer(key, numbers[:, None, None], persistent=False)

    def forward(self, batch: Tensor) -> Tensor:
        """Return the features of images (b, c, h, w) in [0, 1]: (b, ``out_features``)."""
        features: Tensor = self.model((batch - self.mean) / self.deviation)
        return features

    def layer_groups(self) -> list[nn.Module]:
        """Return the model's parts in the order in which it holds them."""
        return [part for part in self.model.children() if any(True for _ in part.parameters())]


def imported_timm() -> Any:
    """Return the library.

    Raises:
        UserError: it is not installed, or does not fit the installed torch.
    """
    try:
        import timm
    except (ImportError, RuntimeError) as error:
        raise UserError(
            "encoder timm needs the timm library: pip install 'nearfar[timm]'"
            f" ({type(error).__name__}: {str(error).splitlines()[0]})"
        ) from error
    return timm
