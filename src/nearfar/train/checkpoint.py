"""Checkpoints inside a stage: written beside and renamed, read with ``weights_only``."""

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from nearfar.errors import first_line, tell
from nearfar.records.files import write_atomically

CHECKPOINT_SECONDS = 20.0
"""A checkpoint is written at the end of a round when the last is so old."""
_SIGN = b"nearfar checkpoint 2\n"
_DIGEST = 32


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and plain containers to ``path``, whole or not at all.

    A line and the content's SHA-256 stand before what torch writes.
    """
    file = io.BytesIO()
    torch.save(state, file)
    content = file.getvalue()
    write_atomically(path, _SIGN + hashlib.sha256(content).digest() + content)


def load_checkpoint(path: Path, device: torch.device) -> dict[str, Any] | None:
    """Return the state saved at ``path``, None where there is none. Nothing is unpickled freely.

    One that is damaged is thrown away, which is told: training begins anew.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    if content.startswith(_SIGN):
        begin = len(_SIGN) + _DIGEST
        digest, content = content[len(_SIGN) : begin], content[begin:]
        if hashlib.sha256(content).digest() != digest:
            _throw_away(path, "its content differs from what was written")
            return None
        return _loaded(content, device)
    try:
        return _loaded(content, device)
    except MemoryError:
        raise
    except Exception as error:  # of before there were digests: torch raises anything
        _throw_away(path, first_line(error)[:80])
        return None


def _loaded(content: bytes, device: torch.device) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    return state


def _throw_away(path: Path, why: str) -> None:
    tell(f"{path}: a checkpoint that cannot be used ({why}): thrown away, training begins anew")
    path.unlink(missing_ok=True)
