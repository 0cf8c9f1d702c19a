"""Checkpoints inside a stage: written beside and renamed, read with ``weights_only``."""

import os
from pathlib import Path
from typing import Any

import torch

CHECKPOINT_SECONDS = 20.0
"""A checkpoint is written at the end of a round when the last is so old."""


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and plain containers to ``path``, whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with beside.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def load_checkpoint(path: Path, device: torch.device) -> dict[str, Any] | None:
    """Return the state saved at ``path``, None where there is none. Nothing is unpickled freely."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state
