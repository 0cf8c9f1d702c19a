"""Arrays of fitted heads as buffers of modules."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


def keep(module: nn.Module, **arrays: NDArray[Any]) -> None:
    """Keep arrays as buffers: floats as float64, whole numbers as int64."""
    for name, array in arrays.items():
        kind = np.int64 if np.issubdtype(array.dtype, np.integer) else np.float64
        module.register_buffer(name, torch.from_numpy(np.array(array, dtype=kind)))
