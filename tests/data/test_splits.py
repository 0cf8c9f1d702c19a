"""Splits: complete, disjoint, groups whole, sizes exact, seeds that repeat."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_rows import equal_splits, made_rows

from nearfar.data import (
    DataOptions,
    Dataset,
    Split,
    SplitOptions,
    load_dataset,
    split_rows,
    straddling_groups,
)
from nearfar.data.inputs.smiles import scaffolds
from nearfar.data.split.groups import merged_groups
from nearfar.data.split.splits import part_sizes
from nearfar.errors import UserError


@pytest.fixture(scope="module")
def esol() -> Dataset:
    options = DataOptions(source="molecules", path="esol.csv", target="log_solubility", name="name")
    return load_dataset(options, Path())


def sizes(split: Split) -> tuple[int, int, int]:
    return len(split.train), len(split.validation), len(split.test)


def assert_partition(split: Split, dataset: Dataset) -> None:
    parts = (split.train, split.validation, split.test)
    for part in parts:
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(dataset)))
    assert straddling_groups(dataset, split) == 0


@pytest.mark.parametrize("seed", range(30))
def test_esol_random_split_is_exact_and_keeps_equal_molecules_together(
    esol: Dataset, seed: int
) -> None:
    split = split_rows(esol, SplitOptions(), seed)
    assert sizes(split) == (902, 113, 113)
    assert_partition(split, esol)


def test_esol_has_pairs_that_could_straddle(esol: Dataset) -> None:
    """The text repeats five times, the molecule thirteen times: mannitol and sorbitol among them.

    Two of these pairs differ in the sides of a double bond.
    """
    assert sum(count - 1 for count in Counter(esol.smiles).values()) == 5
    assert sum(count - 1 for count in Counter(esol.groups.tolist()).values()) == 13
    together = [
        tuple(esol.names[row] for row in np.flatnonzero(esol.groups == group))
        for group, count in Counter(esol.groups.tolist()).items()
        if count > 1
    ]
    assert ("mannitol", "Sorbitol") in together


@pytest.mark.parametrize("kind", ["random", "scaffold"])
def test_seeds_decide_the_split_and_repeat_it(esol: Dataset, kind: str) -> None:
    options = SplitOptions.model_validate({"kind": kind})
    one, again, other = (split_rows(esol, options, seed) for seed in (1, 1, 2))
    assert equal_splits(one, again)
    assert not equal_splits(one, other)


@pytest.mark.parametrize("kind", ["random", "scaffold", "group"])
def test_fixed_split_ignores_the_seed(esol: Dataset, kind: str) -> None:
    options = SplitOptions.model_validate({"kind": kind, "resplit": False})
    dataset = made_rows(list(range(60))) if kind == "group" else esol
    assert equal_splits(split_rows(dataset, options, 1), split_rows(dataset, options, 2))


def test_split_seed_decides_the_fixed_split(esol: Dataset) -> None:
    one, other = (SplitOptions(resplit=False, split_seed=seed) for seed in (0, 1))
    assert not equal_splits(split_rows(esol, one, 0), split_rows(esol, other, 0))
    assert equal_splits(split_rows(esol, other, 0), split_rows(esol, SplitOptions(), 1))


def test_split_does_not_change_between_versions() -> None:
    """A split behind published numbers can be had again; a change here must be told to users."""
    split = split_rows(made_rows(list(range(20))), SplitOptions(parts=(0.5, 0.25, 0.25)), 7)
    assert split.test.tolist() == [3, 8, 12, 13, 14]
    assert split.validation.tolist() == [1, 6, 10, 15, 16]


@pytest.mark.parametrize(
    ("rows", "parts", "expected"),
    [
        (1128, (0.8, 0.1, 0.1), (902, 113, 113)),
        (442, (0.8, 0.1, 0.1), (354, 44, 44)),
        (20, (0.8, 0.1, 0.1), (16, 2, 2)),
        (1000, (0.7, 0.1, 0.2), (700, 100, 200)),
        (10, (1 / 3, 1 / 3, 1 / 3), (4, 3, 3)),
    ],
)
def test_part_sizes(
    rows: int, parts: tuple[float, float, float], expected: tuple[int, int, int]
) -> None:
    assert part_sizes(rows, parts) == expected


@settings(deadline=None)
@given(st.integers(30, 10**6), st.tuples(*[st.floats(0.1, 1)] * 3))
def test_part_sizes_add_up_and_are_off_by_less_than_one(
    rows: int, weights: tuple[float, float, float]
) -> None:
    parts = tuple(weight / sum(weights) for weight in weights)
    found = part_sizes(rows, (parts[0], parts[1], parts[2]))
    assert sum(found) == rows
    for size, part in zip(found, parts, strict=True):
        assert abs(size - rows * part) < 1 + 1e-6


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), min_size=40, max_size=160), st.integers(0, 2**32))
def test_any_groups_give_a_partition_with_groups_whole(labels: list[int], seed: int) -> None:
    dataset = made_rows(merged_groups([labels], len(labels)).tolist())
    wished = part_sizes(len(labels), (0.8, 0.1, 0.1))
    largest = max(Counter(labels).values())
    try:
        split = split_rows(dataset, SplitOptions(kind="group"), seed)
    except UserError as error:
        told = str(error)
        assume(f"the largest has {largest} of {len(labels)} rows" not in told)
        raise
    assert_partition(split, dataset)
    for size, wish in zip(sizes(split), wished, strict=True):
        assert wish / 2 <= size <= wish * 2


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 4), min_size=5, max_size=20), st.integers(60, 100), st.integers(0, 99)
)
def test_sizes_are_exact_while_single_rows_fill_the_gaps(
    several: list[int], single: int, seed: int
) -> None:
    labels = [g for g, size in enumerate(several) for _ in range(size)]
    labels += list(range(len(several), len(several) + single))
    dataset = made_rows(labels)
    split = split_rows(dataset, SplitOptions(parts=(0.6, 0.2, 0.2)), seed)
    assert sizes(split) == part_sizes(len(labels), (0.6, 0.2, 0.2))
    assert_partition(split, dataset)


def test_every_row_and_every_pair_has_a_fair_chance_of_each_part() -> None:
    """50 pairs and 100 single rows: over many seeds a tenth of each is tested."""
    dataset = made_rows([k // 2 for k in range(100)] + list(range(50, 150)))
    tested = np.zeros(200)
    for seed in range(1000):
        tested[split_rows(dataset, SplitOptions(), seed).test] += 1 / 1000
    np.testing.assert_allclose(tested, 0.1, atol=5 * np.sqrt(0.09 / 1000))
    assert tested[:100].mean() == pytest.approx(0.1, abs=0.008)


def test_even_groups_split_exactly() -> None:
    dataset = made_rows([row // 5 for row in range(100)])
    split = split_rows(dataset, SplitOptions(kind="group", parts=(0.5, 0.25, 0.25)), 3)
    assert sizes(split) == (50, 25, 25)
    assert_partition(split, dataset)


def test_group_larger_than_any_part_is_refused() -> None:
    dataset = made_rows([0] * 95 + [1, 2, 3, 4, 5])
    with pytest.raises(UserError, match="groups are too large to split: the largest has 95 of 100"):
        split_rows(dataset, SplitOptions(), 0)


def test_group_larger_than_the_small_parts_goes_to_training() -> None:
    dataset = made_rows([0] * 40 + list(range(1, 61)))
    for seed in range(10):
        split = split_rows(dataset, SplitOptions(), seed)
        assert sizes(split) == (80, 10, 10)
        assert set(range(40)) <= set(split.train.tolist())


def test_group_split_needs_a_group_column() -> None:
    with pytest.raises(UserError, match="set data: group"):
        split_rows(made_rows([0, 1, 2], group=None), SplitOptions(kind="group"), 0)


def test_too_few_rows() -> None:
    with pytest.raises(
        UserError, match=r"12 rows are too few.*validation would have 1, at least 2"
    ):
        split_rows(made_rows(list(range(12))), SplitOptions(), 0)


@pytest.mark.parametrize("resplit", [True, False])
def test_scaffold_split_keeps_scaffolds_whole(esol: Dataset, resplit: bool) -> None:
    found = np.array(scaffolds(esol.smiles))
    split = split_rows(esol, SplitOptions(kind="scaffold", resplit=resplit), 5)
    assert_partition(split, esol)
    assert sizes(split) == (902, 113, 113)
    where = [set(found[rows]) for rows in (split.train, split.validation, split.test)]
    assert not where[0] & where[1]
    assert not where[0] & where[2]
    assert not where[1] & where[2]


def test_fixed_scaffold_split_trains_on_the_large_and_tests_on_the_rare(esol: Dataset) -> None:
    found = np.array(scaffolds(esol.smiles))
    count = Counter(found.tolist())
    split = split_rows(esol, SplitOptions(kind="scaffold", resplit=False), 0)
    least = {
        name: [count[scaffold] for scaffold in found[getattr(split, name)]]
        for name in ("train", "test")
    }
    assert max(least["test"]) <= min(least["train"])
    assert max(least["test"]) == 1


def test_seeded_scaffold_split_keeps_large_scaffolds_in_training(esol: Dataset) -> None:
    found = np.array(scaffolds(esol.smiles))
    count = Counter(found.tolist())
    for seed in range(5):
        split = split_rows(esol, SplitOptions(kind="scaffold"), seed)
        tested = {count[scaffold] for scaffold in found[split.test]}
        assert max(tested) <= 113 / 2


def test_scaffold_split_needs_molecules() -> None:
    with pytest.raises(UserError, match="split 'scaffold' needs molecules"):
        split_rows(made_rows(list(range(50))), SplitOptions(kind="scaffold"), 0)


def test_predefined_parts_are_taken_as_they_are() -> None:
    parts = ["train", "test", "validation", "train", "test", "validation"]
    split = split_rows(made_rows([0, 0, 1, 2, 3, 4], parts), SplitOptions(kind="predefined"), 0)
    assert split.train.tolist() == [0, 3]
    assert split.validation.tolist() == [2, 5]
    assert split.test.tolist() == [1, 4]
    assert straddling_groups(made_rows([0, 0, 1, 2, 3, 4], parts), split) == 1


def test_missing_validation_part_is_a_tenth_of_training_for_every_seed() -> None:
    groups = [0, 0, 0, *range(1, 118)]
    dataset = made_rows(groups, ["train"] * 100 + ["test"] * 20)
    options = SplitOptions(kind="predefined")
    split = split_rows(dataset, options, 0)
    assert sizes(split) == (90, 10, 20)
    assert_partition(split, dataset)
    assert split.test.tolist() == list(range(100, 120))
    assert equal_splits(split, split_rows(dataset, options, 1))
    other = SplitOptions(kind="predefined", validation=0.25, split_seed=1)
    assert sizes(split_rows(dataset, other, 0)) == (75, 25, 20)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (None, "needs the column of the parts"),
        (["train"] * 30, "part test has 0 rows"),
        (["test"] * 30, "part train has 0 rows"),
        (["train"] * 15 + ["test"] * 14 + ["validation"], "part validation has 1 row, at least"),
    ],
)
def test_predefined_parts_must_be_there(parts: list[str] | None, words: str) -> None:
    with pytest.raises(UserError, match=words):
        split_rows(made_rows(list(range(30)), parts), SplitOptions(kind="predefined"), 0)


def test_merged_groups_follow_chains() -> None:
    assert merged_groups([["a", "b", "c", "d"], [1, 2, 2, 3]], 4).tolist() == [0, 1, 1, 2]
    assert merged_groups([["a", "b", "b", "c"], [1, 1, 2, 2]], 4).tolist() == [0, 0, 0, 0]
    assert merged_groups([], 3).tolist() == [0, 1, 2]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=40))
def test_merged_groups_equal_connected_components(pairs: list[tuple[int, int]]) -> None:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    one, other = np.array(pairs).T
    touching = (one[:, None] == one) | (other[:, None] == other)
    _, expected = connected_components(csr_array(touching), directed=False)
    found = merged_groups([one.tolist(), other.tolist()], len(pairs))
    assert np.array_equal(found[:, None] == found, expected[:, None] == expected)
    firsts = [found.tolist().index(g) for g in range(found.max() + 1)]
    assert firsts == sorted(firsts)


def test_groups_alone_are_divided_where_no_single_row_can_level_the_parts() -> None:
    """Parts of 12 rows cannot be made of groups of 5: nothing is there to move."""
    dataset = made_rows([row // 5 for row in range(120)])
    labels = np.arange(120)[:, None] % 2.0
    dataset = replace(dataset, targets=labels, classes=("even", "odd"))
    for seed in range(20):
        split = split_rows(dataset, SplitOptions(), seed)
        assert straddling_groups(dataset, split) == 0
        assert all(10 <= size <= 100 and size % 5 == 0 for size in sizes(split))
