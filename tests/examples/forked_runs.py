"""``nearfar`` in processes forked from this one, which has imported all: tries take little.

Not for a process with threads of its own.
"""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nearfar.cli import main
from nearfar.execution.processes import import_here


def import_all() -> None:
    """Import what commands need, before the first of them is started."""
    import_here()
    import nearfar.commands
    import nearfar.execution.run
    import nearfar.report.page  # noqa: F401


def start(*arguments: object, said: Path, before: Callable[[], object] | None = None) -> int:
    """Start a command in a session of its own; what it says goes to a file.

    ``before`` is called in its process first.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        if before is not None:
            before()
        sys.argv = ["nearfar", *map(str, arguments)]
        main()
        code = 0
    except SystemExit as ending:
        code = int(ending.code or 0)
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def ended(pid: int, seconds: float) -> int | None:
    """The exit status, None if it still runs after these seconds."""
    end = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            return None
        time.sleep(0.005)


def members(session: int) -> list[int]:
    """The processes of a session that live."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def lines_of(said: Path) -> list[str]:
    """What a command said, without empty lines."""
    text = said.read_text(encoding="utf-8", errors="replace") if said.exists() else ""
    return [line for line in text.splitlines() if line.strip()]
