"""Whether a run has room here: on disk for what it keeps, in memory for what it works on.

What is counted is the least that is needed: data, weights, activations, features, predictions.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nearfar.data import Columns, Preparation
from nearfar.data.read.images.cache import IN_MEMORY_UP_TO
from nearfar.data.shown import MOST_ROWS
from nearfar.encoders import ENCODERS, Encoder, FixedEncoder, build_encoder
from nearfar.errors import UserError
from nearfar.execution.estimate.words import size
from nearfar.execution.prepared import Prepared
from nearfar.extensions import FOREIGN_ERRORS
from nearfar.objectives import OBJECTIVES
from nearfar.plan.chain import Step
from nearfar.plan.specs import FitSpec, Named, PretrainSpec, ScoreSpec, SolveSpec

GB = 1e9
PROCESS = 0.3 * GB
"""Bytes of a process with what it has imported, beside those it shares with others."""
LINE = 40
"""Bytes of a row's line in a file of predictions."""
COPIES = 4
"""Weights, their gradients, the optimiser's state and the weights of the best round."""
TIGHT = 0.9
"""Share of what is free from which a run is called tight."""
_MEMORY = Path("/proc/meminfo")
_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


@dataclass(frozen=True)
class Room:
    """Bytes here: free on the disk, of memory in all and free of it; infinite where unknown."""

    disk: float
    memory: float
    free: float

    @classmethod
    def at(cls, folder: Path) -> "Room":
        """Return what there is here, and on the disk where ``folder`` lies or will."""
        place = folder.resolve()
        while not place.exists():
            place = place.parent
        memory, free = _memory()
        return cls(shutil.disk_usage(place).free, memory, free)


@dataclass(frozen=True)
class Needs:
    """Bytes that a run needs at least: on disk, in memory, and there with one process."""

    disk: float
    memory: float
    alone: float


def check_room(prepared: Prepared, jobs: int, room: Room | None = None) -> str:
    """Return a line of warning where room is tight, an empty one where there is enough.

    Raises:
        UserError: what is missing of the run cannot fit.
    """
    needs = needs_of(prepared, jobs)
    room = room or Room.at(prepared.folder.path)
    if needs.disk > room.disk:
        raise UserError(
            f"the run writes about {size(needs.disk)} and {size(room.disk)} are free on the disk of"
            f" {prepared.folder.path.parent}: make room there (nearfar clean), or name a folder on"
            " another disk with --out"
        )
    if needs.memory > room.memory:
        raise UserError(
            f"the run needs about {size(needs.memory)} of memory in {jobs} processes and this"
            f" machine has {size(room.memory)}: {_remedy(prepared, jobs, needs, room)}"
        )
    if needs.memory > TIGHT * room.free:
        return (
            f"memory is tight: the run needs about {size(needs.memory)}, and {size(room.free)} of "
            f"{size(room.memory)} are free"
        )
    if needs.disk > TIGHT * room.disk:
        return (
            f"the disk is nearly full: the run writes about {size(needs.disk)}, and "
            f"{size(room.disk)} are free"
        )
    return ""


def _remedy(prepared: Prepared, jobs: int, needs: Needs, room: Room) -> str:
    if jobs > 1 and needs.alone <= room.memory:
        return f"--jobs 1 needs {size(needs.alone)}"
    if prepared.dataset.inputs.kind == "image":
        return "smaller images (--set data.size=64) or smaller batches (batch) need less"
    return "smaller batches (batch) or fewer rows need less"


def needs_of(prepared: Prepared, jobs: int) -> Needs:
    """Return the bytes that what is missing of a study needs at least in ``jobs`` processes."""
    sizes = _Sizes.of_run(prepared)
    steps = list(prepared.missing.values())
    work = max(map(sizes.work, steps), default=0.0) if prepared.device == "cpu" else 0.0
    data = sizes.data()
    alone = 2 * PROCESS + data + work
    workers = max(min(jobs, len(steps)), 1)
    shared = 2 * PROCESS + data + workers * (PROCESS + data + work)
    disk = sum(map(sizes.kept, steps)) + sum(sizes.stores(steps))
    return Needs(disk, alone if workers == 1 else shared, alone)


def memory_of(prepared: Prepared) -> Callable[[Iterable[Step]], int]:
    """Return what gives the bytes that a process needs at least that carries out some stages."""
    sizes = _Sizes.of_run(prepared)
    least = 2 * PROCESS + sizes.data()
    on_cpu = prepared.device == "cpu"

    def memory(steps: Iterable[Step]) -> int:
        return int(least + (sum(map(sizes.work, steps)) if on_cpu else 0.0))

    return memory


