"""Standard output that lasts: a run is not stopped by whoever reads what it prints."""

import codecs
import errno
import io
import os
import sys
from pathlib import Path
from typing import Any, cast

from nearfar.report.signs import looking_alike

LOOK_ALIKES = "nearfar.look-alikes"
"""Names the way of writing what an encoding lacks."""


def make_output_last() -> None:
    """Let standard output and error take every character, and output outlast its reader.

    What the stream's encoding lacks is written by look-alikes. Once nobody reads standard output
    (``| head -1``, a terminal that was closed), what is written there is dropped.
    """
    codecs.register_error(LOOK_ALIKES, _look_alikes)
    sys.stdout = _kept(sys.stdout, 1)
    sys.stderr = _kept(sys.stderr, 2)


def _kept(stream: object, number: int) -> io.TextIOWrapper:
    """The stream, or one in its place, that neither an encoding nor a closed reader ends."""
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper):
        return cast("io.TextIOWrapper", stream)
    if stream.errors in {"strict", "surrogateescape", "backslashreplace"}:
        stream.reconfigure(errors=LOOK_ALIKES)
    try:
        is_its_own = stream.fileno() == number
    except (OSError, ValueError):
        return stream
    if not is_its_own or isinstance(_raw(stream), _Lasting):
        return stream
    stream.flush()
    raw = _Lasting(number)
    # Unbuffered where Python was told to be (PYTHONUNBUFFERED=1, as images of containers do).
    return io.TextIOWrapper(
        cast("io.BufferedWriter", raw) if stream.write_through else io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _raw(stream: object) -> object:
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


class _Lasting(io.FileIO):
    """A descriptor that takes what is written when nobody reads it any more, or it is full."""

    failure = ""

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self.left = {errno.EPIPE, errno.EIO} if self.isatty() else {errno.EPIPE}

    def write(self, data: Any, /) -> int:
        """Write bytes, or drop them from the first failure on; only a reader's leave is none."""
        try:
            return super().write(data) or 0
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno not in self.left:
                self.failure = str(error.strerror)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        return memoryview(data).nbytes


def output_failure() -> str:
    """Why standard output lacks something that was written, a full disk; empty if nothing is."""
    if sys.stdout is None:
        return ""
    sys.stdout.flush()
    raw = _raw(sys.stdout)
    return raw.failure if isinstance(raw, _Lasting) else ""


def _look_alikes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return looking_alike(lacking, error.encoding), error.end
