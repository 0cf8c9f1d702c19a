"""Where worker processes come from.

On Linux they are forked from a server that has imported all that stages need, which takes longer
than many a stage: once for all workers, and beside the imports of the process that asks. Elsewhere,
where a fork of what is imported is not safe, every worker starts from nothing. No worker imports
the program that asks (``__main__``): what it is sent comes from nearfar's own modules, so a script
that calls nearfar needs no ``if __name__ == "__main__"``.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

FORKED = sys.platform == "linux"
IMPORTED = (
    "nearfar.execution.executors.local",
    "nearfar.stages.run",
    "lightning_fabric",
    "nearfar.losses.rnc.kernel_numba",
    "rdkit.Chem",
    "scipy.stats",
    "sklearn.ensemble",
    "sklearn.model_selection",
    "sklearn.svm",
)
"""Modules that the server imports; what is not installed is left out."""

_SAFE = "PYTHONSAFEPATH"
_context = multiprocessing.get_context("forkserver" if FORKED else "spawn")


def cores() -> int:
    """Return the processor's cores that this process may use."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return there or 1


def hush_torch(nodes: int) -> None:
    """Let torch tell of a machine that is gone without its stack in C++; before it is imported."""
    if nodes > 1:
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")


def import_ahead() -> None:
    """Let the server begin to import, if there is one; return at once."""
    if FORKED:
        from multiprocessing import forkserver

        forkserver.set_forkserver_preload(list(IMPORTED))
        with _deaf():
            forkserver.ensure_running()


def import_here() -> None:
    """Import in this process what stages need, as the server does."""
    for name in IMPORTED:
        with suppress(ImportError):
            import_module(name)


def start(work: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Return a new process, deaf to Ctrl-C from the first, that calls ``work``.

    It has this process's folder and environment variables.
    """
    import_ahead()
    begin = (work, dict(os.environ), *arguments)
    process: BaseProcess = _context.Process(  # type: ignore[attr-defined]
        target=_begin, args=begin, daemon=True
    )
    with _deaf(), _without_program():
        process.start()
    return process


def _begin(work: Callable[..., None], variables: dict[str, str], *arguments: Any) -> None:
    # The server may be older than what has been set since.
    os.environ.clear()
    os.environ.update(variables)
    work(*arguments)


@contextmanager
def _without_program() -> Iterator[None]:
    """Let a process that is started meanwhile not know which file ``__main__`` comes from."""
    program = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program


@contextmanager
def _deaf() -> Iterator[None]:
    """Block Ctrl-C and the terminal's end, for this process and those that it starts meanwhile.

    These import nothing from the working folder, as Python otherwise does.
    """
    given = os.environ.get(_SAFE)
    os.environ[_SAFE] = "1"
    try:
        # Were the tracker started below, that would unblock Ctrl-C.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    finally:
        if given is None:
            del os.environ[_SAFE]
