"""Stages carried out on few rows and for few rounds, and what that took."""

import contextlib
import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import torch

from nearfar.data import Dataset, Split
from nearfar.execution.estimate.clock import Clock
from nearfar.execution.estimate.few_rows import ROUNDS, few_rows, shortened
from nearfar.execution.memory import keep_freed_memory
from nearfar.plan.chain import Step
from nearfar.plan.groups import Bundle
from nearfar.plan.specs import FitSpec, PretrainSpec
from nearfar.records.stages import StageStore
from nearfar.stages.run import run_stages


@dataclass(frozen=True)
class Measured:
    """What a bundle of stages took on few rows, in seconds of an idle machine.

    ``rows`` are those of the data set, ``trained`` those to learn from. A round of training took
    ``round``, and judging it on the validation rows ``judging`` more; all the rest, features
    beside, ``rest``. ``features`` are those that were made of all rows and serve other stages too,
    by name. ``bytes`` is what the stages left on disk, and ``weights`` the part of it that is as
    large for any rows: trained networks. ``strain`` is how much longer it took because the machine
    was busy. It ``ended``, or was broken off after a round.
    """

    rows: int
    trained: int
    round: float
    judging: float
    rest: float
    bytes: int
    weights: int
    strain: float
    features: Mapping[str, float] = field(default_factory=dict)
    ended: bool = True

    @property
    def whole(self) -> float:
        """All of it, in seconds."""
        made = sum(self.features.values())
        return ROUNDS * (self.round + self.judging) + self.rest + made

    def to_plain(self) -> dict[str, Any]:
        """Return plain values, from which ``from_plain`` makes it again."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return what ``to_plain`` described."""
        return cls(**plain)


class _TooLongError(Exception):
    """A rehearsal has taken the time that there is."""


class Stand:
    """A place where stages are rehearsed on the same few rows, as often as is asked.

    Args:
        dataset: all rows.
        split: of them.
        rows: how many are taken.
        steps: all stages of the plan, by their hashes.
        folder: empty; what is made lies there.
    """

    def __init__(
        self,
        dataset: Dataset,
        split: Split,
        rows: int,
        steps: Mapping[str, Step],
        folder: Path,
    ) -> None:
        self.dataset, self.split = few_rows(dataset, split, rows)
        self.steps = steps
        self.store = StageStore(folder / "stages")

    def rehearse(self, bundle: Bundle, clock: Clock) -> Measured:
        """Carry out the stages of a bundle, and before them what these start from.

        Training is broken off after a round where the clock says that it is late, but not after
        the first one, which warms up: what it takes says nothing of the others. Of several rounds
        the shortest counts, since others may wait for a machine that is busy.

        Raises:
            Exception: whatever stops a stage on so few rows.
        """
        need = bundle[0].needs
        if need is not None and not self.store.is_done(need):
            self.rehearse((self.steps[need],), clock)
        missing = [step for step in bundle if not self.store.is_done(step.hash)]
        specs = {step.hash: shortened(step.spec) for step in missing}
        kept = self.store.features.seconds()
        marks: list[_Mark] = []

        def report(stage_hash: str, done: int, loss: float) -> None:
            if stage_hash == missing[0].hash:
                marks.append(_Mark.now())
            if len(marks) > 1 and clock.is_late:
                raise _TooLongError

        with threads_of(bundle[0]):
            begin = _Mark.now()
            outcomes: Mapping[str, Mapping[str, Any]] = {}
            with contextlib.suppress(_TooLongError):
                outcomes = run_stages(specs, self.dataset, self.store, report)
            whole = _Mark.now() - begin
        gaps = [later - sooner for sooner, later in itertools.pairwise(marks)] or [whole]
        strain = max(1.0, sum(g.passed for g in gaps) / max(sum(g.worked for g in gaps), 1e-9))
        if not _is_plain(bundle[0]):
            strain = 1.0
            whole, gaps = whole.as_passed(), [gap.as_passed() for gap in gaps]
        features = {
            name: seconds / strain
            for name, seconds in self.store.features.seconds().items()
            if name not in kept
        }
        each = min(gap.worked for gap in gaps) if marks else 0.0
        judging = sum(o.get("judging", 0.0) for o in outcomes.values()) / max(len(marks), 1)
        judging = min(judging / strain, each)
        return Measured(
            rows=len(self.dataset),
            trained=len(self.split.train),
            round=each - judging,
            judging=judging,
            rest=max(whole.worked - len(marks) * each - sum(features.values()), 0.0),
            bytes=sum(size_of(self.store.folder(step.hash)) for step in missing),
            weights=sum(
                size_of(self.store.folder(step.hash), "*.safetensors")
                for step in missing
                if isinstance(step.spec, PretrainSpec | FitSpec)
            ),
            strain=strain,
            features=features,
            ended=bool(outcomes),
        )


@dataclass(frozen=True)
class _Mark:
    """A place in time: seconds that have passed, and those that this process has worked."""

    passed: float
    worked: float

    @classmethod
    def now(cls) -> Self:
        return cls(time.monotonic(), time.process_time())

    def __sub__(self, before: "_Mark") -> "_Mark":
        return _Mark(self.passed - before.passed, self.worked - before.worked)

    def as_passed(self) -> "_Mark":
        """Return the same where not all work is this process's."""
        return _Mark(self.passed, self.passed)


def _is_plain(step: Step) -> bool:
    """Whether a stage is computed by one thread of a processor, whose time can be told."""
    return step.spec.threads == 1 and step.spec.environment.device == "cpu"


@contextlib.contextmanager
def threads_of(step: Step) -> Iterator[None]:
    """Compute with the threads of a stage, and with those of before afterwards."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    keep_freed_memory()
    before = torch.get_num_threads()
    torch.set_num_threads(step.spec.threads)
    try:
        with threadpool_limits(step.spec.threads):
            yield
    finally:
        torch.set_num_threads(before)


def size_of(folder: Path, pattern: str = "*") -> int:
    """Return the bytes of the files in a folder, or of those whose names have a pattern."""
    return sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file())
