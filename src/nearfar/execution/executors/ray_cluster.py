"""Bundles as tasks of a Ray cluster, one that is there or one started on this machine.

Only this process writes into the run's folder: workers send their files through Ray's object store,
whether they share a disk with it or not.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
import ray
from ray.exceptions import RayError, RayTaskError

from nearfar.data import Dataset
from nearfar.errors import UserError, first_line, tell
from nearfar.execution.events import Finished
from nearfar.execution.executors.base import Happening, Lost, Needs, NeedsOf
from nearfar.execution.executors.remote import carried_out_elsewhere, remove_folder
from nearfar.execution.executors.returned import take_checkpoint, take_results
from nearfar.execution.executors.sent import (
    CHECKPOINTS,
    Files,
    Kept,
    Message,
    Results,
    Shipment,
    Task,
    Told,
    feature_files,
    files_of,
    needed_by,
)
from nearfar.execution.processes import cores
from nearfar.execution.worker import StudySource
from nearfar.plan.groups import Bundle
from nearfar.records.seals import Damaged
from nearfar.records.stages import StageStore
from nearfar.stages.features import expensive_features

AHEAD = 64
"""Bundles that wait in the cluster beside those that its cores take at once: it may grow."""
REMEMBERED = 64
"""Stages and features that stay in the object store for those that need them later."""
STOP_SECONDS = 10.0
"""A bundle is asked to stop, and its process ended when it has not after so long."""


def _carry_out(shipped: list[Any], task: Task) -> Iterator[list[Message]]:
    """Carry out a bundle on the machine where Ray runs this."""
    yield from carried_out_elsewhere(task, ray.get(shipped[0]), lambda refs: ray.get(refs[0]))


_task = ray.remote(num_returns="streaming", max_retries=0)(_carry_out)
_removal = ray.remote(num_cpus=0, max_retries=0)(remove_folder)


@contextlib.contextmanager
def ray_cluster(
    address: str | None,
    source: StudySource,
    dataset: Dataset,
    store: StageStore,
    needs: NeedsOf,
    jobs: int | None,
    threads: int = 1,
) -> Iterator[RayCluster]:
    """Attach to a cluster, or start one on this machine; leave it at the end with nothing behind.

    Args:
        address: of a cluster; None takes ``RAY_ADDRESS``, or else starts one here.
        source: what the study names beside its data.
        dataset: its rows.
        store: where finished stages go.
        needs: what a bundle asks of a machine.
        jobs: bundles at once, None for as many as there is room for.
        threads: of a bundle; a cluster that is started here has cores for ``jobs`` of them.

    Raises:
        UserError: no cluster answers at the address.
    """
    started = _connect(address, (jobs or 1) * threads)
    token = uuid.uuid4().hex[:12]
    try:
        shipment = Shipment.of(source, dataset, token)
        cluster = RayCluster(shipment, store, needs, jobs, fixed=started)
        try:
            yield cluster
        finally:
            cluster.close()
            _remove_folders(token)
    finally:
        ray.shutdown()


def _connect(address: str | None, least: int) -> bool:
    """Attach to a cluster, or start one of at least so many cores; return whether it is new."""
    given = address or os.environ.get("RAY_ADDRESS") or "local"
    where = f"--address {address}" if address else f"RAY_ADDRESS={given}"
    if "://" in given:
        raise UserError(
            f"{where}: of a cluster HOST:PORT is given, on one of its machines ('ray status' there "
            "shows that it runs); from elsewhere, 'ray job submit -- nearfar run …'"
        )
    options: dict[str, Any] = {"address": given, "log_to_driver": False, "logging_level": "ERROR"}
    if given == "local":
        options |= {"num_cpus": max(cores(), least), "include_dashboard": False}
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        if given == "local":
            raise UserError(
                f"--executor ray: Ray does not start here: {first_line(error)}"
            ) from error
        raise UserError(
            f"{where}: no Ray cluster can be joined there from this machine ({first_line(error)}); "
            "'ray start --head' starts one, and 'ray start --address HOST:PORT' joins it"
        ) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
    return given == "local"


def _remove_folders(token: str) -> None:
    """Remove the run's folders on the cluster's machines, as far as these answer soon."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    with contextlib.suppress(RayError):
        nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
        places = [NodeAffinitySchedulingStrategy(node, soft=False) for node in nodes]
        ends = [_removal.options(scheduling_strategy=place).remote(token) for place in places]
        ray.wait(ends, num_returns=len(ends), timeout=STOP_SECONDS)


