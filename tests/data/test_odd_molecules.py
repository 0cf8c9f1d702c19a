"""Molecules as people write them: copies, salts, odd spellings, what is no molecule."""

from pathlib import Path

import numpy as np
import pytest

from nearfar.data import DataOptions, Dataset, load_dataset, load_inputs
from nearfar.data.inputs.smiles import LARGEST, identity, read_smiles, scaffolds
from nearfar.data.read.tables import read_file
from nearfar.encoders import build_encoder
from nearfar.errors import UserError

OTHERS = ["CCC", "CCCC", "CCCCC", "c1ccccc1"]


def dataset(folder: Path, smiles: list[str], **options: object) -> Dataset:
    lines = [f'"{text}",{row}' for row, text in enumerate(smiles)]
    (folder / "m.csv").write_text("\n".join(["smiles,y", *lines]) + "\n", encoding="utf-8")
    given = {"source": "molecules", "path": "m.csv", "target": "y", **options}
    return load_dataset(DataOptions.model_validate(given), folder)


COPIES = {
    "methanol": ["CO", "[CH3:1][OH:2]", "[13CH3]O", "OC", "[H]OC([H])([H])[H]", "[2H]C([2H])O"],
    "ethylamine hydrochloride": ["CCN.Cl", "CC[NH3+].[Cl-]", "[Cl-].CC[NH3+]", "Cl.NCC"],
    "sodium acetate": ["CC(=O)[O-].[Na+]", "[Na+].CC([O-])=O", "CC(=O)O[Na]"],
    "table salt": ["[Na+].[Cl-]", "[Cl-].[Na+]", "[Na]Cl"],
    "glycine": ["NCC(=O)O", "[NH3+]CC(=O)[O-]", "OC(=O)CN"],
    "nitrobenzene": ["O=N(=O)c1ccccc1", "[O-][N+](=O)c1ccccc1", "[O-][N+](=O)C1=CC=CC=C1"],
    "an open place": ["*CC", "[*:1]CC", "[1*]CC", "CC* |$;;R1$|"],
    "water": ["O", "[H]O[H]", "[2H]O[2H]", "[18OH2]"],
    "a mixture": ["CCO.c1ccccc1", "c1ccccc1.OCC", "C1=CC=CC=C1.CCO"],
    "alanine": ["C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "CC(N)C(=O)O", "C[C@H]([NH3+])C(=O)[O-]"],
    "butene": ["C/C=C/C", "C/C=C\\C", "CC=CC"],
    "dimethylcyclohexane": ["C[C@H]1CC[C@@H](C)CC1", "C[C@H]1CC[C@H](C)CC1"],
    "cisplatin": ["N[Pt@SP1](N)(Cl)Cl", "N[Pt@SP2](N)(Cl)Cl", "Cl[Pt](Cl)(N)N"],
    "an InChI": ["CO", "InChI=1S/CH4O/c1-2/h2H,1H3", "CO methanol"],
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_one_group(name: str, tmp_path: Path) -> None:
    found = dataset(tmp_path, [*OTHERS, *COPIES[name]])
    assert len(set(found.groups[len(OTHERS) :].tolist())) == 1
    assert len(set(found.groups.tolist())) == len(OTHERS) + 1
    assert found.source["molecules"]["copies"] == len(COPIES[name]) - 1


NO_COPIES = [
    ("CC(=O)C", "CC(O)=C"),
    ("CCN", "CCN.Cl"),
    ("CCN.Cl", "CCN.Br"),
    ("CC(=O)[O-].[Na+]", "CC(=O)[O-].[K+]"),
    ("CC(=O)[O-].[Na+]", "CC(=O)O"),
    ("Oc1ccccn1", "O=c1cccc[nH]1"),
    ("[CH3]", "C"),
    ("CCN.CCN.OS(O)(=O)=O", "CCN.OS(O)(=O)=O"),
    ("[Fe+2]", "[Fe+3]"),
]


@pytest.mark.parametrize(("one", "other"), NO_COPIES)
def test_tautomers_salts_and_radicals_are_no_copies(one: str, other: str) -> None:
    assert identity(read_smiles(one)) != identity(read_smiles(other))


def test_scaffolds_do_not_see_atom_maps_and_isotopes() -> None:
    found = scaffolds(["Cc1ccccc1", "C[c:1]1[cH:2]cccc1", "[13cH]1ccccc1", "C[c@]1ccccc1"][:3])
    assert set(found) == {"c1ccccc1"}


def test_copies_spelled_otherwise_are_counted(tmp_path: Path) -> None:
    found = dataset(tmp_path, ["CO", "OC", "[CH3:1][OH:2]", "[13CH3]O", "CCO"])
    assert found.source["molecules"] == {
        "atom maps": 1,
        "copies": 3,
        "copies spelled otherwise": 1,
        "isotopes": 1,
    }


ODD = {
    "InChI=1S/CH4O/c1-2/h2H,1H3": ("CO", "InChI"),
    "CCO ethanol": ("CCO", "text after a space"),
    "CCO |$;;R1$|": ("CCO", "text after a space"),
    "CCO |bad": ("CCO", "text after a space"),
    "[*:1]CC": ("[*:1]CC", "open places (*)"),
    "CC#N->[Cu]": ("CC#N->[Cu]", ""),
    "[NH3][Pt]([NH3])(Cl)Cl": ("[NH3][Pt]([NH3])(Cl)Cl", ""),
}


@pytest.mark.parametrize("text", ODD)
def test_odd_molecules_are_read_and_told(
    text: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = dataset(tmp_path, ["C", text])
    smiles, told = ODD[text]
    assert found.smiles == ["C", smiles]
    assert not told or found.source["molecules"][told] == 1
    for encoder in ("descriptors", "morgan"):
        build_encoder(encoder, {}, found.inputs).features(found.inputs)
    assert capfd.readouterr() == ("", "")


UNREADABLE = {
    "CC>>CO": "SMILES 'CC>>CO' cannot be read: it is a reaction, not one molecule",
    "CC>[Pd]>CO": "it is a reaction",
    "C(C)(C)(C)(C)C": "Explicit valence for atom # 0 C, 5, is greater than permitted",
    "c1cccc1": "Can't kekulize mol. Unkekulized atoms: 0 1 2 3 4",
    "[R1]CC": "R is no element; an open place is written *",
    "not a smiles": "SMILES 'not a smiles' cannot be read",
    "InChI=1S/garbage": "InChI 'InChI=1S/garbage' cannot be read",
    "C" * (LARGEST + 1): f"has {LARGEST + 1} atoms, allowed are {LARGEST}",
    "C" * 100_000: "has 100000 characters",
    "[Os+7]": "SMILES '[Os+7]': an atom has formal_charge 7",
    "": "smiles 'smiles' is missing",
}


@pytest.mark.parametrize("text", UNREADABLE, ids=lambda text: text[:20])
def test_what_is_no_molecule_is_one_line_and_follows_on_bad_rows(
    text: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError) as caught:
        dataset(tmp_path, ["C", text, "CC"])
    said = str(caught.value)
    assert said.startswith("m.csv, row 2 (line 3): ")
    assert UNREADABLE[text] in said
    assert len(said) < 300
    assert "\n" not in said
    found = dataset(tmp_path, ["C", text, "CC"], on_bad_rows="drop")
    assert found.ids == ["1", "3"]
    assert list(found.source["dropped_rows"]) == ["2"]
    assert capfd.readouterr() == ("", "")


def test_largest_molecule_is_read() -> None:
    assert read_smiles("C" * LARGEST).GetNumAtoms() == LARGEST


SALTS = ["CC[NH3+].[Cl-]", "CC(=O)[O-].[Na+]", "CCO", "O.CC(=O)O[Na]"]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (None, SALTS),
        (False, SALTS),
        (True, ["CCN", "CC(=O)O", "CCO", "CC(=O)O"]),
        (["largest_fragment"], ["CC[NH3+]", "CC(=O)[O-]", "CCO", "CC(=O)O[Na]"]),
        (["neutral"], ["CCN.Cl", "CC(=O)[O-].[Na+]", "CCO", "O.CC(=O)O[Na]"]),
    ],
)
def test_standardise(steps: object, expected: list[str], tmp_path: Path) -> None:
    found = dataset(tmp_path, SALTS, standardise=steps)
    forms = [read_smiles(text) for text in found.smiles]
    assert [identity(form) for form in forms] == [identity(read_smiles(t)) for t in expected]
    assert [form.GetNumAtoms() for form in forms] == [
        read_smiles(t).GetNumAtoms() for t in expected
    ]
    if steps:
        assert found.source["standardise"]
        assert found.source["molecules"]["standardised to another form"] > 0
        assert found.digest != dataset(tmp_path, SALTS).digest
    else:
        assert "standardise" not in found.source
        assert found.digest == dataset(tmp_path, SALTS).digest
        assert found.source["molecules"]["several parts (salts, mixtures)"] == 3


def test_standardise_true_is_spelled_out() -> None:
    options = DataOptions(source="molecules", path="m.csv", target="y", standardise=True)
    assert options.standardise == ["normalise", "largest_fragment", "neutral"]
    with pytest.raises(ValueError, match="'table' has no option 'standardise'"):
        DataOptions(source="table", path="m.csv", target="y", standardise=True)


def test_new_rows_are_standardised_too(tmp_path: Path) -> None:
    rows = dataset(tmp_path, ["CCN", "CCO"], standardise=True)
    (tmp_path / "new.csv").write_text("smiles\nCC[NH3+].[Cl-]\n")
    options = DataOptions(source="molecules", path="m.csv", target="y", standardise=True)
    new = load_inputs(options, tmp_path / "new.csv", rows.inputs)
    assert new.smiles == ["CCN"]
    assert np.array_equal(
        new.inputs.arrays()["atoms"], rows.inputs.take(_first()).arrays()["atoms"]
    )


def _first():
    import torch

    return torch.tensor([0])


def test_a_list_of_smiles_may_have_names_behind_a_tab_or_a_space(tmp_path: Path) -> None:
    path = tmp_path / "m.smi"
    path.write_text("CCO ethanol\nCCN\tethyl amine\nCCC\n")
    columns = read_file(path).columns
    assert columns["smiles"] == ["CCO", "CCN", "CCC"]
    assert columns["name"] == ["ethanol", "ethyl amine", None]
