"""What a process does with memory that training frees."""

import platform
import resource
import threading
from pathlib import Path

import pytest
import torch

from nearfar.execution.memory import giving_back, keep_freed_memory

SIZE, TIMES = 48 << 20, 20


def faults_of_blocks() -> int:
    """Pages that the system had to hand out while blocks were asked for and freed."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(TIMES):
        torch.empty(SIZE, dtype=torch.uint8).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident_pages() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_freed_memory_is_kept_until_the_end() -> None:
    keep_freed_memory()
    faults_of_blocks()
    pages = SIZE // resource.getpagesize()
    assert faults_of_blocks() < TIMES * pages // 4
    held = resident_pages()
    with giving_back():
        pass
    assert resident_pages() <= held - pages // 2


def test_it_may_be_asked_for_in_a_thread() -> None:
    thread = threading.Thread(target=keep_freed_memory)
    thread.start()
    thread.join()
    assert not thread.is_alive()
