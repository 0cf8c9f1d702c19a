"""Morgan fingerprints and descriptors."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from encoder_examples import SMILES, some_molecules
from rdkit import Chem
from rdkit.Chem.Descriptors import CalcMolDescriptors

from nearfar.data.inputs.descriptors import descriptors
from nearfar.data.inputs.molecules import Molecules
from nearfar.data.inputs.smiles import read_smiles
from nearfar.encoders import FixedEncoder, build_encoder
from nearfar.errors import UserError


def features(name: str, inputs: Any, **options: Any) -> np.ndarray:
    encoder = build_encoder(name, options, inputs)
    assert isinstance(encoder, FixedEncoder)
    rows = encoder.features(inputs)
    assert rows.dtype == np.float32
    assert rows.shape == (len(inputs), encoder.out_features)
    return rows


def test_counts_have_one_unit_and_descriptors_many() -> None:
    molecules = some_molecules()
    units = {
        name: getattr(build_encoder(name, {}, molecules), "mixed_units", None)
        for name in ("morgan", "descriptors")
    }
    assert units == {"morgan": False, "descriptors": True}


def test_radius_zero_counts_kinds_of_atoms() -> None:
    rows = features("morgan", Molecules.from_smiles(["CCO", "CCCO", "C"]), radius=0)
    assert Counter(rows[0][rows[0] > 0].tolist()) == {1.0: 3}
    assert sorted(rows[1][rows[1] > 0].tolist()) == [1.0, 1.0, 2.0]
    assert rows[2].sum() == 1


def test_presence_is_the_sign_of_counts() -> None:
    molecules = some_molecules()
    counts = features("morgan", molecules)
    assert counts.max() > 1
    assert np.array_equal(features("morgan", molecules, counts=False), np.sign(counts))


def test_bits_fold_and_radius_widens() -> None:
    molecules = some_molecules()
    wide, narrow = features("morgan", molecules), features("morgan", molecules, bits=64)
    assert narrow.shape[1] == 64
    assert np.array_equal(wide.sum(1), narrow.sum(1))
    assert (features("morgan", molecules, radius=3).sum(1) >= wide.sum(1)).all()
    assert features("morgan", molecules, radius=3).sum() > wide.sum()


def test_writing_a_molecule_differently_changes_nothing() -> None:
    rows = features("morgan", Molecules.from_smiles(["OCC", "CCO", "C(O)C"]))
    assert np.array_equal(rows[0], rows[1])
    assert np.array_equal(rows[0], rows[2])


def test_descriptors_are_rdkits() -> None:
    from rdkit.Chem import Descriptors

    rows = features("descriptors", some_molecules())
    names = [name for name, _ in Descriptors.descList]
    weights = [Descriptors.MolWt(Chem.MolFromSmiles(text)) for text in SMILES]
    assert np.allclose(rows[:, names.index("MolWt")], weights)
    assert np.isfinite(rows).all()


def test_descriptors_are_bounded_where_rdkit_explodes() -> None:
    rows = features("descriptors", Molecules.from_smiles(["C" * 120, "[Na+].[Cl-]"]))
    assert np.abs(rows).max() == pytest.approx(1e9)


def test_unreadable_smiles(monkeypatch: pytest.MonkeyPatch) -> None:
    molecules = some_molecules()
    monkeypatch.setattr(molecules, "smiles", ["CCO", "C1CC", *SMILES[2:]])
    with pytest.raises(UserError, match="molecule 2: SMILES 'C1CC' cannot be read"):
        build_encoder("morgan", {}, molecules).features(molecules)


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nearfar.data.inputs.descriptors.FEWEST", 4)


@pytest.mark.usefixtures("few_are_many")
def test_several_processes_compute_what_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [*SMILES, "[Na]Cl", "C" * 60]
    alone = descriptors(many)
    monkeypatch.setattr("nearfar.data.inputs.descriptors._described", pytest.fail)
    together = descriptors(many, processes=2)
    assert np.array_equal(alone, together, equal_nan=True)
    compute: Any = CalcMolDescriptors
    for text, row in zip(many, alone, strict=True):
        own = [*compute(read_smiles(text), missingVal=0).values()]
        assert np.array_equal(row, own, equal_nan=True)


@pytest.mark.usefixtures("few_are_many")
def test_what_ails_a_molecule_is_told_of_several_processes_too() -> None:
    with pytest.raises(UserError, match="molecule 9: SMILES 'C1CC' cannot be read"):
        descriptors(["CCO"] * 8 + ["C1CC"], processes=2)


@pytest.mark.usefixtures("few_are_many")
def test_without_other_processes_this_one_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    assert len(descriptors(["CCO"] * 8, processes=2)) == 8
