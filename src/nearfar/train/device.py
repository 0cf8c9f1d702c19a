"""What the kind of device decides about training: the precision.

It changes numbers, so it is a fixed function of the device and of what is trained on, and stands in
the specification of a stage where it is not the full one.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from nearfar.errors import UserError, nearest

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Precision = Literal["32-true", "bf16-mixed"]
FULL: Precision = "32-true"
MIXED: Precision = "bf16-mixed"
"""Fabric's names. Mixed: encoders in bfloat16, where autocast has it so; losses, heads, weights and
all that is judged in float32."""


COMPUTE_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16"})
"""Flags of processors whose products and convolutions take bfloat16; others emulate it, slowly."""
PROCESSOR = Path("/proc/cpuinfo")


@cache
def processor_flags() -> frozenset[str]:
    """Return what the processor says that it can do; nothing where the system does not tell."""
    try:
        lines = PROCESSOR.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    found = (line.partition(":")[2] for line in lines if line.startswith("flags"))
    return frozenset(next(found, "").split())


def precision_of(device: str, kind: str) -> Precision:
    """Return in what precision rows of a ``kind`` are trained on.

    Mixed is for images on a GPU or a processor that computes in bfloat16. Convolutions gain from
    it; sums over the atoms of a molecule would lose their last digits, and columns have too little
    arithmetic.
    """
    if device == "cpu" and kind == "image" and processor_flags() & COMPUTE_BFLOAT16:
        return MIXED
    if device != "cuda" or kind != "image":
        return FULL
    if not torch.cuda.is_available():  # another machine has it: one that computes in bfloat16
        return MIXED
    return MIXED if torch.cuda.is_bf16_supported(including_emulation=False) else FULL


def fabric_on(device: str, precision: Precision = FULL, index: int = 0) -> Fabric:
    """Return the Fabric that trains on ``device``; of several GPUs on that with the ``index``.

    The precision is passed as a plugin: by its name, Fabric would announce it before every stage.
    So is that this is one process: where SLURM is installed, Fabric would look for its siblings.
    """
    from lightning_fabric import Fabric
    from lightning_fabric.plugins import MixedPrecision
    from lightning_fabric.plugins.environments import LightningEnvironment

    mixed = [] if precision == FULL else [MixedPrecision(precision, device)]
    devices: int | list[int] = [index] if device == "cuda" and index else 1
    return Fabric(accelerator=device, devices=devices, plugins=[LightningEnvironment(), *mixed])


def is_here(device: str) -> bool:
    """Whether this machine has a device, cpu or cuda."""
    return device == "cpu" or torch.cuda.is_available()


def pick_device(requested: str, *, elsewhere: bool = False) -> str:
    """Return cpu or cuda.

    What is trained ``elsewhere`` needs no such device here.

    Raises:
        UserError: the device is unknown, not there, or cannot be used.
    """
    there = {name: is_here(name) for name in ("cpu", "cuda")}
    if requested == "auto":
        return "cuda" if there["cuda"] else "cpu"
    if requested == "mps" and torch.backends.mps.is_available():
        raise UserError(
            "--device mps: Apple's GPUs do not compute in float64, as targets and losses need; "
            "allowed: auto, cpu, cuda"
        )
    if requested not in (*there, "mps"):
        raise UserError(
            f"--device: unknown value {requested!r}; {nearest(requested, ['auto', *there])}"
        )
    if not there.get(requested) and not (elsewhere and requested in there):
        raise UserError(f"--device {requested}: torch finds no such device here")
    return requested
