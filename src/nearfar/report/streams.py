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
    if not is_its_own or isinstance(getattr(stream.buffer, "raw", None), _Lasting):
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Lasting(number)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Lasting(io.FileIO):
    """A descriptor that takes what is written when nobody reads it any more."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            pass
        except OSError as error:
            if error.errno != _GONE:
                raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        return memoryview(data).nbytes


_GONE = errno.EIO
"""The error (EIO) of a terminal that was closed."""


def _look_alikes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return looking_alike(lacking, error.encoding), error.end
