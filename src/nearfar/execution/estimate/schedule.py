"""How long work takes that several processes share."""

import heapq
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from nearfar.execution.processes import cores


@dataclass(frozen=True)
class Work:
    """Something that one process does in so many seconds, after what it ``needs``."""

    name: str
    seconds: float
    needs: frozenset[str] = frozenset()


def makespan(works: Sequence[Work], workers: int) -> float:
    """Return when all is done: whoever is free takes the first that can begin.

    What is needed and not among the works is there already.
    """
    names = {work.name for work in works}
    queue, done = list(works), dict[str, float]()
    running: list[tuple[float, str]] = []
    now = 0.0
    while queue or running:
        for work in queue[:]:
            if len(running) == workers:
                break
            if all(name in done for name in work.needs & names):
                queue.remove(work)
                heapq.heappush(running, (now + work.seconds, work.name))
        if not running:
            raise ValueError("works need each other in a circle")
        now, name = heapq.heappop(running)
        done[name] = now
    return now


def slowed(workers: int, threads: int, crowded: float) -> float:
    """Return how much longer work takes where so many processes do it at once, than by one.

    ``crowded`` is that of one for each core. More threads than there are cores take turns.
    """
    if workers * threads == 1:
        return 1.0
    return crowded * max(1.0, workers * threads / cores())


def crowded() -> float:
    """Return how much longer work takes where every core works, than where one does: 1 to 2.

    Cores may be halves of one, and share its caches: a small convolution is computed by one thread
    and by as many as there are cores, and the processor's seconds of each are compared.
    """
    alone = min(_at_once(1)[0] for _ in range(3))
    together = min(max(_at_once(cores())) for _ in range(3))
    return min(max(together / alone, 1.0), 2.0)


def strain(seconds: float = 0.2) -> float:
    """Return how many seconds pass while this process is given one by a machine that is busy."""
    begin, worked = time.monotonic(), time.process_time()
    while time.monotonic() - begin < seconds:
        pass
    return max(1.0, seconds / max(time.process_time() - worked, 1e-6))


def _at_once(count: int) -> list[float]:
    """Return the processor's seconds of so many threads that do the same."""
    took: list[float] = []

    def work() -> None:
        images, kernel = torch.ones(8, 16, 32, 32), torch.ones(32, 16, 3, 3)
        begin = time.thread_time()
        for _ in range(10):
            torch.nn.functional.conv2d(images, kernel)
        took.append(time.thread_time() - begin)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took
