"""Image data sets by name: looked for, then downloaded from their official place."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nearfar.data.dataset import Dataset
from nearfar.data.options import DataOptions
from nearfar.data.read.download import download
from nearfar.data.read.images.cifar import is_cifar_folder, read_cifar
from nearfar.data.read.images.idx import is_idx_folder, read_idx_folder
from nearfar.data.read.images.pictures import ImageRows
from nearfar.data.read.images.tables import parquet_files, read_parquet_images
from nearfar.data.read.locate import cache_home, data_home, places
from nearfar.data.read.names import CLASS
from nearfar.data.sources.images import assembled
from nearfar.errors import UserError, nearest


@dataclass(frozen=True)
class Official:
    """A file at the place where its authors publish it."""

    url: str
    md5: str
    size: int
    """In MB, for people."""

    @property
    def name(self) -> str:
        """The file's name."""
        return self.url.rpartition("/")[2]


CIFAR10 = Official(
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "c32a1d4ab5d03f1284b67883e8d87530",
    162,
)
EMNIST = Official(
    "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
    "58c8d27c78d21e728a6bc7b3cc06412e",
    536,
)
CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
_EMNIST_SETS = ("balanced", "bymerge47", "bymerge", "byclass", "letters", "digits", "mnist")
_PREFERRED = ("balanced", "bymerge47")
"""Sets of the 47 classes, the official one before a rebuilt one."""


def load_cifar10(options: DataOptions, folder: Path) -> Dataset:
    """Read CIFAR-10: 50,000 training and 10,000 test images, 32 × 32 in colour, ten classes.

    A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", University of Toronto,
    2009. The official pixels are preferred to JPEG copies of them.

    Raises:
        UserError: if there is no copy and it cannot be downloaded; the message says what to do.
    """
    for place in places(options.path, folder, ("cifar10", "CIFAR10", "cifar-10", "")):
        if (found := _cifar_there(place)) is not None:
            return _cifar(found, options)
    if options.path is not None:
        raise UserError(f"{options.path}: holds no CIFAR-10: neither batches nor parquet files")
    return _cifar(_fetched("cifar10", CIFAR10), options)


def _cifar_there(place: Path) -> Path | None:
    """Return the copy at a place: official files before JPEG copies."""
    if place.is_file():
        return place
    if not place.is_dir():
        return None
    inner = [place / "cifar-10-batches-bin", place / "cifar-10-batches-py", place]
    for folder in inner:
        if folder.is_dir() and is_cifar_folder(folder):
            return folder
    if (archive := place / CIFAR10.name).is_file():
        return archive
    return place if parquet_files(place) else None


def _cifar(path: Path, options: DataOptions) -> Dataset:
    official = path.is_file() or is_cifar_folder(path)
    if official:
        rows = read_cifar(path)
        rows.class_names = {CLASS: CIFAR10_CLASSES}
    else:
        rows = read_parquet_images(parquet_files(path), path.name, options)
        if len(rows.class_names) != 1:
            raise UserError(f"{path}: needs one column of class labels with names")
    copy = "official pixels" if official else "JPEG re-encode: not the official pixels"
    return _dataset(rows, options, path, copy)


def load_emnist(options: DataOptions, folder: Path) -> Dataset:
    """Read EMNIST: handwritten characters, 28 × 28 grey, upright.

    G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to handwritten
    letters", 2017 (arXiv:1702.05373). ``subset`` names one of its sets; without it the 47 classes
    of Balanced, or of the rebuilt subset ``bymerge47``.

    Raises:
        UserError: if there is no copy and it cannot be downloaded; the message says what to do.
    """
    if options.subset is not None and options.subset not in _EMNIST_SETS:
        hint = nearest(options.subset, _EMNIST_SETS)
        raise UserError(f"data: subset: EMNIST has no set '{options.subset}'; {hint}")
    subsets = (options.subset,) if options.subset else _PREFERRED
    for place in places(options.path, folder, ("emnist", "EMNIST", "")):
        if place.is_file():
            return _emnist(*_unpacked(place, subsets[0]), options)
        for there in (place / "gzip", place / "EMNIST" / "raw", place):
            if (found := _emnist_there(there, subsets)) is not None:
                return _emnist(there, found, options)
        if (archive := place / EMNIST.name).is_file():
            return _emnist(*_unpacked(archive, subsets[0]), options)
    if options.path is not None:
        raise UserError(f"{options.path}: holds no IDX files of EMNIST {' or '.join(subsets)}")
    if subsets[0] == "bymerge47":
        raise UserError("EMNIST 'bymerge47' is not published: put its IDX files into a folder")
    return _emnist(*_unpacked(_fetched("emnist", EMNIST), subsets[0]), options)


def _emnist_there(folder: Path, subsets: Sequence[str]) -> str | None:
    if not folder.is_dir() or not is_idx_folder(folder):
        return None
    names = [entry.name for entry in folder.iterdir()]
    for subset in subsets:
        if any(name.startswith(f"emnist-{subset}-train-images") for name in names):
            return subset
    return None


def _emnist(folder: Path, subset: str, options: DataOptions) -> Dataset:
    rows = read_idx_folder(folder, f"emnist-{subset}", transposed=True, mapping=None)
    if subset == "letters":
        _count_from_zero(rows)
    copy = "a rebuilt subset, not the official split" if subset == "bymerge47" else "official"
    return _dataset(rows, options, folder, f"{subset}: {copy}")


def _count_from_zero(rows: ImageRows) -> None:
    """EMNIST Letters alone numbers its classes from 1."""
    labels = rows.table.columns[CLASS]
    rows.table.columns[CLASS] = [label - 1 for label in labels]
    rows.class_names = {CLASS: tuple(chr(ord("A") + k) for k in range(26))}


def _unpacked(archive: Path, subset: str) -> tuple[Path, str]:
    """Unpack the files of one set from the official archive into the cache; return where."""
    folder = cache_home() / "emnist"
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"emnist-{subset}-"
    try:
        with zipfile.ZipFile(archive) as content:
            for member in content.infolist():
                name = Path(member.filename).name
                if name.startswith(stem) and not (folder / name).exists():
                    beside = folder / f".part-{name}"
                    beside.write_bytes(content.read(member))
                    beside.replace(folder / name)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{archive}: not a complete archive: {error}") from error
    if _emnist_there(folder, [subset]) is None:
        raise UserError(f"{archive}: holds no files {stem}…")
    return folder, subset


def _fetched(name: str, file: Official) -> Path:
    target = cache_home() / name / file.name
    try:
        return download(file.url, target, file.md5, file.size)
    except OSError as error:
        home = data_home() / name
        raise UserError(
            f"data source '{name}' is not in {data_home()} and cannot be downloaded from "
            f"{file.url} ({error}): put {file.name} ({file.size} MB) into {home}"
        ) from error


def _dataset(rows: ImageRows, options: DataOptions, path: Path, copy: str) -> Dataset:
    chosen = options.model_copy(update={"subset": None})
    return assembled(rows, chosen, {"path": str(path), "copy": copy})
