"""The library transformers: models of images, from a folder or the hub, without code of theirs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nearfar.encoders.torchvision_operators import import_torchvision
from nearfar.errors import UserError
from nearfar.extensions import FOREIGN_ERRORS
from nearfar.weight_files import CONFIG, check_finite

_NOT_KEPT = ("id2label", "label2id", "auto_map", "architectures", "_name_or_path")
_SCALING = ("image_mean", "image_std")
_HOLDERS = frozenset({"encoder", "model", "transformer"})


def imported_transformers() -> Any:
    """Return the library, quiet.

    Raises:
        UserError: it is not installed, or does not fit what is.
    """
    try:
        with suppress(ImportError):
            import_torchvision()
        import transformers
        from transformers.utils import logging
    except (ImportError, RuntimeError) as error:
        first = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        raise UserError(
            f"encoder hf needs the transformers library: pip install 'nearfar[hf]' ({first})"
        ) from error
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    return transformers


def described(folder: Path) -> dict[str, Any]:
    """Return what a folder says of its model, as far as the features depend on it.

    Raises:
        UserError: it is not JSON, says no type of model, or names an adapter of another model.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder}: is a file: model names the folder that model.save_pretrained(FOLDER) wrote"
        )
    if (folder / "adapter_config.json").exists():
        raise UserError(
            f"{folder}: holds an adapter alone: save the whole model, "
            "model.merge_and_unload().save_pretrained(FOLDER)"
        )
    config = _read(folder / CONFIG)
    if not isinstance(config.get("model_type"), str):
        raise UserError(f"{folder / CONFIG}: says no model_type: it is no model of transformers")
    if "quantization_config" in config:
        raise UserError(f"{folder}: its weights are quantized: save them as float32")
    found = {key: value for key, value in config.items() if key not in _NOT_KEPT}
    scaling = folder / "preprocessor_config.json"
    known = _read(scaling) if scaling.exists() else {}
    return found | {key: known[key] for key in _SCALING if known.get(key)}


def settings_of(model: Any) -> dict[str, Any]:
    """Return the configuration of a model, by which ``untrained`` makes one of its shape."""
    found = json.loads(model.config.to_json_string(use_diff=False))
    return {key: value for key, value in found.items() if key not in _NOT_KEPT}


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read as JSON") from error
    if not isinstance(found, dict):
        raise UserError(f"{file}: is no mapping")
    return found


def scaling_on_hub(name: str, revision: str | None) -> dict[str, Any]:
    """Return mean and deviation that a model on the hub was trained with, if it says."""
    from transformers.utils import cached_file

    try:
        file = cached_file(
            name,
            "preprocessor_config.json",
            revision=revision,
            _raise_exceptions_for_missing_entries=False,
        )
    except FOREIGN_ERRORS:
        return {}
    known = {} if file is None else _read(Path(file))
    return {key: known[key] for key in _SCALING if known.get(key)}


def untrained(config: Mapping[str, Any]) -> nn.Module:
    """Return the part of a model that reads images, as its configuration says, fresh.

    Raises:
        UserError: transformers knows no such model, or cannot build it.
    """
    transformers = imported_transformers()
    given = {key: value for key, value in config.items() if key not in _SCALING}
    try:
        known = transformers.AutoConfig.for_model(**given)
        return _of_images(transformers.AutoModel.from_config(known, trust_remote_code=False))
    except FOREIGN_ERRORS as error:
        raise UserError(
            f"encoder hf, option model: transformers cannot build a {config['model_type']}: "
            f"{_first_line(error)}"
        ) from error


