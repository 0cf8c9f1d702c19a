"""Any two spellings of one molecule are one input: graphs, features and predictions byte-equal."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from rdkit import Chem, RDLogger

from nearfar.data import DataOptions, Molecules, load_dataset
from nearfar.data.inputs.smiles import identity, read_smiles, scaffolds
from nearfar.encoders import build_encoder

DRUG_LIKE = [
    "C[C@H](N)C(=O)O",
    "CN1[C@H]2CC[C@@H]1[C@@H](C(=O)OC)[C@@H](OC(=O)c1ccccc1)C2",
    "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",
    "C[C@]12CC[C@H]3[C@@H](CC=C4C[C@@H](O)CC[C@]34C)[C@@H]1CC[C@@H]2[C@H](C)CCCC(C)C",
    "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O",
    "OC[C@H]1O[C@H](O[C@@H]2[C@@H](CO)O[C@@H](O)[C@H](O)[C@H]2O)[C@H](O)[C@@H](O)[C@@H]1O",
    "C/C=C\\C",
    "F/C=C/[C@H](O)/C=C\\F",
    "CC(/C=C/C=C(C)/C=C/C1=C(C)CCCC1(C)C)=C\\C(=O)O",
    "C/C(=N\\O)c1ccccc1",
    "O[C@H]1CC[C@@H](O)CC1",
    "C[C@@H]1CCC[C@H](C)C1",
    "O[C@@H](C)[C@@H](O)[C@H](C)O",
    "C[C@H]1C[C@@]2(C1)C[C@@H](C)C2",
    "Cl[C@H]1[C@@H](Cl)[C@H](Cl)[C@@H](Cl)[C@H](Cl)[C@H]1Cl",
    "CC[NH3+].[Cl-]",
    "[Na+].[O-]C(=O)c1ccccc1O",
    "CN(C)CCc1c[nH]c2ccc(CS(N)(=O)=O)cc12.OC(=O)CCC(O)=O",
    "C[S@](=O)c1ccccc1",
    "CC[S@@+](C)c1ccccc1",
    "CC(C)C[C@H](NC(=O)[C@H](C)NC(=O)[C@@H](N)Cc1ccccc1)C(=O)N[C@@H](CO)C(=O)O",
    "C[C@@H]1C[C@H]2[C@@H]3CCC4=CC(=O)C=C[C@]4(C)[C@@]3(F)[C@@H](O)C[C@]2(C)[C@@]1(O)C(=O)CO",
    "O=c1[nH]cnc2[nH]cnc12",
    "C12C3C4C1C5C2C3C45",
    "[O-][n+]1ccccc1",
    "[Fe+2].c1cc[cH-]c1.c1cc[cH-]c1",
    "N[Pt@SP1](Cl)(Cl)N",
    "F[Co@OH5](Cl)(Br)(I)(N)O",
    "[2H]C([2H])([2H])O",
    "[13CH3][C@H](C)O",
    "*CC[C@H](*)F",
    "CC#N->[Cu]",
]


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    RDLogger.DisableLog("rdApp.*")
    yield
    RDLogger.EnableLog("rdApp.*")


def respelled(smiles: str, seed: int) -> str:
    """Another spelling, its atoms in another order, half of the time without aromatic letters."""
    molecule = Chem.MolFromSmiles(smiles)
    order = np.random.default_rng(seed).permutation(molecule.GetNumAtoms()).tolist()
    molecule = Chem.RenumberAtoms(molecule, order)
    if seed % 2:
        Chem.Kekulize(molecule, clearAromaticFlags=True)
    return str(Chem.MolToSmiles(molecule, canonical=False, kekuleSmiles=bool(seed % 2)))


def assert_one_input(smiles: list[str], other: list[str]) -> None:
    one, two = Molecules.from_smiles(smiles), Molecules.from_smiles(other)
    for name, array in one.arrays().items():
        assert array.tobytes() == two.arrays()[name].tobytes(), name
    for name in ("descriptors", "morgan"):
        rows = [build_encoder(name, {}, inputs).features(inputs) for inputs in (one, two)]
        assert rows[0].tobytes() == rows[1].tobytes(), name
    index = torch.arange(len(smiles))
    for name in ("gin", "mpnn"):
        torch.manual_seed(0)
        encoder = build_encoder(name, {"descriptors": False} if name == "mpnn" else {}, one).eval()
        with torch.no_grad():
            made = [encoder(inputs.select(index)).numpy().tobytes() for inputs in (one, two)]
        assert made[0] == made[1], name


@pytest.mark.parametrize("seed", range(6))
def test_drug_like_molecules_have_one_form(seed: int) -> None:
    other = [respelled(text, seed) for text in DRUG_LIKE]
    assert sum(a != b for a, b in zip(DRUG_LIKE, other, strict=True)) > len(DRUG_LIKE) / 2
    assert_one_input(DRUG_LIKE, other)


def test_esol_has_one_form() -> None:
    options = DataOptions(source="molecules", path="esol.csv", target="log_solubility")
    smiles = load_dataset(options, Path()).smiles[::3]
    other = [respelled(text, row) for row, text in enumerate(smiles)]
    one, two = Molecules.from_smiles(smiles), Molecules.from_smiles(other)
    for name, array in one.arrays().items():
        assert array.tobytes() == two.arrays()[name].tobytes(), name
    assert scaffolds(smiles) == scaffolds(other)
    assert [identity(read_smiles(t)) for t in smiles] == [identity(read_smiles(t)) for t in other]
    some = slice(None, None, 6)
    assert_one_input(smiles[some], other[some])


def test_atom_maps_change_nothing_and_mirror_images_differ() -> None:
    assert_one_input(
        ["CO", "CC[C@H](C)O"], ["[CH3:1][OH:2]", "[CH3:9][CH2:3][C@H:4]([CH3:1])[OH:2]"]
    )
    one, two = (read_smiles(f"C[{tag}H](N)C(=O)O") for tag in ("C@", "C@@"))
    assert [a.GetChiralTag() for a in one.GetAtoms()] != [a.GetChiralTag() for a in two.GetAtoms()]


def test_order_of_parts_changes_nothing() -> None:
    assert_one_input(["CCO.c1ccccc1"], ["C1=CC=CC=C1.OCC"])
