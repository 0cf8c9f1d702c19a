"""Torch's random state on the CPU and on the device: kept, put back, set aside for a while."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import RLock

import numpy as np
import torch
from torch import Tensor


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Return the states of the generators that draw on the CPU and on ``device``."""
    state = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        state[device.type] = getattr(torch, device.type).get_rng_state()
    return state


def set_random_state(state: Mapping[str, Tensor]) -> None:
    """Put back what ``random_state`` returned."""
    for kind, value in state.items():
        place = torch if kind == "cpu" else getattr(torch, kind)
        place.set_rng_state(value.cpu())


_ONE_AT_A_TIME = RLock()
"""Held while torch's generators, which all threads of a process share, are set aside."""


@contextmanager
def drawn_apart(seed: int, number: int, device: torch.device) -> Iterator[None]:
    """Within the context, draw from states of its own, which ``seed`` and ``number`` give.

    Afterwards the generators stand where they stood, whatever was drawn. Threads are within one
    after another, as they share the generators; the thread within may enter again.
    """
    own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    with _ONE_AT_A_TIME:
        before = random_state(device)
        torch.manual_seed(own)
        try:
            yield
        finally:
            set_random_state(before)
