"""How a command ends: mistakes as one line, and the exit status."""

import os
import sys
from typing import Any

import typer

from nearfar.cli.arguments import app
from nearfar.errors import UserError

INTERRUPTED = 130
_USAGE_ERRORS: Any = typer.BadParameter.__mro__[2]
"""click's ClickException, whether typer brings its own copy of click or not."""


def _exit_status(action: Any) -> int:
    try:
        action()
    except UserError as error:
        print(f"nearfar: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("nearfar: interrupted; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return 1
    except Exception as error:
        print(f"nearfar: {type(error).__name__}: {error} (--debug shows more)", file=sys.stderr)
        return 1
    return 0


def main() -> None:
    """Run the command line and exit with 0 (done), 1 (failed), 2 (user's mistake) or 130."""

    def call() -> None:
        try:
            status = app(standalone_mode=False)
        except typer.Abort:
            raise KeyboardInterrupt from None
        except _USAGE_ERRORS as error:
            raise UserError(error.format_message()) from None
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        if status:
            raise SystemExit(status)

    arguments = sys.argv[1:]
    if "--debug" in arguments:
        sys.argv.remove("--debug")
        os.environ["NEARFAR_DEBUG"] = "1"
        call()
        return
    sys.exit(_exit_status(call))
