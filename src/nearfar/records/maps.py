"""Arrays for the page: features of shown rows beside a stage, maps of them beside a run."""

import io
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar.errors import first_line, tell
from nearfar.records.files import write_atomically

Array = NDArray[np.float32]

ROWS = "rows.npy"
MAPS = "embeddings.npz"
_KEPT = re.compile(r"features-(\d+)\.npy")


def features_name(place: int | None = None) -> str:
    """Return the name of a stage's file of features: at the end, or at epoch or iteration k."""
    return "features.npy" if place is None else f"features-{place}.npy"


def write_features(folder: Path, name: str, values: NDArray[Any], rows: NDArray[np.int64]) -> None:
    """Write features, float32 (r, d), and ``rows.npy``, int32 (r,), which rows these are."""
    for path, content in (
        (folder / name, values.astype(np.float32)),
        (folder / ROWS, rows.astype(np.int32)),
    ):
        file = io.BytesIO()
        np.save(file, content, allow_pickle=False)
        write_atomically(path, file.getvalue())


def read_kept_features(folder: Path, name: str) -> tuple[Array, NDArray[np.int32] | None] | None:
    """Read features and their rows, None for all rows; None where the stage keeps no features."""
    path = folder / name
    if not path.is_file():
        return None
    rows = np.load(folder / ROWS) if (folder / ROWS).is_file() else None
    return np.load(path, mmap_mode="r"), rows


def kept_places(folder: Path) -> list[int]:
    """Return the epochs or iterations before the end at which a stage kept features."""
    names = (_KEPT.fullmatch(path.name) for path in folder.glob("features-*.npy"))
    return sorted(int(match[1]) for match in names if match)


def read_maps(folder: Path, keys: Collection[str]) -> dict[str, Array]:
    """Read the maps that a run's folder holds of those asked for, by their keys."""
    path = folder / MAPS
    if not path.is_file():
        return {}
    try:
        # Read from memory: numpy leaves open a file that is damaged.
        content = io.BytesIO(path.read_bytes())
        with np.load(content, allow_pickle=False) as stored:
            return {key: np.asarray(stored[key]) for key in stored.files if key in keys}
    except MemoryError:
        raise
    except Exception as error:  # zip files that are damaged raise anything
        tell(f"{path}: cannot be used ({first_line(error)}): its maps are made anew")
        return {}


def write_maps(folder: Path, maps: Mapping[str, Array]) -> None:
    """Write the maps of a run by their keys."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **{key: maps[key] for key in sorted(maps)})
    write_atomically(folder / MAPS, content.getvalue())
