"""Who is next, and what happens where a worker is lost, whatever the executor."""

import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from small_study import pretrain_spec

from nearfar.execution.events import Event, Finished, Started
from nearfar.execution.executors.base import Happening, Lost
from nearfar.execution.executors.dispatch import dispatched
from nearfar.plan.chain import Step
from nearfar.plan.groups import Bundle
from nearfar.plan.specs import Named
from nearfar.records.stages import StageStore

SPEC = pretrain_spec(Named("mlp", {}))
STORE = StageStore(Path("nowhere/stages"))


def stage(stage_hash: str, needs: str | None = None) -> Step:
    return Step("fit", SPEC, stage_hash, needs)


class Unsteady:
    """Ends stages in any order; loses the worker of a bundle as often as is said."""

    def __init__(self, losses: dict[str, int], room: int = 3, retries: int = 2) -> None:
        self.losses, self.room, self.retries = dict(losses), room, retries
        self.at_work: list[Bundle] = []
        self.submitted: list[tuple[str, ...]] = []
        self.closed = 0
        self.draw = random.Random(0)

    def has_room(self) -> bool:
        return len(self.at_work) < self.room

    def submit(self, bundle: Bundle) -> None:
        assert self.has_room()
        self.submitted.append(tuple(step.hash for step in bundle))
        self.at_work.append(bundle)

    def wait(self) -> Sequence[Happening]:
        bundle = self.at_work.pop(self.draw.randrange(len(self.at_work)))
        hashes = [step.hash for step in bundle]
        began: list[Happening] = [Started(one) for one in hashes]
        if self.losses.get(hashes[-1], 0):
            self.losses[hashes[-1]] -= 1
            ended = [Finished(one) for one in hashes[:-1]]
            return [*began, *ended, Lost(tuple(hashes), "its node is gone")]
        return [*began, *(Finished(one) for one in hashes)]

    def close(self) -> None:
        self.closed += 1


def ends(events: list[Event]) -> dict[str, str]:
    return {event.stage_hash: event.error for event in events if isinstance(event, Finished)}


def test_what_a_lost_worker_was_at_is_submitted_again() -> None:
    executor = Unsteady({"a": 2, "c": 1})
    bundles = [(stage("a"),), (stage("b", "a"),), (stage("c"),)]
    events = list(dispatched(executor, bundles, STORE))
    assert ends(events) == dict.fromkeys("abc", "")
    assert executor.submitted.count(("a",)) == 3
    assert executor.submitted.count(("c",)) == 2
    assert executor.submitted[-1] == ("b",)
    assert executor.closed == 1


def test_what_is_lost_too_often_fails_with_what_needs_it() -> None:
    executor = Unsteady({"a": 9}, retries=2)
    events = list(dispatched(executor, [(stage("a"),), (stage("b", "a"),)], STORE))
    assert ends(events) == {"a": "its node is gone", "b": "its pre-training failed"}
    assert executor.submitted == [("a",)] * 3


def test_of_a_bundle_only_what_has_not_ended_begins_again() -> None:
    executor = Unsteady({"b": 1})
    events = list(dispatched(executor, [(stage("a"), stage("b"))], STORE))
    assert executor.submitted == [("a", "b"), ("b",)]
    assert [e.stage_hash for e in events if isinstance(e, Finished)] == ["a", "b"]


def test_what_stands_on_what_failed_before_is_not_tried() -> None:
    executor = Unsteady({})
    chain = [(stage("b", "a"),), (stage("c", "b"),), (stage("d"),)]
    events = list(dispatched(executor, chain, STORE, failed={"a"}))
    assert executor.submitted == [("d",)]
    assert set(ends(events)) == {"b", "c", "d"}


@pytest.mark.parametrize("room", [1, 50])
def test_ten_thousand_bundles_take_no_longer_each_than_a_thousand(room: int) -> None:
    def seconds(count: int) -> float:
        bundles = [(stage(f"p{k}"),) for k in range(count)]
        bundles += [(stage(f"f{k}", f"p{k}"),) for k in range(count)]
        begin = time.process_time()
        events = list(dispatched(Unsteady({}, room), bundles, STORE))
        assert len(ends(events)) == 2 * count
        return (time.process_time() - begin) / count

    assert seconds(10_000) < 4 * seconds(1_000) + 1e-4
