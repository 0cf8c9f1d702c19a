"""``done``: the last file of a folder, with a digest of every other, and the means to check them.

It is a line of JSON and a line with that line's own digest. One that was written before there were
digests is empty, or names the stages of one computation: it vouches for nothing, and stays valid.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nearfar.records.files import write_atomically

DONE = "done"
SMALL = 2**16
"""Bytes up to which files are read and compared whenever a folder is opened."""


MODEL = "model.safetensors"
_NEEDED = {
    "pretrain": (MODEL,),
    "solve": (MODEL,),
    "fit": (MODEL, "predictions.csv"),
    "score": ("predictions.csv",),
}
"""Files without which a stage of a kind that is done is of no use."""


class Damaged(Exception):  # noqa: N818 - a state, not a mistake
    """A file is not what was written; says which, and how that shows."""


@dataclass(frozen=True)
class Seal:
    """What ``done`` says: the stages of one computation, and of files their size and SHA-256.

    ``files`` is None where it was written before there were digests. ``copies`` are the contents of
    files that nothing else could bring back.
    """

    batch: tuple[str, ...] = ()
    files: dict[str, tuple[int, str]] | None = None
    copies: dict[str, str] = field(default_factory=dict)

    def to_text(self) -> str:
        """Return the content of ``done``."""
        plain: dict[str, object] = {"batch": self.batch, "files": self.files}
        if self.copies:
            plain["copies"] = self.copies
        line = json.dumps(plain, sort_keys=True)
        return f"{line}\n{_digest_of(line.encode())}\n"

    @classmethod
    def from_text(cls, text: str) -> Seal:
        """Return what a ``done`` says.

        Raises:
            Damaged: it is not what was written.
        """
        if not text.startswith("{"):
            words = text.split()
            if any(len(word) > 64 or not word.isalnum() for word in words):
                raise Damaged(f"{DONE} is damaged")
            return cls(tuple(words))
        line, _, rest = text.partition("\n")
        if rest != f"{_digest_of(line.encode())}\n":
            raise Damaged(f"{DONE} is damaged")
        plain = json.loads(line)
        files = {name: (size, digest) for name, (size, digest) in plain["files"].items()}
        return cls(tuple(plain["batch"]), files, plain.get("copies", {}))


def seal(folder: Path, batch: Iterable[str] = (), *, copied: Iterable[str] = ()) -> None:
    """Write ``done`` of a folder that is complete, with a digest of every file in it.

    Hidden files are left out. The texts ``copied`` are kept in it too.
    """
    files = {
        path.name: (path.stat().st_size, digest_of_file(path))
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != DONE and not path.name.startswith(".")
    }
    copies = {name: (folder / name).read_text(encoding="utf-8") for name in copied if name in files}
    write_atomically(folder / DONE, Seal(tuple(batch), files, copies).to_text())


def read_seal(folder: Path) -> Seal:
    """Return what ``done`` of a folder says.

    Raises:
        FileNotFoundError: there is none.
        Damaged: it cannot be read, or is not what was written.
    """
    try:
        return Seal.from_text((folder / DONE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise Damaged(f"{DONE} is damaged") from None


def check_files(folder: Path, seal: Seal, *, deep: bool, names: Iterable[str] = ()) -> None:
    """Compare the files of a folder with its seal, as :func:`differences` does.

    Raises:
        Damaged: names the first file that is gone or differs.
    """
    for name, wrong in differences(folder, seal, deep=deep, names=names):
        raise Damaged(f"{name} {wrong}")


def differences(
    folder: Path, seal: Seal, *, deep: bool, names: Iterable[str] = ()
) -> Iterator[tuple[str, str]]:
    """Yield the files of a folder that are not what its seal says, and what is wrong with each.

    Args:
        folder: where they lie.
        seal: what they were; without digests nothing differs.
        deep: read all files; otherwise small ones, and of others the size.
        names: read these too, whatever their size.
    """
    wanted = set(names)
    for name, (size, digest) in (seal.files or {}).items():
        path = folder / name
        try:
            found = path.stat().st_size
            if found != size:
                yield name, f"is damaged: {found} bytes, not {size}"
                continue
            read = deep or size <= SMALL or name in wanted
            if read and digest_of_file(path) != digest:
                yield name, "is damaged: its content differs from what was written"
        except FileNotFoundError:
            yield name, "is gone"
        except OSError as error:
            yield name, f"cannot be read: {error.strerror or error}"


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's content.

    Raises:
        FileNotFoundError: it is not there.
        OSError: it is no plain file, or cannot be read.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise OSError(f"{path.name} is no file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def check_readable(folder: Path, kind: str) -> None:
    """See that a stage's files are there and have their formats, where no digest vouches for them.

    Args:
        folder: of the stage.
        kind: of a stage that is done; empty for others, of which no file must be there.

    Raises:
        Damaged: names the first that is not.
    """
    for name in _NEEDED.get(kind, ()):
        if not (folder / name).is_file():
            raise Damaged(f"{name} is not there")
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            raise Damaged(f"{path.name} is no plain file")
        _read(path)


def _read(path: Path) -> None:
    try:
        if path.suffix == ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                widths = {len(row) for row in csv.reader(file, strict=True)}
            if len(widths) != 1:
                raise ValueError("rows of different lengths")
        elif path.suffix == ".npy":
            np.load(path, mmap_mode="r", allow_pickle=False)
        elif path.suffix == ".safetensors":
            _read_tensors(path)
        else:
            path.read_bytes()
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise Damaged(f"{path.name} cannot be read ({error})") from None


def _read_tensors(path: Path) -> None:
    """Read the header of a file of tensors, and see that it is as long as that says."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size:
            raise ValueError("it is cut off")
        header = json.loads(file.read(length))
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    if 8 + length + max(ends, default=0) != path.stat().st_size:
        raise ValueError("it is cut off")
