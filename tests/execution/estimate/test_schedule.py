"""How long work takes that several processes share."""

import pytest

from nearfar.execution.estimate.schedule import Work, crowded, makespan, slowed, strain
from nearfar.execution.processes import cores


def test_one_process_does_all_work_one_after_the_other() -> None:
    works = [Work("a", 3.0), Work("b", 2.0, frozenset({"a"})), Work("c", 1.0)]
    assert makespan(works, 1) == 6.0


def test_two_processes_share_what_does_not_wait() -> None:
    works = [Work("a", 3.0), Work("b", 2.0, frozenset({"a"})), Work("c", 4.0)]
    assert makespan(works, 2) == 5.0


def test_what_is_there_already_is_not_waited_for() -> None:
    assert makespan([Work("b", 2.0, frozenset({"done before"}))], 2) == 2.0
    assert makespan([], 2) == 0.0


def test_a_circle_is_no_work() -> None:
    works = [Work("a", 1.0, frozenset({"b"})), Work("b", 1.0, frozenset({"a"}))]
    with pytest.raises(ValueError, match="circle"):
        makespan(works, 2)


def test_more_threads_than_cores_take_turns() -> None:
    assert slowed(1, 1, 1.5) == 1.0
    assert slowed(cores() * 3, 1, 1.5) == pytest.approx(1.5 * 3)


def test_what_a_machine_says_of_itself_is_within_reason() -> None:
    assert 1.0 <= crowded() <= 2.0
    assert strain(0.01) >= 1.0
