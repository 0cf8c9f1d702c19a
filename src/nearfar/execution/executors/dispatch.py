"""Which bundle is next: the first whose needs are met, whoever carries it out."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from nearfar.errors import tell
from nearfar.execution.events import Event, Finished
from nearfar.execution.executors.base import Executor, Happening, Lost
from nearfar.execution.worker import without_its_need
from nearfar.plan.groups import Bundle
from nearfar.records.stages import StageStore


def dispatched(
    executor: Executor,
    bundles: Iterable[Bundle],
    store: StageStore,
    *,
    failed: Iterable[str] = (),
    makes: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Event]:
    """Give out bundles until none is left; yield what happens.

    Closing the generator closes the executor.

    Args:
        executor: carries them out.
        bundles: in an order in which they can run.
        store: where features lie that are made once.
        failed: stages without which nothing that needs them is tried.
        makes: features that a stage, by its hash, makes of all rows unless they are there: while
            one makes them, no other begins that would make them too.
    """
    try:
        yield from _Dispatch(executor, list(bundles), store, set(failed), makes).run()
    finally:
        executor.close()


class _Dispatch:
    """What is ready, what waits for a stage or for features, and what is given out.

    Bundles are known by their places in the order that was given. An event costs the same however
    many of them there are.
    """

    def __init__(
        self,
        executor: Executor,
        bundles: list[Bundle],
        store: StageStore,
        failed: set[str],
        makes: Mapping[str, str],
    ) -> None:
        self.executor, self.bundles, self.store = executor, bundles, store
        self.failed, self.makes = failed, makes
        self.place = {step.hash: k for k, bundle in enumerate(bundles) for step in bundle}
        """Of the stages that are still to come."""
        self.ready: list[int] = []
        self.lacking: deque[int] = deque()
        self.after: dict[str, list[int]] = {}
        self.parked: dict[str, list[int]] = {}
        self.making: dict[str, int] = {}
        self.out: dict[int, set[str]] = {}
        self.lost: dict[int, int] = {}
        for place in range(len(bundles)):
            self._queue(place)

    def run(self) -> Iterator[Event]:
        """Yield events until every stage has ended."""
        while self.place:
            yield from self._without_needs()
            self._give_out()
            if self.out:
                for happened in self.executor.wait():
                    yield from self._take(happened)

    def _queue(self, place: int) -> None:
        needs = self.bundles[place][0].needs
        if needs in self.failed:
            self.lacking.append(place)
        elif needs in self.place:
            self.after.setdefault(str(needs), []).append(place)
        else:
            heapq.heappush(self.ready, place)

    def _without_needs(self) -> Iterator[Event]:
        """End what stands on a failed stage."""
        while self.lacking:
            place = self.lacking.popleft()
            for ended in without_its_need(self.bundles[place]):
                self._end(ended)
                yield ended

    def _give_out(self) -> None:
        for name in [name for name in self.parked if not self._being_made(name)]:
            for place in self.parked.pop(name):
                heapq.heappush(self.ready, place)
        while self.ready and self.executor.has_room():
            place = heapq.heappop(self.ready)
            name = self.makes.get(self.bundles[place][0].hash, "")
            if name and self._being_made(name):
                self.parked.setdefault(name, []).append(place)
                continue
            if name:
                self.making[name] = place
            bundle = tuple(step for step in self.bundles[place] if step.hash in self.place)
            self.out[place] = {step.hash for step in bundle}
            self.executor.submit(bundle)

    def _being_made(self, name: str) -> bool:
        """Whether somebody is making these features now."""
        return self.making.get(name) in self.out and not self.store.features.has(name)

    def _take(self, happened: Happening) -> Iterator[Event]:
        if isinstance(happened, Lost):
            yield from self._begin_again(happened)
            return
        if isinstance(happened, Finished):
            if happened.stage_hash not in self.place:
                return
            place = self.place[happened.stage_hash]
            self._end(happened)
            self.out[place].discard(happened.stage_hash)
            if not self.out[place]:
                del self.out[place]
        yield happened

    def _end(self, ended: Finished) -> None:
        """Take note that a stage ended; what waited for it is ready, or lacks it."""
        del self.place[ended.stage_hash]
        if ended.error:
            self.failed.add(ended.stage_hash)
        for place in self.after.pop(ended.stage_hash, ()):
            self._queue(place)

    def _begin_again(self, lost: Lost) -> Iterator[Event]:
        """Submit once more what a lost worker was at, or give it up."""
        places = {self.place[one]: None for one in lost.stage_hashes if one in self.place}
        for place in places:
            rest = self.out.pop(place)
            self.lost[place] = self.lost.get(place, 0) + 1
            if self.lost[place] > self.executor.retries:
                for stage_hash in [s.hash for s in self.bundles[place] if s.hash in rest]:
                    ended = Finished(stage_hash, lost.reason)
                    self._end(ended)
                    yield ended
            else:
                tell(f"{', '.join(sorted(rest))}: {lost.reason}: begins again")
                heapq.heappush(self.ready, place)
