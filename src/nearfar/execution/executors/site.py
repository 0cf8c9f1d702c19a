"""The executor of a run: opened when the first stage needs it, closed when the run ends."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Self

from nearfar.execution.executors.asked import RAY
from nearfar.execution.executors.base import Executor
from nearfar.execution.executors.needs import needs_by
from nearfar.execution.prepared import Prepared
from nearfar.execution.worker import StudySource


class Site:
    """Where the stages of a run are carried out; ``jobs`` is None for as many as there is room."""

    def __init__(self, prepared: Prepared, jobs: int | None) -> None:
        self.prepared, self.jobs = prepared, jobs
        self._open = contextlib.ExitStack()
        self._executor: Executor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)

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
                opened = ray_cluster(address, source, rows, store, needs, self.jobs)
                self._executor = self._open.enter_context(opened)
        return self._executor
