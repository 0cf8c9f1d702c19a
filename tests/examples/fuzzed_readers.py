"""Every reader under what hypothesis makes of a whole file: for ``scripts/fuzz-readers``.

A reader gives back what it read, or a ``UserError`` of one line that names the file, within ten
seconds of a processor.
"""

import argparse
import gzip
import io
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy as np
import yaml
from doors import DOORS
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase
from image_examples import encoded, some_pixels
from small_study import small

from nearfar.data.read.embeddings import read_embeddings
from nearfar.errors import UserError
from nearfar.plain_yaml import parse_yaml
from nearfar.starter.detect import detect

SLOW = 10.0
"""Seconds of a processor within which a file is read."""
TOKENS = (
    *(b'"', b"'", b",", b";", b"\t", b"\n", b"\r", b"\r\n", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf"),
    *(b"nan", b"1e999", b"-inf", b"9" * 400, b"[" * 3000, b"{" * 3000, b"]", b"}", b":", b"- "),
    *(b"&a [*a, *a]", b"<<: *a", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"M  END", b"$$$$\n"),
    *(b"V2000", b"C1CC", b"\xe2\x80\xae", b"=1+1", b"null", b"true", b"\\u0000", b"<a>", b"]]>"),
)
Edit = tuple[str, float, int, bytes]
EDITS: st.SearchStrategy[list[Edit]] = st.lists(
    st.tuples(
        st.sampled_from(["flip", "over", "insert", "drop", "cut", "again", "swap"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
        st.one_of(st.sampled_from(TOKENS), st.binary(max_size=8)),
    ),
    min_size=1,
    max_size=4,
)


@dataclass(frozen=True)
class Reader:
    """A whole file, or folder, of a kind; and what reads it."""

    write: Callable[[Path], Path]
    read: Callable[[Path], object]


class Slow(BaseException):
    """A file took more than its seconds."""


def _door(name: str) -> Reader:
    targets: list[tuple[str, ...]] = []

    def write(folder: Path) -> Path:
        made = DOORS[name](folder, random.Random(name))
        targets.append(made.targets)
        return made.path

    return Reader(write, lambda path: detect(str(path), targets[0], path.parent))


def _file(name: str, content: Callable[[], bytes], read: Callable[[Path], object]) -> Reader:
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content())
        return path

    return Reader(write, read)


def _matrix(save: Callable[..., None], **more: object) -> bytes:
    made = io.BytesIO()
    values = np.arange(60, dtype=np.float32).reshape(20, 3)
    save(made, values, **more) if save is np.save else save(made, values=values, **more)
    return made.getvalue()


def _pictures(kind: str) -> Reader:
    def write(folder: Path) -> Path:
        for k, pixels in enumerate(some_pixels(24, side=6)):
            path = folder / "pictures" / "ab"[k % 2] / f"{k}.{kind.lower()}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(pixels, kind))
        return folder / "pictures"

    return Reader(write, lambda path: detect(str(path), (), path.parent))


def _weights() -> bytes:
    import torch
    from safetensors.torch import save

    return save({"a": torch.zeros(4, 3), "b": torch.ones(5)})


def _read_weights(path: Path) -> object:
    from nearfar.weight_files import read_weights

    return read_weights(path)


READERS: dict[str, Reader] = {
    **{name: _door(name) for name in sorted(DOORS)},
    **{f"pictures {kind}": _pictures(kind) for kind in ("JPEG", "TIFF", "BMP", "GIF", "WEBP")},
    "embeddings npy": _file("e.npy", lambda: _matrix(np.save), read_embeddings),
    "embeddings npz": _file("e.npz", lambda: _matrix(np.savez_compressed), read_embeddings),
    "study file": _file(
        "s.yaml",
        lambda: yaml.safe_dump(small(), sort_keys=False).encode(),
        lambda path: parse_yaml(path.read_text(encoding="utf-8", errors="replace"), path.name),
    ),
    "safetensors": _file("w.safetensors", _weights, _read_weights),
}


def edited(content: bytes, edits: list[Edit]) -> bytes:
    """The content after these edits, one after another; places are shares of its length."""
    changed = bytearray(content)
    for how, share, number, some in edits:
        at = int(share * len(changed))
        if how == "flip" and changed:
            changed[at] ^= 1 << number % 8
        elif how == "over":
            changed[at : at + len(some)] = some
        elif how == "insert":
            changed[at:at] = some
        elif how == "drop":
            del changed[at : at + number]
        elif how == "cut":
            del changed[at:]
        elif how == "again":
            changed[at:at] = changed[max(at - number, 0) : at] * (number % 5 + 1)
        elif how == "swap":
            changed[at : at + 4] = changed[at : at + 4][::-1]
    return bytes(changed)


def inside(content: bytes, edits: list[Edit], which: int) -> bytes:
    """The same of what is packed: in gzip, or of one member of a zip."""
    if content[:2] == b"\x1f\x8b":
        return gzip.compress(edited(gzip.decompress(content), edits), mtime=0)
    if content[:2] != b"PK":
        return edited(content, edits)
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    hurt, made = sorted(members)[which % len(members)], io.BytesIO()
    members[hurt] = edited(members[hurt], edits)
    with zipfile.ZipFile(made, "w") as packed:
        for name, member in members.items():
            packed.writestr(name, member)
    return made.getvalue()


@contextmanager
def within_seconds() -> Iterator[None]:
    """Raise ``Slow`` once the processor has worked so long."""

    def slow(number: int, frame: FrameType | None) -> None:
        raise Slow(f"more than {SLOW} s")

    before = signal.signal(signal.SIGVTALRM, slow)
    signal.setitimer(signal.ITIMER_VIRTUAL, SLOW)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def fuzz(
    name: str, folder: Path, examples: int, number: int | None, kept: ExampleDatabase | None
) -> int:
    """Try a reader with so many files; return how many there were.

    Without a ``number``, its seed, the files are always the same.

    Raises:
        AssertionError: what the message of a refusal lacks.
        Exception: what a reader raised beside; with hypothesis' smallest file.
    """
    reader, tried = READERS[name], 0
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    whole = reader.write(folder)
    files = sorted(path for path in whole.parent.rglob("*") if path.is_file())
    contents = {path: path.read_bytes() for path in files}

    def attempt(edits: list[Edit], packed: bool, which: int) -> None:
        nonlocal tried
        tried += 1
        hurt = files[which % len(files)]
        change = inside(contents[hurt], edits, which) if packed else edited(contents[hurt], edits)
        hurt.write_bytes(change)
        try:
            with within_seconds(), warnings.catch_warnings():
                warnings.simplefilter("error")
                reader.read(whole)
        except UserError as error:
            said = str(error)
            assert "\n" not in said, said
            assert any(part in said for part in (hurt.name, whole.name)), said
        finally:
            hurt.write_bytes(contents[hurt])

    checked = settings(
        max_examples=examples,
        deadline=None,
        database=kept,
        derandomize=number is None,
        suppress_health_check=list(HealthCheck),
    )(given(EDITS, st.booleans(), st.integers(0, 1000))(attempt))
    (checked if number is None else seed(number)(checked))()
    return tried


def main() -> int:
    """Fuzz the readers that are named, or all, each for so many minutes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("readers", nargs="*", help=", ".join(READERS))
    parser.add_argument("--minutes", type=float, default=10.0, help="of each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kept", default=".hypothesis/readers", help="folder of what failed")
    asked = parser.parse_args()
    total, faults, kept = 0, 0, DirectoryBasedExampleDatabase(asked.kept)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = str(Path(folder) / "cache")
        for name in asked.readers or READERS:
            end, number, tried = time.monotonic() + 60 * asked.minutes, asked.seed, 0
            while time.monotonic() < end:
                try:
                    tried += fuzz(name, Path(folder) / "data", 100, number, kept)
                except (Exception, Slow):
                    faults += 1
                    print(f"{name}, seed {number}:", traceback.format_exc(limit=-4), flush=True)
                    break
                number += 1
            print(f"{name}: {tried} files, seeds {asked.seed} to {number - 1}", flush=True)
            total += tried
    print(f"{total} files, {len(asked.readers or READERS)} readers: {faults} with a fault")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
