"""Rows of one person or molecule never straddle parts, nor the edge of a labelled fraction."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nearfar.data import (
    Conditions,
    DataOptions,
    Dataset,
    Split,
    SplitOptions,
    Vectors,
    conditioned,
    load_dataset,
    split_rows,
)
from nearfar.errors import UserError
from nearfar.starter.detect import detect

PARTS = ("train", "validation", "test")


def grouped(sizes: list[int], classes: tuple[str, ...] = (), column: str | None = "g") -> Dataset:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    rows = len(groups)
    targets = groups % len(classes) if classes else np.arange(rows)
    return Dataset(
        inputs=Vectors(np.zeros((rows, 1), np.float32), ["x"]),
        ids=[str(i) for i in range(rows)],
        names=[""] * rows,
        smiles=[],
        source={"group": column},
        targets=targets[:, None].astype(np.float64),
        target_names=["y"],
        unit="",
        groups=groups,
        parts=None,
        digest="",
        classes=classes,
    )


def all_for_training(dataset: Dataset) -> Split:
    return Split(np.arange(len(dataset)), np.arange(0), np.arange(0))


def labelled(dataset: Dataset, split: Split, fraction: float, seed: int) -> Split:
    return conditioned(dataset, split, Conditions(labels=fraction), seed)[1]


def whole(dataset: Dataset, rows: np.ndarray) -> bool:
    inside = set(dataset.groups[rows].tolist())
    outside = set(dataset.groups[np.setdiff1d(np.arange(len(dataset)), rows)].tolist())
    return not inside & outside


@pytest.mark.parametrize("classes", [(), ("a", "b", "c")])
@pytest.mark.parametrize("fraction", [0.5, 0.25])
def test_labels_are_of_whole_groups(fraction: float, classes: tuple[str, ...]) -> None:
    data = grouped([4, 1, 3, 8, 2, 5, 1, 1, 4, 3] * 8, classes)
    drawn = labelled(data, all_for_training(data), fraction, seed=0).train
    assert whole(data, drawn)
    assert len(drawn) == pytest.approx(fraction * len(data), abs=8)
    assert (np.diff(drawn) > 0).all()
    again, other = (labelled(data, all_for_training(data), fraction, s).train for s in (0, 1))
    assert again.tolist() == drawn.tolist()
    assert other.tolist() != drawn.tolist()


def test_rows_that_only_look_alike_are_drawn_singly() -> None:
    data = grouped([2] * 100, column=None)
    drawn = labelled(data, all_for_training(data), 0.5, seed=0).train
    assert len(drawn) == 100
    assert not whole(data, drawn)


def test_all_labels_are_all_rows_whatever_the_groups() -> None:
    data = grouped([30, 30])
    assert len(labelled(data, all_for_training(data), 1.0, seed=0).train) == 60


def test_groups_too_large_for_the_fraction_are_refused() -> None:
    data = grouped([30] * 4)
    with pytest.raises(UserError, match=r"groups are too large to draw 12 of 120.*: 0 would be"):
        labelled(data, all_for_training(data), 0.1, seed=0)


def test_a_class_that_groups_leave_without_labels_is_refused() -> None:
    data = grouped([10] * 6, classes=("a", "b", "c"))
    with pytest.raises(UserError, match=r"labels: class '[abc]' has no row in the 20 that are"):
        labelled(data, all_for_training(data), 1 / 3, seed=0)


def people(folder: Path, images: int = 90) -> Path:
    """A table of images, three of every person, whose age is theirs; init reads it."""
    random = np.random.default_rng(0)
    lines = ["file,age,person"]
    for i in range(images):
        pixels = random.integers(0, 255, size=(8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
        lines.append(f"{i}.png,{20.5 + i % 30},p{i % 30}")
    (folder / "people.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder / "people.csv"


def test_images_of_one_person_stay_together_without_being_asked(tmp_path: Path) -> None:
    finding = detect(str(people(tmp_path)), ["age"], tmp_path)
    assert finding.data.group == "person"
    assert any("'person' stay in one part" in fact for fact in finding.facts)
    assert len(set(finding.dataset.groups)) == 30
    for kind in ("random", "group"):
        for seed in range(3):
            split = split_rows(finding.dataset, SplitOptions(kind=kind), seed)  # type: ignore[arg-type]
            parts = [set(finding.dataset.groups[getattr(split, part)]) for part in PARTS]
            assert sum(map(len, parts)) == 30
            some = labelled(finding.dataset, split, 0.5, seed)
            assert whole(finding.dataset, some.train)


@pytest.mark.parametrize(
    ("column", "cells", "found"),
    {
        "patient_id": ("patient_id", [str(i // 2) for i in range(40)], "patient_id"),
        "once each": ("person", [str(i) for i in range(40)], None),
        "too few": ("group", [str(i % 4) for i in range(40)], None),
        "missing": ("subject", ["", *(str(i // 2) for i in range(39))], None),
        "other name": ("city", [str(i // 2) for i in range(40)], None),
    }.values(),
)
def test_a_column_of_groups_is_known_by_name_and_repeats(
    tmp_path: Path, column: str, cells: list[str], found: str | None
) -> None:
    lines = [f"{i % 7},{i * 1.5},{cell}" for i, cell in enumerate(cells)]
    (tmp_path / "t.csv").write_text("\n".join([f"x,y,{column}", *lines]), encoding="utf-8")
    finding = detect(str(tmp_path / "t.csv"), ["y"], tmp_path)
    assert finding.data.group == found
    assert found is None or column not in (finding.data.features or [])


def test_one_molecule_written_in_two_ways_stays_in_one_part(tmp_path: Path) -> None:
    chains = ["C" * n for n in range(2, 14)]
    lines = [f"{s},{k}.5" for chain in chains for k, s in enumerate((f"{chain}O", f"O{chain}"))]
    (tmp_path / "m.csv").write_text("\n".join(["smiles,y", *lines]), encoding="utf-8")
    data = load_dataset(DataOptions(source="molecules", path="m.csv", target="y"), tmp_path)
    assert len(set(data.groups)) == 12
    for seed in range(5):
        split = split_rows(data, SplitOptions(parts=(0.5, 0.25, 0.25)), seed)
        assert sum(len(set(data.groups[getattr(split, part)])) for part in PARTS) == 12


def test_a_value_is_one_group_however_it_is_written(tmp_path: Path) -> None:
    sites = ["Zo\u00e9", "Zoe\u0301", "7", "7.0", " 7", "007", "8"]
    lines = ["a,y,site", *(f"{k}.5,{k},{site}" for k, site in enumerate(sites))]
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    options = DataOptions(source="table", path="t.csv", target="y", features=["a"], group="site")
    assert load_dataset(options, tmp_path).groups.tolist() == [0, 0, 1, 1, 1, 2, 3]
