"""Carrying out a plan: in this process, in a few local ones that die with it, or elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from nearfar.data import Dataset
from nearfar.execution.companions import Companions, Others
from nearfar.execution.events import Event, Finished
from nearfar.execution.executors.base import Executor
from nearfar.execution.here import carried_out_here
from nearfar.execution.worker import StudySource, without_its_need
from nearfar.plan.chain import Step
from nearfar.plan.groups import Bundle, bundled
from nearfar.records.stages import StageStore

if TYPE_CHECKING:
    from nearfar.stages.run import Ranks


def execute(
    steps: dict[str, Step],
    source: StudySource,
    dataset: Dataset,
    store: StageStore,
    jobs: int,
    lost: Iterable[str] = (),
    executor: Executor | None = None,
    others: Others | None = None,
) -> Iterator[Event]:
    """Carry out ``steps`` in an order that respects what each needs; yield what happens.

    Without an ``executor`` that is done on this machine, in ``jobs`` processes or in this one;
    ``others`` then take part in what is trained on several machines. A
    stage whose need failed, or is among the ``lost``, is reported as failed without being tried.
    Closing the generator (Ctrl-C) stops the processes; stages at work keep their checkpoints.
    """
    store.publish_rest(steps)
    waiting = bundled(step for stage_hash, step in steps.items() if not store.is_done(stage_hash))
    workers = min(jobs, len(waiting))
    if executor is None and workers < 2:
        with Companions(source, store, others) as companions:
            yield from _one_by_one(waiting, dataset, store, set(lost), companions.training)
        return
    from nearfar.execution.executors.dispatch import dispatched
    from nearfar.stages.features import expensive_features

    first = (bundle[0] for bundle in waiting)
    makes = {step.hash: expensive_features(step.spec, dataset.inputs, store) for step in first}
    if executor is None:
        from nearfar.execution.executors.local import Pool

        executor = Pool(source, store, workers)
    yield from dispatched(executor, waiting, store, failed=lost, makes=makes)


def _one_by_one(
    waiting: Iterable[Bundle],
    dataset: Dataset,
    store: StageStore,
    failed: set[str],
    ranks: Ranks,
) -> Iterator[Event]:
    for bundle in waiting:
        events = carried_out_here(bundle, lambda: dataset, store, ranks)
        for event in without_its_need(bundle) if bundle[0].needs in failed else events:
            if isinstance(event, Finished) and event.error:
                failed.add(event.stage_hash)
            yield event
