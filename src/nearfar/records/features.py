"""The store of features: what an encoder made of all rows, kept for every arm and run that asks."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar.errors import tell
from nearfar.records.files import remove_left, write_atomically
from nearfar.records.seals import Damaged, digest_of_file

Array = NDArray[np.float32]


@dataclass(frozen=True)
class FeatureStore:
    """The folder ``root``: ``<hash>.npy`` beside ``<hash>.json``, the key and the seconds it cost.

    The hash is that of the key, which must name all that determines the numbers. What lies here can
    be made again: nothing refers to it. Where one of the two files is missing, there is nothing.
    """

    root: Path

    def name(self, key: Mapping[str, Any]) -> str:
        """Return what the features of ``key`` are called."""
        text = json.dumps(key, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def has(self, name: str) -> bool:
        """Whether the features called so are there: both files, one alone is none."""
        return all((self.root / f"{name}{ending}").exists() for ending in (".npy", ".json"))

    def seconds(self) -> dict[str, float]:
        """Return what all features that are there took, by their names."""
        files = sorted(self.root.glob("*.json"))
        return {f.stem: float(json.loads(f.read_text("utf-8"))["seconds"]) for f in files}

    def get(self, key: Mapping[str, Any], make: Callable[[], Array]) -> tuple[Array, float]:
        """Return float32 features (n, d), and the seconds that making them anew would have taken.

        Those are 0 where they had to be made; two processes may do so at once.
        """
        name = self.name(key)
        values, made = self.root / f"{name}.npy", self.root / f"{name}.json"
        if (there := self._read(name)) is not None:
            return there
        begin = time.monotonic()
        features = make()
        seconds = round(time.monotonic() - begin, 3)
        self.root.mkdir(parents=True, exist_ok=True)
        content = _bytes(features)
        digest = hashlib.sha256(content).hexdigest()
        noted = {"key": key, "seconds": seconds, "sha256": digest}
        write_atomically(made, json.dumps(noted) + "\n")
        write_atomically(values, content)
        return features, 0.0

    def _read(self, name: str) -> tuple[Array, float] | None:
        """Read features that are there whole; damaged ones are thrown away, which is told."""
        if not self.has(name):
            return None
        try:
            seconds = self.check(name)
            found: Array = np.load(self.root / f"{name}.npy", allow_pickle=False)
        except FileNotFoundError:  # removed meanwhile
            return None
        except Damaged as wrong:
            tell(f"{self.root / name}: {wrong}: thrown away, and made again")
            for ending in (".npy", ".json"):
                (self.root / f"{name}{ending}").unlink(missing_ok=True)
            return None
        return found, seconds

    def check(self, name: str) -> float:
        """Compare features with their digest; return the seconds that making them took.

        Of features that were written before there were digests, see that they can be read.

        Raises:
            Damaged: says what is wrong.
            FileNotFoundError: they are not there.
        """
        values, made = self.root / f"{name}.npy", self.root / f"{name}.json"
        try:
            noted = json.loads(made.read_text(encoding="utf-8"))
            seconds, digest = float(noted["seconds"]), noted.get("sha256")
            if self.name(noted["key"]) != name:
                raise Damaged(f"{made.name} is of other features")
        except FileNotFoundError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Damaged(f"{made.name} cannot be read ({type(error).__name__})") from None
        if digest is not None:
            if digest_of_file(values) != digest:
                raise Damaged(f"{values.name} differs from what was written")
            return seconds
        try:
            np.load(values, allow_pickle=False)
        except FileNotFoundError:
            raise
        except Exception as error:
            raise Damaged(f"{values.name} cannot be read ({type(error).__name__})") from None
        return seconds

    def clear(self) -> tuple[int, int]:
        """Remove all features; return how many there were, and their bytes."""
        remove_left(self.root)
        files = sorted(self.root.glob("*.npy"))
        size = sum(file.stat().st_size for file in files)
        for file in (*files, *self.root.glob("*.json")):
            file.unlink(missing_ok=True)
        return len(files), size


def _bytes(features: Array) -> bytes:
    import io

    text = io.BytesIO()
    np.save(text, np.ascontiguousarray(features, dtype=np.float32), allow_pickle=False)
    return text.getvalue()
