"""A tracker at work in a thread of its own: the study does not wait for it or fail with it."""

import math
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nearfar.errors import first_line
from nearfar.track.base import Notice, NotSent, TrackedRun, Tracker


class Background:
    """Sends messages in their order; what goes wrong is reported once, by ``warn``.

    What is put is a function that makes the message, called in the sending thread. A message with a
    key is sent once: keys of those that arrived stand in ``sent.txt`` in the tracker's folder. With
    the first message the tracker's packages are imported, in the thread that puts it.
    """

    def __init__(self, name: str, tracker: Tracker, warn: Callable[[str], None]) -> None:
        self.name, self.tracker, self._warn = name, tracker, warn
        self._queue: queue.SimpleQueue[tuple[str, Callable[[], Any]] | None] = queue.SimpleQueue()
        self._arrived = time.monotonic()
        self._warned, self._any_arrived = False, False
        self._loaded = False
        self._put = self._known()
        self._thread = threading.Thread(target=self._work, name=f"track {name}", daemon=True)
        self._thread.start()

    @property
    def takes(self) -> type[TrackedRun] | type[Notice]:
        """What the tracker is to be sent."""
        return self.tracker.takes

    @property
    def _ledger(self) -> Path:
        return self.tracker.folder / "sent.txt"

    def _known(self) -> set[str]:
        try:
            return set(self._ledger.read_text(encoding="utf-8").splitlines())
        except OSError:
            return set()

    def put(self, make: Callable[[], Any], key: str = "") -> None:
        """Send what ``make`` returns, unless a message with the same ``key`` was sent before."""
        if key and key in self._put:
            return
        self._put.add(key)
        self._load()
        self._queue.put((key, make))

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        try:
            self.tracker.load()
        except Exception as error:
            self._tell(first_line(error))

    def finish(self) -> None:
        """Take no more messages."""
        self._queue.put(None)

    def wait(self, patience: float, at_most: float = math.inf) -> None:
        """Wait for the end, but for no longer than ``patience`` seconds in which nothing arrives.

        ``at_most`` bounds the whole wait, also where messages arrive; both are in seconds.
        """
        begin = time.monotonic()
        while self._thread.is_alive():
            now = time.monotonic()
            started = self._any_arrived or self._warned
            first = 0.0 if started else self.tracker.start_seconds
            left = min(max(begin, self._arrived) + patience + first, begin + at_most) - now
            if left <= 0:
                self._tell(f"not waited for longer than {now - begin:.1f} s")
                return
            self._thread.join(left)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            key, make = item
            try:
                self.tracker.send(make())
                if key:
                    self._note(key)
            except NotSent as error:
                self._tell(str(error))
            except BaseException as error:
                self._tell(first_line(error))
            else:
                self._arrived, self._any_arrived = time.monotonic(), True

    def _note(self, key: str) -> None:
        self._ledger.parent.mkdir(parents=True, exist_ok=True)
        with self._ledger.open("a", encoding="utf-8") as file:
            file.write(f"{key}\n")

    def _tell(self, reason: str) -> None:
        if not self._warned:
            self._warned = True
            self._warn(f"track: {self.name}: {reason}; the study is not touched by it")