class _Sizes:
    """How large things of a study are, in bytes."""

    def __init__(self, inputs: Any, prepared: Prepared) -> None:
        self.inputs, self.prepared = inputs, prepared
        self.rows = len(inputs)
        self._models: dict[str, tuple[float, int, float]] = {}

    @classmethod
    def of_run(cls, prepared: Prepared) -> "_Sizes":
        """Return the sizes of a run; columns count as the numbers that are made of them."""
        inputs = prepared.dataset.inputs
        if isinstance(inputs, Columns):
            inputs = Preparation.fit(inputs, np.arange(len(inputs))).apply(inputs)
        return cls(inputs, prepared)

    def data(self) -> float:
        """What the data take in a process; large images stay in their file."""
        arrays = self.inputs.arrays().values()
        return float(sum(a.nbytes for a in arrays if a.nbytes <= IN_MEMORY_UP_TO))

    def model(self, named: Named) -> tuple[float, int, float]:
        """Return an encoder's weights, how many features it has, and activations of a row."""
        key = repr(named.to_plain())
        if key not in self._models:
            try:
                self._models[key] = _model(named, self.inputs)
            except FOREIGN_ERRORS:
                self._models[key] = (0.0, 0, 0.0)
        return self._models[key]

    def of(self, step: Step) -> tuple[float, int, float]:
        """Return the same of the encoder that a stage has or starts from."""
        spec, steps = step.spec, self.prepared.plan.steps
        while not isinstance(spec, ScoreSpec) and spec.encoder is None:
            if isinstance(spec, PretrainSpec) or spec.input is None:
                return 0.0, 0, 0.0
            if spec.input.stage not in steps:
                return 0.0, 0, 0.0
            spec = steps[spec.input.stage].spec
        if isinstance(spec, ScoreSpec) or spec.encoder is None:
            return 0.0, 0, 0.0
        return self.model(spec.encoder)

    def work(self, step: Step) -> float:
        """What a stage works on: weights and activations of a batch, or features of all rows."""
        weights, width, activations = self.of(step)
        spec = step.spec
        features = 4.0 * self.rows * width
        if isinstance(spec, SolveSpec):
            return 3 * features
        if isinstance(spec, PretrainSpec) or (isinstance(spec, FitSpec) and spec.train != "head"):
            batch = min(spec.recipe.batch, self.rows) * _views(spec)
            kept = min(batch, spec.recipe.chunk or batch)
            return COPIES * weights + activations * kept
        return features

    def kept(self, step: Step) -> float:
        """What a stage leaves in its folder."""
        weights, width, _ = self.of(step)
        spec = step.spec
        shown = 4.0 * min(self.rows, MOST_ROWS) * width
        if isinstance(spec, PretrainSpec):
            return (1 + len(spec.keep)) * (weights + shown)
        lines = float(LINE * self.rows * self.prepared.dataset.targets.shape[1])
        if isinstance(spec, FitSpec):
            return lines + shown + (weights if spec.train != "head" else 0.0)
        return lines + (shown if isinstance(spec, SolveSpec) else 0.0)

    def stores(self, steps: list[Step]) -> Iterator[float]:
        """What features of all rows take that are kept for several stages."""
        seen = set()
        for step in steps:
            spec = step.spec
            frozen = isinstance(spec, SolveSpec) or (
                isinstance(spec, FitSpec) and spec.train == "head"
            )
            if isinstance(spec, FitSpec | SolveSpec) and frozen:
                key = repr((spec.encoder, spec.input, spec.seed if spec.encoder is None else 0))
                if key not in seen and (spec.input is not None or _is_kept(spec.encoder)):
                    yield 4.0 * self.rows * self.of(step)[1]
                seen.add(key)


def _is_kept(named: Named | None) -> bool:
    if named is None:
        return False
    kind = ENCODERS[named.name]
    return bool(getattr(kind, "expensive", True))


def _views(spec: PretrainSpec | FitSpec) -> int:
    if isinstance(spec, FitSpec):
        return 1
    given = spec.objective.options.get("views")
    views = given if given is not None else getattr(OBJECTIVES[spec.objective.name], "views", 1)
    return views if isinstance(views, int) else 1


def _model(named: Named, inputs: Any) -> tuple[float, int, float]:
    """Return bytes of an encoder's weights, its features, and bytes kept of a row in training."""
    with torch.random.fork_rng(devices=[]):
        encoder = build_encoder(named.name, named.options, inputs)
        width = int(encoder.out_features)
        if isinstance(encoder, FixedEncoder):
            return 0.0, width, 0.0
        assert isinstance(encoder, Encoder)
        weights = sum(p.numel() * p.element_size() for p in encoder.parameters())
        kept: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            if not isinstance(tensor, torch.nn.Parameter):
                kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
            return tensor

        rows = torch.arange(min(2, len(inputs)))
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            encoder(inputs.select(rows))
    return float(weights), width, sum(kept.values()) / max(len(rows), 1)


def _memory() -> tuple[float, float]:
    """Return the bytes of memory in all, and those that are free; infinite where unknown."""
    found = {"MemTotal": float("inf"), "MemAvailable": float("inf")}
    if _MEMORY.exists():
        for line in _MEMORY.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name in found:
                found[name] = 1024.0 * int(value.split()[0])
    limits = [path.read_text().strip() for path in _LIMITS if path.exists()]
    total = min([found["MemTotal"], *(float(limit) for limit in limits if limit.isdigit())])
    return total, min(total, found["MemAvailable"])
