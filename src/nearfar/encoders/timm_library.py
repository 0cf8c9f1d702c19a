"""The library timm, imported beside any build of torch, and its models built by name."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from torch import nn

from nearfar.encoders.images import check_patches
from nearfar.encoders.torchvision_operators import import_torchvision
from nearfar.errors import UserError, nearest
from nearfar.extensions import FOREIGN_ERRORS

_OTHER = "encoder timm, option checkpoint: it is another model's"
_HOLDERS = frozenset({"blocks", "stages", "layers", "levels", "features", "trunk", "network"})
_QUIET = logging.NullHandler()
_DERIVED = ("num_batches_tracked", "relative_position_index", "attn_mask", "relative_coords_table")


def imported_timm() -> Any:
    """Return the library.

    Raises:
        UserError: it is not installed, or does not fit the installed torch.
    """
    if sys.modules.get("timm") is not None:
        return sys.modules["timm"]
    try:
        import_torchvision()
        import timm
    except (ImportError, RuntimeError) as error:
        raise UserError(
            "encoder timm needs the timm library: pip install 'nearfar[timm]'"
            f" ({type(error).__name__}: {str(error).splitlines()[0]})"
        ) from error
    return timm


def built(
    name: str,
    channels: int,
    sides: tuple[int, int],
    *,
    pretrained: bool,
    weights: Mapping[str, Any] | None = None,
    pooling: str | None = None,
) -> nn.Module:
    """Return a model of timm without its classifier.

    Args:
        name: the model, as ``timm.list_models()`` has it.
        channels: of the images.
        sides: height and width that it will be shown.
        pretrained: whether it has the weights that timm offers.
        weights: tensors by name, in the place of these.
        pooling: timm's ``global_pool``, None for the model's own.

    Raises:
        UserError: timm has no such model, cannot build it so, the weights are another model's, or
            patches do not fill the images.
    """
    timm = imported_timm()
    logging.getLogger("timm").addHandler(_QUIET)  # what it warns of is refused in a line below
    known = timm.list_models()
    if name.split(".")[0] not in known:
        close = nearest(name, known).split("allowed:")[0].rstrip("; ?")
        hint = f"{close}?" if close.startswith("did") else "timm.list_models() names them"
        raise UserError(f"encoder timm, option name: timm has no model {name!r}; {hint}")
    options: dict[str, Any] = {"num_classes": 0, "in_chans": channels, "pretrained": pretrained}
    if pooling is not None:
        options["global_pool"] = pooling
    if weights is not None:
        options |= {"pretrained": True, "pretrained_cfg_overlay": {"state_dict": dict(weights)}}
    try:
        with _lacking() as lacking:
            model = _sized(timm, name, sides, options)
    except FOREIGN_ERRORS as error:
        if weights is not None and isinstance(error, KeyError):
            raise UserError(f"{_OTHER}: {name!r} has {error}, and it has not") from error
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if pretrained and not isinstance(error, AssertionError | RuntimeError | ValueError):
            first += "; without a network, name a file of its weights with checkpoint: FILE"
        raise UserError(f"encoder timm cannot build {name!r}: {first}") from error
    if weights is not None and lacking:
        total = len(model.state_dict())
        raise UserError(
            f"{_OTHER}: it lacks {len(lacking)} of {total} tensors of {name!r} ({lacking[0]}, …)"
        )
    embeds: Any = getattr(model, "patch_embed", None)
    if isinstance(embeds, timm.layers.PatchEmbed) and not embeds.dynamic_img_pad:
        check_patches("timm", embeds.patch_size, sides)
    return model


def _sized(timm: Any, name: str, sides: tuple[int, int], options: dict[str, Any]) -> nn.Module:
    """Build a model for images of a size, where its weights depend on one."""
    config = getattr(timm, "get_pretrained_cfg", lambda name: None)(name)
    fixed = bool(getattr(config, "fixed_input_size", False))
    if fixed:
        # With another pooling a ViT would end in another norm, which has no weights yet.
        kept = {} if "global_pool" not in options else {"fc_norm": False}
        for more in ({**kept, "img_size": sides}, {"img_size": sides}):
            try:
                model: nn.Module = timm.create_model(name, **options, **more)
            except TypeError as error:
                if not any(key in str(error) for key in more):
                    raise
            else:
                return model
    return timm.create_model(name, **options)  # type: ignore[no-any-return]


@contextmanager
def _lacking() -> Iterator[list[str]]:
    """Note which tensors a model that is built meanwhile does not find in its weights."""
    found: list[str] = []
    load = nn.Module.load_state_dict

    def noted(module: nn.Module, *given: Any, **options: Any) -> Any:
        result = load(module, *given, **options)
        found.extend(
            name
            for name in result.missing_keys
            if name.rpartition(".")[2] not in _DERIVED and not name.startswith("head.")
        )
        return result

    with patch.object(nn.Module, "load_state_dict", noted):
        yield found


def blocks_of(model: nn.Module) -> list[nn.Module]:
    """Return a model's parts, first to last: its blocks, stages or layers each by itself.

    A norm belongs to the part before it.
    """
    parts: list[list[nn.Module]] = []
    for name, child in model.named_children():
        if not any(True for _ in child.parameters()):
            continue
        held = name in _HOLDERS and isinstance(child, nn.Sequential | nn.ModuleList)
        for part in child.children() if held else [child]:
            if parts and "norm" in type(part).__name__.lower():
                parts[-1].append(part)
            else:
                parts.append([part])
    return [part[0] if len(part) == 1 else nn.ModuleList(part) for part in parts]
