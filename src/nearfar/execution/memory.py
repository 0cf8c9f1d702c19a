"""Memory that training frees and asks for again in the next step stays with the process.

The C library gives large blocks back to the system as soon as they are free, and the system clears
every page that it hands out: a fifth of the time of a step on a processor, also in threads, whose
memory lies in pieces of 64 MB. Only glibc is told; what others do is left to them.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -3, -4, -8
"""Numbers of ``mallopt``'s parameters (glibc's malloc.h)."""
LARGEST = 1 << 30
"""Bytes of a block from which on it is given back at once all the same: a data set, no step."""
NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """Let this process keep what it frees (:func:`giving_back`); best before threads begin."""
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(ARENA_MAX, 1)
        mallopt(TRIM_THRESHOLD, NEVER)
        if not mallopt(MMAP_THRESHOLD, LARGEST):
            mallopt(MMAP_MAX, 0)


@contextmanager
def giving_back() -> Iterator[None]:
    """Give what is free at the end back to the system, for the programs beside this one."""
    try:
        yield
    finally:
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
