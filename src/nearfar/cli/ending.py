"""How a command ends: mistakes as one line, and the exit status."""

import atexit
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import typer

from nearfar.cli.arguments import app
from nearfar.errors import UserError, full_disk
from nearfar.report.signs import inert
from nearfar.report.streams import make_output_last, output_failure

SIGNALLED = 128
INTERRUPTED = SIGNALLED + signal.SIGINT
ENOUGH = 16e9
"""Bytes of addresses that imports and a small training are content with."""
_USAGE_ERRORS: type[Exception] = typer.BadParameter.__mro__[2]
"""click's ClickException, whether typer brings its own copy of click or not."""
_NUMBA_FILE = ".numba_config.yaml"


@contextmanager
def _stopped_by_signals(received: list[int]) -> Iterator[None]:
    """Let SIGTERM, and SIGHUP unless it is ignored (nohup), end a command as Ctrl-C does.

    They are ``received``, for libraries make other exceptions of KeyboardInterrupt.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit_status(action: Callable[[], int]) -> int:
    received: list[int] = []
    try:
        with _stopped_by_signals(received):
            return action()
    except UserError as error:
        return _said(str(error), 2)
    except KeyboardInterrupt:
        by = f"stopped by {signal.Signals(received[0]).name}" if received else "interrupted"
        status = SIGNALLED + received[0] if received else INTERRUPTED
        resumes = "; the same command goes on from here" if sys.argv[1:2] == ["run"] else ""
        return _said(f"{by}{resumes}", status)
    except BrokenPipeError:
        return 1
    except Exception as error:
        if full := full_disk(error):
            return _said(f"{full}: make room, and the same command goes on from here", 1)
        if isinstance(error, OSError) and error.filename is not None:
            return _said(f"{error.filename}: {error.strerror} (--debug shows more)", 1)
        return _said(f"{type(error).__name__}: {error} (--debug shows more){_little_memory()}", 1)


def _little_memory() -> str:
    """Why libraries may have failed, where this process may ask for little memory."""
    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    if most == resource.RLIM_INFINITY or most >= ENOUGH:
        return ""
    return f"; memory is limited to {most / 1e9:.1f} GB (ulimit -v), which may be why"


def _said(line: str, status: int) -> int:
    print(f"nearfar: {inert(line)}", file=sys.stderr)
    return status


def _take_no_orders() -> None:
    """Let nothing in the working folder say what is imported or done.

    Raises:
        UserError: numba, which reads a file there, would obey it; or there is no such folder any
            more, where libraries end the process.
    """
    os.environ["PYTHONSAFEPATH"] = "1"  # for every Python that this one starts
    try:
        Path.cwd()
    except OSError as error:
        raise UserError(
            f"the working folder is not there ({error.strerror}): call nearfar from one that is"
        ) from None
    if os.path.lexists(_NUMBA_FILE):
        raise UserError(
            f"{Path.cwd() / _NUMBA_FILE}: numba would take its settings from this file: move it, or"
            " call nearfar from another folder"
        )


def main() -> None:
    """Run the command line and exit with 0 (done), 1 (failed), 2 (user's mistake) or 130.

    Or with 128 and the number of the signal that ended it.
    """

    def call() -> int:
        _take_no_orders()
        try:
            status = app(standalone_mode=False)
        except typer.Abort as abort:
            # Click makes one of what stands for Ctrl-D at a prompt: here it is a damaged file.
            if isinstance(abort.__cause__, EOFError):
                raise abort.__cause__ from None
            raise abort.__cause__ or KeyboardInterrupt from None
        except _USAGE_ERRORS as error:
            raise UserError(*error.format_message().splitlines()) from None  # type: ignore[attr-defined]
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        return int(status or 0)

    make_output_last()
    arguments = sys.argv[1:]
    if "--debug" in arguments:
        sys.argv.remove("--debug")
        os.environ["NEARFAR_DEBUG"] = "1"
        sys.exit(call())
    status = _exit_status(call)
    if failure := output_failure():
        print(f"nearfar: standard output: {failure}", file=sys.stderr)
    if status > SIGNALLED:
        _leave(status)
    sys.exit(status or int(bool(failure)))


def _leave(status: int) -> None:
    """End the process as it is, after what was registered for its end.

    Python would tear a thread out of compiled code, which aborts; and it ends with SIGINT's status
    wherever a signal came while it evaluated a string, as imports do.
    """
    atexit._run_exitfuncs()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)
