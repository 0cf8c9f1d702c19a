"""Scaffold splits in DeepChem's order, beside DeepChem's own loop."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

from nearfar.data import DataOptions, Dataset, SplitOptions, load_dataset, split_rows
from nearfar.data.split.scaffolds import order_of
from nearfar.errors import UserError

DEEPCHEM = SplitOptions(kind="scaffold", order="deepchem")


@cache
def esol() -> Dataset:
    data = DataOptions(source="molecules", path="esol.csv", target="log_solubility")
    return load_dataset(data, Path())


@cache
def scaffold(smiles: str) -> str:
    return str(MurckoScaffoldSmiles(mol=Chem.MolFromSmiles(smiles), includeChirality=False))


def deepchem_split(
    smiles: list[str], train: float, valid: float
) -> tuple[list[int], list[int], list[int]]:
    """As the documentation of ``deepchem.splits.ScaffoldSplitter`` has it, row by row."""
    rows_of: dict[str, list[int]] = {}
    for row, text in enumerate(smiles):
        rows_of.setdefault(scaffold(text), []).append(row)
    ordered = sorted(rows_of.values(), key=lambda rows: (len(rows), rows[0]), reverse=True)
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for rows in ordered:
        if len(parts[0]) + len(rows) <= train * len(smiles):
            parts[0].extend(rows)
        elif len(parts[0]) + len(parts[1]) + len(rows) <= (train + valid) * len(smiles):
            parts[1].extend(rows)
        else:
            parts[2].extend(rows)
    return parts


def test_esol_has_the_published_sizes() -> None:
    split = split_rows(esol(), DEEPCHEM, 0)
    assert [len(p) for p in (split.train, split.validation, split.test)] == [902, 113, 113]


@pytest.mark.parametrize("order", ["given", "reversed", "shuffled"])
def test_the_parts_are_deepchems(order: str, tmp_path: Path) -> None:
    smiles = esol().smiles
    if order == "reversed":
        smiles = smiles[::-1]
    if order == "shuffled":
        smiles = [smiles[k] for k in np.random.default_rng(0).permutation(len(smiles))]
    lines = [f"{text},{row}" for row, text in enumerate(smiles)]
    (tmp_path / "m.csv").write_text("\n".join(["smiles,y", *lines]) + "\n")
    data = load_dataset(DataOptions(source="molecules", path="m.csv", target="y"), tmp_path)
    for parts in ((0.8, 0.1, 0.1), (0.7, 0.1, 0.2), (0.5, 0.25, 0.25)):
        split = split_rows(data, SplitOptions(kind="scaffold", order="deepchem", parts=parts), 5)
        ours = (split.train, split.validation, split.test)
        theirs = deepchem_split(smiles, parts[0], parts[1])
        for mine, its in zip(ours, theirs, strict=True):
            assert mine.tolist() == sorted(its)


def test_the_other_fixed_split_is_another_and_says_so() -> None:
    fixed = SplitOptions(kind="scaffold", resplit=False)
    ours, theirs = (split_rows(esol(), options, 0) for options in (fixed, DEEPCHEM))
    assert ours.test.tolist() != theirs.test.tolist()
    assert "not the parts of DeepChem's" in order_of(fixed)
    assert "in the order of DeepChem's" in order_of(DEEPCHEM)
    assert order_of(SplitOptions(kind="scaffold")) == order_of(SplitOptions()) == ""


def test_order_goes_with_a_fixed_scaffold_split() -> None:
    assert DEEPCHEM.resplit is False
    assert DEEPCHEM.parts == (0.8, 0.1, 0.1)
    with pytest.raises(ValueError, match="goes with kind 'scaffold', not 'random'"):
        SplitOptions(kind="random", order="deepchem")
    with pytest.raises(ValueError, match="the same for every seed: leave out 'resplit'"):
        SplitOptions(kind="scaffold", order="deepchem", resplit=True)
    assert "order" not in SplitOptions(kind="scaffold").model_dump(exclude_none=True)


def test_one_scaffold_for_all_rows_is_refused(tmp_path: Path) -> None:
    lines = [f"{'C' * k}c1ccccc1,{k}" for k in range(1, 21)]
    (tmp_path / "m.csv").write_text("\n".join(["smiles,y", *lines]) + "\n")
    data = load_dataset(DataOptions(source="molecules", path="m.csv", target="y"), tmp_path)
    with pytest.raises(UserError, match="in DeepChem's order: train would have 0 rows"):
        split_rows(data, DEEPCHEM, 0)
