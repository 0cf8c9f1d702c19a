"""Image models of the ``transformers`` library, where it is installed."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from nearfar.data import Inputs
from nearfar.encoders import hf_library
from nearfar.encoders.base import Encoder
from nearfar.encoders.images import CENTRE, SPREAD, check_patches, image_shape
from nearfar.encoders.scaling import Positives, Values, of_channels
from nearfar.errors import UserError
from nearfar.weight_files import is_folder, is_hash, place_of

_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


class HF(Encoder):
    """A model of images of transformers: ViT, DINOv2, DINOv3, SigLIP and others.

    Weights are read from safetensors alone; code that lies beside them is never run.

    Args:
        inputs: the images to be encoded; their channels are read.
        model: a folder that ``save_pretrained`` wrote, which begins with ``.``, ``/`` or ``~``, or
            the name of a model on the hub. In a stage's specification it is a folder's hash.
        revision: of a model on the hub: a commit, tag or branch.
        pooling: ``cls``, the class token; ``mean``, over patches; ``pooler``, the model's own. By
            default its own, where that is no layer on top, else the class token.
        mean: of values in [0, 1], one or one for each channel; by default that of the weights.
        std: the deviation, likewise.
        size: images are resized to size × size where they are encoded (bilinear, antialiased).
        lora: the rank of adapters beside linear layers of the blocks, which then are trained in the
            place of these.
        lora_alpha: their output is multiplied by ``lora_alpha`` / ``lora``; by default twice that.
        lora_targets: names of the linear layers; by default all of the blocks.
        config: what the folder says of its model, once it is read.

    Raises:
        UserError: transformers or peft cannot be imported; there is no such model, it lacks
            weights, or is none of images; images of another number of channels.
    """

    accepts: ClassVar[frozenset[str]] = frozenset({"image"})
    weight_files: ClassVar[tuple[str, ...]] = ("model",)
    checked_ahead: ClassVar[bool] = True
    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        inputs: Inputs,
        *,
        model: Annotated[str, Field(min_length=1)] = "facebook/dinov2-small",
        revision: Annotated[str, Field(min_length=1)] | None = None,
        pooling: Literal["cls", "mean", "pooler"] | None = None,
        mean: Values | None = None,
        std: Positives | None = None,
        size: Annotated[int, Field(ge=1, le=4096)] | None = None,
        lora: PositiveInt | None = None,
        lora_alpha: Annotated[float, Field(gt=0)] | None = None,
        lora_targets: Annotated[tuple[str, ...], Field(min_length=1)] | None = None,
        config: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.in_shape, self.size = image_shape(inputs), size
        if lora is None and (lora_alpha is not None or lora_targets is not None):
            raise UserError("encoder hf: lora_alpha and lora_targets need lora: RANK")
        self.lacks, scaling = "", dict(config or {})
        if is_hash(model) and config:
            if revision is not None:
                raise UserError("encoder hf: revision is of a name on the hub, and model a folder")
            place = place_of(model)
            self.lacks = model if place is None else ""
            if place is None:
                self.model = hf_library.untrained(config)
            else:
                self.model = hf_library.loaded(place, None, pooling)
        else:
            _check_name(model)
            self.model = hf_library.loaded(model, revision, pooling)
            scaling = hf_library.scaling_on_hub(model, revision)
        self.register_load_state_dict_post_hook(_has_weights)  # type: ignore[no-untyped-call]
        self._settle_channels()
        self._check_patches()
        dense = pooling != "pooler" and hf_library.without_pooler(self.model)
        self.pooling = pooling or ("cls" if dense else "own")
        self.out_features = _width(self.model.config)
        if lora is not None:
            hf_library.with_lora(self.model, lora, lora_alpha or 2.0 * lora, lora_targets or ())
        self.has_lora = lora is not None
        self._interpolates = "interpolate_pos_encoding" in _parameters(self.model)
        for key, option, given, values in (
            ("mean", "mean", mean, scaling.get("image_mean", (CENTRE,))),
            ("deviation", "std", std, scaling.get("image_std", (SPREAD,))),
        ):
            numbers = of_channels("hf", option, given, values, self.in_shape[0])
            self.register_buffer(key, numbers[:, None, None], persistent=False)

    def _settle_channels(self) -> None:
        wanted = int(getattr(self.model.config, "num_channels", 3))
        channels = self.in_shape[0] if self.in_shape else wanted
        if channels not in (1, wanted):
            raise UserError(
                f"encoder hf: the model takes images of {wanted} channels; these have {channels}"
            )
        self._channels = wanted

    def _check_patches(self) -> None:
        patch = _patch(self.model.config)
        plain = getattr(self.model.config, "hidden_sizes", None) is None
        if patch is not None and self.in_shape is not None and plain:
            high, wide = self.in_shape[1:]
            check_patches("hf", patch, (self.size or high, self.size or wide))

    def kept_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return options that make it without a hub, its weights being loaded afterwards."""
        if options.get("config"):
            return dict(options)
        named = f"{options['model']} {options.get('revision') or ''}"
        return {
            **options,
            "model": hashlib.sha256(named.encode()).hexdigest()[:16],
            "revision": None,
            "config": hf_library.settings_of(self.model),
            "mean": self.mean.flatten().tolist(),
            "std": self.deviation.flatten().tolist(),
        }

    @classmethod
    def names_file(cls, given: str) -> bool:
        """Whether ``model`` names a folder."""
        return is_folder(given)

    @classmethod
    def facts_of(cls, place: Path) -> dict[str, Any]:
        """Return what the folder says of its model, by which it is built without the folder."""
        return {"config": hf_library.described(place)}

    @classmethod
    def pretrained(cls, options: Mapping[str, Any]) -> bool:
        """Always: the model has its weights beside it."""
        return True

    def forward(self, batch: Tensor) -> Tensor:
        """Return the features of images (b, c, h, w) in [0, 1]: (b, ``out_features``).

        Raises:
            UserError: the folder of its weights is not there any more; it has no class token.
        """
        if self.lacks:
            raise UserError(
                f"encoder hf: the folder with hash {self.lacks} that the study named is not there "
                "any more, or has changed: put it back, or use an exported model"
            )
        if self.size is not None and tuple(batch.shape[2:]) != (self.size, self.size):
            sides = [self.size, self.size]
            batch = functional.interpolate(batch, size=sides, mode="bilinear", antialias=True)
        batch = (batch - self.mean) / self.deviation
        batch = batch.expand(-1, self._channels, -1, -1)
        more = {"interpolate_pos_encoding": True} if self._interpolates else {}
        found = self.model(pixel_values=batch, **more)
        return self._pooled(found, batch.shape[2:])

    def _pooled(self, found: Any, sides: Sequence[int]) -> Tensor:
        states: Tensor = found.last_hidden_state
        own: Tensor | None = getattr(found, "pooler_output", None)
        if self.pooling in ("pooler", "own") and own is not None:
            return own.flatten(1)
        if self.pooling == "pooler":
            raise UserError("encoder hf: the model has no pooler; pooling: mean")
        if states.ndim == 4:
            states, before = states.flatten(2).transpose(1, 2), 0
        else:
            before = self._before_patches(states.shape[1], sides)
        if self.pooling != "mean" and before:
            return states[:, 0]
        if self.pooling == "cls":
            raise UserError("encoder hf: the model has no class token; pooling: mean or pooler")
        return states[:, before:].mean(1)

    def _before_patches(self, tokens: int, sides: Sequence[int]) -> int:
        """Return how many tokens stand before the patches: the class, registers."""
        patch = _patch(self.model.config)
        if patch is None:
            return 0
        high, wide = patch
        return max(0, tokens - (sides[0] // high) * (sides[1] // wide))

    def held(self) -> Iterable[nn.Parameter]:
        """Return the weights beside which adapters are trained, if there are any."""
        if not self.has_lora:
            return ()
        return [p for name, p in self.named_parameters() if ".lora_" not in name]

    def layer_groups(self) -> list[nn.Module]:
        """Return what embeds patches, then each block or stage, first to last."""
        return hf_library.blocks_of(self.model)


def _check_name(model: str) -> None:
    if not _HUB_NAME.fullmatch(model):
        raise UserError(
            f"encoder hf, option model: {model!r} is neither a name on the hub, such as org/model, "
            "nor a folder, which begins with ./ or /"
        )
    if Path(model).is_dir():
        # transformers would read it, and a stage would not know its content.
        raise UserError(
            f"encoder hf, option model: {model!r} is a folder here: name it with its path, "
            f"./{model}, or call from elsewhere where the name on the hub is meant"
        )


def _has_weights(encoder: Any, keys: Any) -> None:
    """Note that weights were loaded, so that none are lacking."""
    encoder.lacks = ""


def _parameters(model: nn.Module) -> Iterable[str]:
    return inspect.signature(model.forward).parameters


def _patch(config: Any) -> tuple[int, int] | None:
    """Return height and width of a model's patches, None where it has none."""
    patch = getattr(config, "patch_size", None)
    if patch is None or isinstance(patch, int):
        return None if patch is None else (patch, patch)
    return int(patch[0]), int(patch[1])


def _width(config: Any) -> int:
    """Return how many features a model's last layer has."""
    for key in ("hidden_size", "hidden_sizes", "embed_dim"):
        found = getattr(config, key, None)
        if isinstance(found, int):
            return found
        if found:
            return int(found[-1])
    raise UserError(f"encoder hf: transformers does not say how wide a {config.model_type} is")
