"""The executor of a run: opened when the first stage needs it, closed when the run ends."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Self

from nearfar.execution.executors.base import Executor, Needs, NeedsOf
from nearfar.execution.nodes import Lead
from nearfar.execution.prepared import Prepared
from nearfar.execution.where import RAY
from nearfar.execution.worker import StudySource
from nearfar.plan.groups import Bundle


class Site:
    """Where the stages of a run are carried out; ``jobs`` is None for as many as there is room."""

    def __init__(self, prepared: Prepared, jobs: int | None) -> None:
        self.prepared, self.jobs = prepared, jobs
        self._open = contextlib.ExitStack()
        self._executor: Executor | None = None
        self._others: Lead | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def others(self) -> Lead | None:
        """Return the other machines that take part in trainings, gathered at the first call.

        Raises:
            UserError: they do not come, or would train something else.
        """
        if self.prepared.where.nodes > 1 and self._others is None:
            self._others = self._open.enter_context(Lead(self.prepared))
        return self._others

    def executor(self, source: StudySource) -> Executor | None:
        """Return the run's executor, None for processes of this command.

        Raises:
            UserError: it cannot be reached.
        """
        prepared = self.prepared
        if not prepared.where.elsewhere or not prepared.missing:
            return None
        if self._executor is None:
            store, needs = prepared.folder.store, needs_by(prepared)
            if prepared.where.executor == RAY:
                from nearfar.execution.executors.ray_cluster import ray_cluster

                address, rows = prepared.where.address, prepared.dataset
                threads = prepared.resolved.study.threads
                given = (address, source, rows, store, needs, self.jobs, threads)
                cluster = ray_cluster(*given)
                self._executor = self._open.enter_context(cluster)
            else:
                from nearfar.execution.executors.slurm_queue import slurm_queue

                queue = slurm_queue(source, store, needs, self.jobs)
                self._executor = self._open.enter_context(queue)
        return self._executor


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
