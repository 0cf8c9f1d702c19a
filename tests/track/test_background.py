"""What a tracker does, or fails to do, reaches the study as one line at most."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from nearfar.track import Background, NotSent, Tracker


class Sink(Tracker):
    """Keeps what it is sent; messages that are exceptions are raised, events waited for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.got: list[Any] = []

    def send(self, message: Any) -> None:
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, threading.Event):
            message.wait(20)
        self.got.append(message)


def told(folder: Path) -> tuple[Sink, list[str], Background]:
    sink, lines = Sink(folder), []
    return sink, lines, Background("sink", sink, lines.append)


def test_all_arrive_in_order_and_failures_are_told_once(tmp_path: Path) -> None:
    sink, lines, background = told(tmp_path / "made")
    failures = [NotSent("no luck"), ValueError("two\nlines"), SystemExit(3), KeyboardInterrupt()]
    for message in [1, *failures, 2]:
        background.put(lambda message=message: message)
    background.finish()
    background.wait(20)
    assert sink.got == [1, 2]
    assert lines == ["track: sink: no luck; the study is not touched by it"]
    assert not (tmp_path / "made").exists()


def test_a_message_that_cannot_be_made_is_a_failure_like_others(tmp_path: Path) -> None:
    sink, lines, background = told(tmp_path)
    background.put(lambda: 1 / 0)
    background.put(lambda: "next")
    background.finish()
    background.wait(20)
    assert sink.got == ["next"]
    assert lines == [
        "track: sink: ZeroDivisionError: division by zero; the study is not touched by it"
    ]


def test_packages_are_imported_once_in_the_thread_of_the_study(tmp_path: Path) -> None:
    threads: list[str] = []

    class Slow(Sink):
        def load(self) -> None:
            threads.append(threading.current_thread().name)
            raise ImportError("a part is missing")

    sink, lines = Slow(tmp_path), []
    background = Background("slow", sink, lines.append)
    assert threads == []  # nothing is sent, nothing is imported
    background.put(lambda: 1)
    background.put(lambda: 2)
    background.finish()
    background.wait(20)
    assert threads == [threading.current_thread().name]
    assert lines == ["track: slow: ImportError: a part is missing; the study is not touched by it"]
    assert sink.got == [1, 2]


def test_a_key_is_sent_once_also_by_the_next_process(tmp_path: Path) -> None:
    for expected in (["a", "b"], ["b"]):
        sink, _, background = told(tmp_path)
        for message in ("a", "a", "b"):
            fails = message == "b" and expected == ["a", "b"]
            sent: Any = NotSent("later") if fails else message
            background.put(lambda sent=sent: sent, message)
        background.finish()
        background.wait(20)
        assert sink.got == (["a"] if expected == ["a", "b"] else ["b"])
    assert (tmp_path / "sent.txt").read_text() == "a\nb\n"


def test_putting_never_waits_and_the_end_waits_no_longer_than_said(tmp_path: Path) -> None:
    sink, lines, background = told(tmp_path)
    stuck = threading.Event()
    begin = time.monotonic()
    background.put(lambda: stuck)
    background.put(lambda: 1)
    background.finish()
    background.wait(0.2)
    assert 0.2 <= time.monotonic() - begin < 10
    assert lines == [
        "track: sink: not waited for longer than 0.2 s; the study is not touched by it"
    ]
    stuck.set()
    background.finish()
    background.wait(20)
    assert sink.got == [stuck, 1]


def test_a_tracker_that_gets_on_is_waited_for(tmp_path: Path) -> None:
    sink, lines, background = told(tmp_path)

    def slow() -> int:
        time.sleep(0.15)
        return 1

    for _ in range(6):
        background.put(slow)
    background.finish()
    background.wait(0.6)
    assert sink.got == [1] * 6
    assert lines == []


def test_the_whole_wait_can_be_bounded(tmp_path: Path) -> None:
    _, lines, background = told(tmp_path)
    over = threading.Event()

    def slow() -> None:
        over.wait(0.1)

    for _ in range(100):
        background.put(slow)
    background.finish()
    begin = time.monotonic()
    background.wait(20, at_most=0.5)
    assert time.monotonic() - begin < 5
    assert len(lines) == 1
    over.set()


def test_a_ledger_that_cannot_be_kept_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "sent.txt").mkdir()
    sink, lines, background = told(tmp_path)
    background.put(lambda: 1, "key")
    background.finish()
    background.wait(20)
    assert sink.got == [1]
    assert len(lines) == 1


@pytest.mark.parametrize("start", [0.0, 20.0])
def test_the_first_message_may_take_longer(
    start: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sink, "start_seconds", start)
    sink, lines, background = told(tmp_path)
    background.put(lambda: threading.Event().wait(0.4))
    background.finish()
    background.wait(0.05)
    assert (sink.got == [False]) == (start > 0)
    assert len(lines) == (start == 0)


def test_where_the_first_failed_the_next_is_not_waited_for_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sink, "start_seconds", 20.0)
    sink, lines, background = told(tmp_path)
    failed, over = threading.Event(), threading.Event()

    def second() -> threading.Event:
        failed.set()
        return over

    background.put(lambda: NotSent("nobody there"))
    background.put(second)
    background.finish()
    failed.wait(20)
    background.wait(0.05)
    assert sink.got == []
    assert lines == ["track: sink: nobody there; the study is not touched by it"]
    over.set()