class RayCluster:
    """Submits bundles to the cluster that this process is attached to, and takes their results."""

    retries = 5

    def __init__(
        self,
        shipment: Shipment,
        store: StageStore,
        needs: NeedsOf,
        jobs: int | None,
        *,
        fixed: bool = False,
    ) -> None:
        self.fixed = fixed
        self.inputs, self.store, self.needs = shipment.dataset.inputs, store, needs
        self.shipped = ray.put(shipment)
        self.at_work: dict[Any, Bundle] = {}
        self.unfinished: dict[Any, set[str]] = {}
        self.known: OrderedDict[str, Any] = OrderedDict()
        self.most = jobs or AHEAD + int(ray.cluster_resources().get("CPU", 0))
        self.told: set[Needs] = set()

    def has_room(self) -> bool:
        """Whether another bundle may be submitted."""
        return len(self.unfinished) < self.most

    def submit(self, bundle: Bundle) -> None:
        """Ask the cluster for a machine that carries out a bundle."""
        needs = self.needs(bundle)
        self._see_that_it_fits(needs)
        hashes = {step.hash for step in bundle}
        kept = {one: files_of(self.store.partial(one), CHECKPOINTS) for one in sorted(hashes)}
        task = Task(
            bundle,
            {one: self._stage(one) for one in needed_by(bundle, self.store)},
            self._features(bundle),
            {one: files for one, files in kept.items() if files},
        )
        options = {"num_cpus": needs.cores, "num_gpus": needs.gpus, "memory": needs.memory}
        events = _task.options(**options, name=f"nearfar {bundle[0].name} {bundle[0].hash}").remote(
            [self.shipped], task
        )
        self.at_work[events], self.unfinished[events] = bundle, hashes

    def wait(self) -> Sequence[Happening]:
        """Return what workers say; results are in the store by then."""
        ready: list[Any] = []
        while not ready:
            # Again and again, so that Ctrl-C is heard.
            ready, _ = ray.wait(list(self.at_work), num_returns=1, timeout=1.0)
        more, _ = ray.wait(list(self.at_work), num_returns=len(self.at_work), timeout=0)
        return [event for events in dict.fromkeys([*ready, *more]) for event in self._next(events)]

    def close(self) -> None:
        """Cancel what is at work, and end the processes of what does not stop."""
        for force in (False, True):
            left, end = list(self.at_work), time.monotonic() + STOP_SECONDS
            for events in left:
                with contextlib.suppress(RayError, ValueError):
                    ray.cancel(events, force=force)
            while left and time.monotonic() < end:
                ready, left = ray.wait(left, num_returns=1, timeout=1.0)
                left += [events for events in ready if self._drained(events)]
            self.at_work = {events: self.at_work[events] for events in left}
        self.at_work.clear()
        self.unfinished.clear()

    def _drained(self, events: Any) -> bool:
        """Pass over what a cancelled bundle still says; return whether more may come."""
        try:
            ray.get(next(events))
        except (StopIteration, RayError):
            return False
        return True

    def _stage(self, stage_hash: str) -> list[Any]:
        """Return a reference to a finished stage."""
        return self._reference(stage_hash, lambda: files_of(self.store.folder(stage_hash)))

    def _features(self, bundle: Bundle) -> dict[str, list[Any]]:
        """Return references to features that a bundle would have to make, and that are there."""
        features = self.store.features
        name = expensive_features(bundle[0].spec, self.inputs, self.store)
        if not name or not features.has(name):
            return {}
        return {name: self._reference(name, lambda: feature_files(features, name))}

    def _reference(self, name: str, read: Callable[[], Files]) -> list[Any]:
        """Put files into the object store, once for all that need them soon.

        In a list, Ray leaves it to the task whether it fetches them.
        """
        if name not in self.known:
            self.known[name] = ray.put(read())
        self.known.move_to_end(name)
        while len(self.known) > REMEMBERED:
            self.known.popitem(last=False)
        return [self.known[name]]

    def _next(self, events: Any) -> list[Happening]:
        """Take what a worker says next."""
        left = self.unfinished.get(events, set())
        try:
            messages: list[Message] = ray.get(next(events))
            return list(self._taken(events, messages))
        except StopIteration:
            return (
                self._lost(events, "its worker ended without a word") if left else self._end(events)
            )
        except RayTaskError as error:
            self._end(events)
            cause = first_line(error.cause) if error.cause is not None else first_line(error)
            return [Finished(one, cause, str(error)) for one in sorted(left)]
        except RayError as error:
            return self._lost(events, first_line(error).rstrip("."))
        except Damaged as wrong:
            return self._lost(events, str(wrong))

    def _taken(self, events: Any, messages: Sequence[Message]) -> Iterator[Happening]:
        for message in messages:
            if isinstance(message, Told):
                print(message.text, end="", file=sys.stderr, flush=True)
            elif isinstance(message, Kept):
                take_checkpoint(message, self.at_work[events], self.store)
            elif isinstance(message, Results):
                take_results(message, self.store)
            else:
                if isinstance(message, Finished):
                    self.unfinished[events].discard(message.stage_hash)
                    if not self.unfinished[events]:
                        del self.unfinished[events]
                yield message

    def _end(self, events: Any) -> list[Happening]:
        del self.at_work[events]
        self.unfinished.pop(events, None)
        return []

    def _lost(self, events: Any, reason: str) -> list[Happening]:
        """Tell that a worker is gone, unless all of its stages had ended by then."""
        left = tuple(sorted(self.unfinished.get(events, ())))
        self._end(events)
        return [Lost(left, reason)] if left else []

    def _see_that_it_fits(self, needs: Needs) -> None:
        """Tell, once, where no machine of the cluster has what a bundle asks for.

        Raises:
            UserError: the cluster is this machine alone, and will not grow.
        """
        if needs in self.told:
            return
        self.told.add(needs)
        asked = {"CPU": needs.cores, "GPU": needs.gpus, "memory": needs.memory}
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(all(one.get(k, 0) >= v for k, v in asked.items()) for one in machines):
            gpu = f", {needs.gpus} GPU" if needs.gpus else ""
            wanted = f"{needs.cores} cores{gpu}, {needs.memory / 1e9:.1f} GB of memory"
            if self.fixed:
                raise UserError(
                    f"--executor ray: a stage asks for {wanted}, and Ray has less on this machine: "
                    "--address names a cluster that has it"
                )
            tell(
                f"no machine of the Ray cluster has what a stage asks for ({wanted}): it waits "
                "until one joins; Ctrl-C ends"
            )
