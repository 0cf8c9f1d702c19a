"""Class maps and labelled fractions: which rows are left, and what they are called."""

import numpy as np
import pytest

from nearfar.data import Conditions, Dataset, Split, Vectors, conditioned, mapped
from nearfar.errors import UserError

CLASSES = ("cat", "dog", "ship", "a+b")


def dataset(classes: tuple[str, ...] = CLASSES, rows: int = 40) -> Dataset:
    numbers = np.arange(rows) % 4
    return Dataset(
        inputs=Vectors(np.zeros((rows, 1), np.float32), ["x"]),
        ids=[str(i) for i in range(rows)],
        names=[""] * rows,
        smiles=[],
        source={},
        targets=numbers[:, None].astype(np.float64),
        target_names=["animal"],
        unit="",
        groups=np.arange(rows),
        parts=None,
        digest="",
        classes=classes,
    )


SPLIT = Split(np.arange(24), np.arange(24, 32), np.arange(32, 40))


def test_classes_are_joined_and_others_left_out() -> None:
    data, split = mapped(dataset(), SPLIT, "pets", {"ship": "boat", "dog+cat": "pet"})
    assert data.classes == ("boat", "pet")
    assert data.target_names == ["pets"]
    assert data.targets[:4, 0].tolist() == [1, 1, 0, -1]
    for part in ("train", "validation", "test"):
        before, after = getattr(SPLIT, part), getattr(split, part)
        assert after.tolist() == [row for row in before if row % 4 != 3]


def test_a_star_is_the_rest_and_a_name_with_a_plus_is_one_class() -> None:
    data, split = mapped(dataset(), SPLIT, "odd", {"a+b": "letters", "*": "things"})
    assert data.targets[:4, 0].tolist() == [1, 1, 1, 0]
    assert split.train.tolist() == SPLIT.train.tolist()


def test_two_keys_may_give_one_class() -> None:
    data, _ = mapped(dataset(), SPLIT, "pets", {"cat": "pet", "ship": "boat", "dog": "pet"})
    assert data.classes == ("pet", "boat")
    assert data.targets[:3, 0].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("classes", "phrase"),
    {
        "unknown": ({"cta": "cat", "*": "rest"}, "targets.t: no class is called 'cta'; did you"),
        "twice": ({"cat+dog": "pet", "dog": "dog"}, "class 'dog' stands twice"),
    }.values(),
)
def test_a_map_that_does_not_fit_is_refused(classes: dict[str, str], phrase: str) -> None:
    with pytest.raises(UserError, match=phrase.replace("+", r"\+")):
        mapped(dataset(), SPLIT, "t", classes)


def test_a_class_without_training_rows_is_refused() -> None:
    split = Split(np.arange(0, 24, 4), np.arange(24, 32), np.arange(32, 40))
    with pytest.raises(UserError, match="class 'dog' has no row for training"):
        mapped(dataset(), split, "t", {"cat": "cat", "dog": "dog"})


def labelled(dataset: Dataset, split: Split, fraction: float, seed: int) -> Split:
    return conditioned(dataset, split, Conditions(labels=fraction), seed)[1]


def test_a_fraction_of_labels_is_stratified_and_seeded() -> None:
    data = dataset(rows=400)
    whole = Split(np.arange(0, 320), np.arange(320, 360), np.arange(360, 400))
    some = labelled(data, whole, 0.25, seed=3)
    assert np.bincount(some.train % 4).tolist() == [20, 20, 20, 20]
    assert set(some.train) <= set(whole.train)
    assert (some.validation, some.test) == (whole.validation, whole.test)
    assert labelled(data, whole, 0.25, seed=3).train.tolist() == some.train.tolist()
    assert labelled(data, whole, 0.25, seed=4).train.tolist() != some.train.tolist()


def test_a_tiny_fraction_keeps_a_row_of_each_class_or_is_refused() -> None:
    data = dataset(rows=400)
    whole = Split(np.arange(0, 320), np.arange(320, 360), np.arange(360, 400))
    assert set(labelled(data, whole, 4 / 320, seed=0).train % 4) == {0, 1, 2, 3}
    with pytest.raises(UserError, match="training rows are 2, fewer than the 4 classes"):
        labelled(data, whole, 1e-9, seed=0)
    assert len(labelled(dataset(classes=(), rows=400), whole, 1e-9, seed=0).train) == 2


def test_labelled_rows_of_numbers_are_drawn_at_random() -> None:
    data = dataset(classes=(), rows=400)
    whole = Split(np.arange(0, 320), np.arange(320, 360), np.arange(360, 400))
    some = labelled(data, whole, 0.5, seed=0)
    assert len(some.train) == 160
    assert (np.diff(some.train) > 0).all()
