"""Locks of folders, kept by the system: they end with the process that holds them."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import platform
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

from nearfar.errors import tell

_WITHOUT = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTSUP})
"""What a file system says that keeps no locks."""
_told: set[str] = set()


class Busy(Exception):  # noqa: N818 - a state, not a mistake
    """Another process holds the lock; says which."""


@contextlib.contextmanager
def held(
    path: Path, *, shared: bool = False, waiting: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the lock whose file is ``path``; the file is removed with the last who holds it.

    Where the file system keeps no locks, that is told once, and nothing is locked.

    Args:
        path: the lock's file, in a folder that is there.
        shared: whether others may hold it too who ask for it so.
        waiting: told who holds it, before this process waits; None refuses to wait.

    Raises:
        Busy: another process holds it, and ``waiting`` is None.
    """
    with contextlib.ExitStack() as closing:
        while True:
            file = closing.enter_context(path.open("a+", encoding="utf-8"))
            if not _taken(file, path, shared=shared, waiting=waiting):
                yield
                return
            if _is_at(path, file.fileno()):
                break
            if waiting is None:
                raise Busy("another process")
        if not shared:
            _sign(file)
        try:
            yield
        finally:
            _remove(file, path, shared=shared)


def _taken(
    file: IO[str], path: Path, *, shared: bool, waiting: Callable[[str], None] | None
) -> bool:
    """Lock an open file; return whether the file system can."""
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read(200).strip() or "another process"
            if waiting is None:
                raise Busy(holder) from None
            waiting(holder)
            fcntl.flock(file, kind)
    except OSError as error:
        if error.errno not in _WITHOUT:
            raise
        _tell_once(
            f"{path.parent}: its file system keeps no locks ({error.strerror}): let no two"
            " commands work there at once"
        )
        return False
    return True


def _sign(file: IO[str]) -> None:
    """Write into a lock's file who holds it."""
    when = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    with contextlib.suppress(OSError):  # on a full disk the lock holds as well
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}, since {when}")
        file.flush()


def _remove(file: IO[str], path: Path, *, shared: bool) -> None:
    with contextlib.suppress(OSError):
        if shared:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(path, file.fileno()):
            path.unlink()


def _is_at(path: Path, descriptor: int) -> bool:
    """Return whether an open file is still the one at ``path``: another process may remove it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def tell_of_local_locks(folder: Path, mounts: str | None = None) -> None:
    """Tell where locks in a folder hold on this machine alone, as far as its mount says so.

    Args:
        folder: one that is there.
        mounts: what ``/proc/self/mounts`` holds; None reads it where there is one.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
    here, best = f"{os.path.realpath(folder)}/", ("", "", "")
    for line in mounts.splitlines():
        _, place, kind, options, *_ = [*line.split(), "", "", "", ""]
        place = place.replace("\\040", " ")
        if here.startswith(place.rstrip("/") + "/") and len(place) >= len(best[0]):
            best = place, kind, options
    why = _local(best[1], best[2].split(","))
    if why:
        _tell_once(
            f"{folder}: is on {best[1]} ({why}), where locks hold on this machine alone: let no"
            " other machine work there at the same time"
        )


def _local(kind: str, options: list[str]) -> str:
    """Return the option that keeps locks to one machine, empty where they reach all."""
    if kind.startswith("nfs"):
        local = {"nolock", "local_lock=all", "local_lock=flock"}
        return next((option for option in options if option in local), "")
    if kind == "lustre":
        return "" if "flock" in options else "without the option flock"
    if kind in {"cifs", "smb3"}:
        return "nobrl" if "nobrl" in options else ""
    return "no locks between machines" if kind in {"fuse.sshfs", "fuse.s3fs"} else ""


def _tell_once(line: str) -> None:
    if line not in _told:
        _told.add(line)
        tell(line)
