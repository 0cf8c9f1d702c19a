"""Damaged files: whatever a reader says of one becomes one line with the file's name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nearfar.errors import UserError

_LONGEST = 200


@contextmanager
def whole(path: Path, kind: str) -> Iterator[None]:
    """Turn what a reader raises at a file into one line that names the file.

    Readers of damaged files raise anything: ``zlib.error``, ``EOFError``, ``KeyError``,
    ``struct.error``, ``RecursionError``; so only calls of readers belong within.

    Args:
        path: the file.
        kind: what it should be: ``gzip file``.

    Raises:
        UserError: if it cannot be read, or is damaged.
    """
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        if error.errno is None:  # so libraries say what is wrong with the content
            raise UserError(f"{path.name} is not a whole {kind}: {_said(error)}") from error
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:
        raise UserError(f"{path.name} is not a whole {kind}: {_said(error)}") from error


def _said(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:_LONGEST] if lines and lines[0].strip() else type(error).__name__
