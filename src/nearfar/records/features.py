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

from nearfar.records.files import write_atomically

Array = NDArray[np.float32]


@dataclass(frozen=True)
class FeatureStore:
    """The folder ``root``: ``<hash>.npy`` beside ``<hash>.json``, the key and the seconds it cost.

    The hash is that of the key, which must name all that determines the numbers. What lies here can
    be made again: nothing refers to it.
    """

    root: Path

    def name(self, key: Mapping[str, Any]) -> str:
        """Return what the features of ``key`` are called."""
        text = json.dumps(key, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def has(self, name: str) -> bool:
        """Whether the features called so are there."""
        return (self.root / f"{name}.npy").exists()

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
        if self.has(name):
            seconds = json.loads(made.read_text(encoding="utf-8"))["seconds"]
            found: Array = np.load(values, allow_pickle=False)
            return found, float(seconds)
        begin = time.monotonic()
        features = make()
        seconds = round(time.monotonic() - begin, 3)
        self.root.mkdir(parents=True, exist_ok=True)
        write_atomically(made, json.dumps({"key": key, "seconds": seconds}) + "\n")
        write_atomically(values, _bytes(features))
        return features, 0.0

    def clear(self) -> tuple[int, int]:
        """Remove all features; return how many there were, and their bytes."""
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