def loaded(source: str | Path, revision: str | None, pooling: str | None) -> nn.Module:
    """Return the part of a model that reads images, with the weights of a folder or the hub.

    Nothing is unpickled, and no code beside the weights is run.

    Raises:
        UserError: it is not there, is damaged, another kind of model, or lacks weights.
    """
    transformers = imported_transformers()
    here = isinstance(source, Path)
    try:
        model, told = transformers.AutoModel.from_pretrained(
            str(source),
            revision=revision,
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=here,
            output_loading_info=True,
            dtype=torch.float32,
        )
    except (*FOREIGN_ERRORS, _damage()) as error:
        remedy = (
            ""
            if here
            else "; a folder is named with its path, model: ./FOLDER, and needs no network"
        )
        raise UserError(
            f"encoder hf, option model: {source}: {_first_line(error)}{remedy}"
        ) from error
    part = _of_images(model)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    mine = {names[id(parameter)] for parameter in part.parameters()}
    lacking = sorted(mine & set(told["missing_keys"]))
    if pooling != "pooler" and _has_own_pooler(part):
        lacking = [name for name in lacking if not name.startswith("pooler.")]
    if lacking:
        raise UserError(
            f"encoder hf, option model: {source}: lacks {len(lacking)} of {len(mine)} tensors "
            f"({lacking[0]}, …)"
        )
    check_finite(source, dict(part.named_parameters()))
    return part


def _damage() -> type[Exception]:
    from safetensors import SafetensorError

    found: type[Exception] = SafetensorError
    return found


def _of_images(model: Any) -> nn.Module:
    """Return a model's part that reads images: all of it, or one of two."""
    part: Any = getattr(model, "vision_model", model)
    if getattr(part, "main_input_name", "pixel_values") != "pixel_values":
        raise UserError(
            f"encoder hf, option model: a {model.config.model_type} reads "
            f"{part.main_input_name}, not images"
        )
    return part  # type: ignore[no-any-return]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300].rstrip(".")


def _has_own_pooler(model: nn.Module) -> bool:
    """Whether its pooler is a layer that its pre-training rarely trained."""
    return hasattr(getattr(model, "pooler", None), "dense")


def without_pooler(model: Any) -> bool:
    """Take a pooler away that would not be used; say whether there was one."""
    there = _has_own_pooler(model)
    if there:
        model.pooler = None
    return there


def blocks_of(model: nn.Module) -> list[nn.Module]:
    """Return a model's parts, first to last: what embeds, then each block by itself.

    A norm belongs to the part before it.
    """
    parts: list[list[nn.Module]] = []
    for child in _parts(model):
        if parts and "norm" in type(child).__name__.lower():
            parts[-1].append(child)
        elif any(True for _ in child.parameters()):
            parts.append([child])
    return [part[0] if len(part) == 1 else nn.ModuleList(part) for part in parts]


def _parts(model: nn.Module) -> list[nn.Module]:
    found: list[nn.Module] = []
    for name, child in model.named_children():
        if isinstance(child, nn.ModuleList):
            found += list(child)
        elif name in _HOLDERS and any(isinstance(part, nn.ModuleList) for part in child.children()):
            found += _parts(child)
        else:
            found.append(child)
    return found


def with_lora(model: nn.Module, rank: int, alpha: float, targets: Sequence[str]) -> None:
    """Put low-rank adapters (Hu et al., "LoRA", ICLR 2022) beside linear layers, by peft.

    Args:
        model: is changed in place; what it gives stays the same until the adapters are trained.
        rank: of the adapters.
        alpha: their output is multiplied by ``alpha`` / ``rank``.
        targets: the last parts of the layers' names; none: all linear layers of the blocks.

    Raises:
        UserError: peft is not installed, or there are no such layers.
    """
    with suppress(ImportError):
        import_torchvision()
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except (ImportError, RuntimeError) as error:
        raise UserError(
            "encoder hf, option lora needs the peft library: pip install 'nearfar[hf]' "
            f"({type(error).__name__}: {_first_line(error)})"
        ) from error
    blocks = {id(part) for block in blocks_of(model)[1:] for part in block.modules()}
    linear = [
        name
        for name, part in model.named_modules()
        if isinstance(part, nn.Linear) and id(part) in blocks
    ]
    chosen = [name for name in linear if not targets or name.rpartition(".")[2] in targets]
    ends = sorted({name.rpartition(".")[2] for name in linear})
    unknown = sorted(set(targets) - set(ends))
    if unknown or not chosen:
        raise UserError(
            f"encoder hf, option lora_targets: the model's blocks have no linear layer "
            f"{' or '.join(unknown) or 'at all'}; allowed: {', '.join(ends) or 'none'}"
        )
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=chosen, lora_dropout=0.0)
    inject_adapter_in_model(config, model)
