"""What a bundle asks of the machine that carries it out: processors, GPUs, memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nearfar.execution.prepared import Prepared
from nearfar.plan.groups import Bundle


@dataclass(frozen=True)
class Needs:
    """Cores, GPUs, and bytes of memory."""

    cores: int
    gpus: int
    memory: int


NeedsOf = Callable[[Bundle], Needs]


def needs_by(prepared: Prepared) -> NeedsOf:
    """Return what says of a bundle of a run what it needs: threads, device and sizes of its study.

    The memory is the least that the stages take: data, weights, activations, features.
    """
    from nearfar.execution.estimate.room import memory_of

    memory = memory_of(prepared)

    def needs(bundle: Bundle) -> Needs:
        spec = bundle[0].spec
        gpus = int(spec.environment.device == "cuda")
        return Needs(spec.threads, gpus, memory(bundle))

    return needs
