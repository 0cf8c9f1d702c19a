"""Image models of the ``timm`` library, where it is installed."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from nearfar.data import Inputs
from nearfar.encoders.base import Encoder
from nearfar.encoders.images import CENTRE, SPREAD, image_shape
from nearfar.encoders.scaling import Positives, Values, of_channels
from nearfar.encoders.timm_library import blocks_of, built
from nearfar.errors import UserError
from nearfar.weight_files import place_of, read_weights


class Timm(Encoder):
    """Any model of timm without its classifier; features as the model pools them.

    Args:
        inputs: the images to be encoded; their channels are read.
        name: the model, as ``timm.list_models()`` has it.
        pretrained: start from the weights that timm offers. Images then are scaled by the mean and
            deviation that those weights were trained with.
        checkpoint: start from the weights in this file instead: safetensors, or what ``torch.load``
            reads as weights alone. What it has of a classifier is not used. In a stage's
            specification it is the hash of the file.
        mean: of values in [0, 1], one or one for each channel; by default that of the weights.
        std: the deviation, likewise.
        size: images are resized to size × size where they are encoded (bilinear, antialiased).
        pooling: timm's ``global_pool``; by default the model's own.

    Raises:
        UserError: timm cannot be imported, has no such model, or cannot build it; weights that are
            damaged or another model's; images of a size that it does not take.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"image"})
    weight_files: ClassVar[tuple[str, ...]] = ("checkpoint",)
    checked_ahead: ClassVar[bool] = True
    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        inputs: Inputs,
        *,
        name: Annotated[str, Field(min_length=1)] = "resnet18",
        pretrained: bool = False,
        checkpoint: Annotated[str, Field(min_length=1)] | None = None,
        mean: Values | None = None,
        std: Positives | None = None,
        size: Annotated[int, Field(ge=1, le=4096)] | None = None,
        pooling: Annotated[str, Field(min_length=1)] | None = None,
    ) -> None:
        super().__init__()
        self.in_shape = image_shape(inputs)
        channels, *sides = self.in_shape
        self.size = size
        weights = None
        self.lacks = ""
        if checkpoint is not None:
            place = place_of(checkpoint)
            self.lacks = checkpoint if place is None else ""
            weights = None if place is None else read_weights(place)
        shown = (size, size) if size is not None else (sides[0], sides[1])
        self.model = built(
            name,
            channels,
            shown,
            pretrained=pretrained and checkpoint is None,
            weights=weights,
            pooling=pooling,
        )
        self.register_load_state_dict_post_hook(_has_weights)  # type: ignore[no-untyped-call]
        pooled = getattr(self.model, "head_hidden_size", None)
        self.out_features = int(pooled or self.model.num_features)  # type: ignore[arg-type]
        learnt = pretrained or checkpoint is not None
        config: Any = getattr(self.model, "pretrained_cfg", {}) if learnt else {}
        for key, given, values in (
            ("mean", mean, config.get("mean", (CENTRE,))),
            ("deviation", std, config.get("std", (SPREAD,))),
        ):
            option = "std" if key == "deviation" else key
            numbers = of_channels("timm", option, given, values, channels)
            self.register_buffer(key, numbers[:, None, None], persistent=False)

    @classmethod
    def pretrained(cls, options: Mapping[str, Any]) -> bool:
        """Whether its weights are those of timm or of a checkpoint."""
        return bool(options.get("pretrained") or options.get("checkpoint"))

    def kept_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return options that make it without timm's weights, its own being loaded afterwards."""
        scaling = {"mean": self.mean.flatten().tolist(), "std": self.deviation.flatten().tolist()}
        return {**options, "pretrained": False, **scaling}

    def forward(self, batch: Tensor) -> Tensor:
        """Return the features of images (b, c, h, w) in [0, 1]: (b, ``out_features``).

        Raises:
            UserError: the file of its weights is not there any more.
        """
        if self.lacks:
            raise UserError(
                f"encoder timm: the checkpoint with hash {self.lacks} that the study named is not "
                "there any more, or has changed: put it back, or use an exported model"
            )
        if self.size is not None and tuple(batch.shape[2:]) != (self.size, self.size):
            sides = [self.size, self.size]
            batch = functional.interpolate(batch, size=sides, mode="bilinear", antialias=True)
        features: Tensor = self.model((batch - self.mean) / self.deviation)
        return features

    def layer_groups(self) -> list[nn.Module]:
        """Return the model's blocks or stages, first to last, with what stands around them."""
        return blocks_of(self.model)


def _has_weights(encoder: Any, keys: Any) -> None:
    """Note that weights were loaded, so that none are lacking."""
    encoder.lacks = ""
