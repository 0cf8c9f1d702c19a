"""Files appear whole or not at all: they are written beside their place and renamed."""

import contextlib
import errno
import itertools
import os
import platform
import re
import time
import zlib
from pathlib import Path

from nearfar.errors import FULL, DiskFull

_NUMBERS = itertools.count()
_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
_BESIDE = re.compile(r"\..*\.([0-9a-f]{8})\.(\d+)\.\d+\.tmp")
_DAY = 86_400.0


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write ``content`` to ``path`` through a temporary file in the same folder and a rename.

    Raises:
        DiskFull: there is no room for it.
    """
    data = content.encode() if isinstance(content, str) else content
    # Short, so that any name that the file system takes for ``path`` can be written.
    name = path.name.encode()[:40].decode(errors="ignore")
    beside = path.with_name(f".{name}.{_HOST}.{os.getpid()}.{next(_NUMBERS)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull(_no_room(path, len(data), error.errno)) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def _no_room(path: Path, size: int, number: int | None) -> str:
    if number == errno.EFBIG:
        return f"{path}: no file of {_bytes(size)} may be here (ulimit -f, or its file system)"
    try:
        there = os.statvfs(path.parent)
    except OSError:
        return f"{path}: no room for {_bytes(size)}"
    if there.f_files and not there.f_favail:
        return f"{path}: no room: its disk takes no more files"
    free = _bytes(there.f_bavail * there.f_frsize)
    return f"{path}: no room for {_bytes(size)} ({free} are free)"


def _bytes(number: int) -> str:
    return f"{number / 1e6:.1f} MB" if number >= 100_000 else f"{-(-number // 1000)} kB"


def remove_left(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder.

    Those of processes that live stay, and those of other machines that are not a day old.
    """
    for path in folder.glob(".*.tmp"):
        match = _BESIDE.fullmatch(path.name)
        try:
            if match and match[1] == _HOST:
                left = not _lives(int(match[2]))
            else:
                left = time.time() - path.stat().st_mtime > _DAY
            if left:
                path.unlink(missing_ok=True)
        except OSError:
            continue


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
