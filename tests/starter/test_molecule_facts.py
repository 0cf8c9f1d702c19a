"""What ``nearfar init`` says of odd molecules, and that its study runs and predicts them."""

from pathlib import Path

import pandas as pd
import pytest
from whole_runs import run_whole

from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Request
from nearfar.starter.write import write_study

PLAIN = ["C" * n + tail for n in range(1, 9) for tail in ("O", "N", "F", "Cl", "Br")]
TURNED = [text.replace("Cl", "lC").replace("Br", "rB") for text in PLAIN]
"""Backwards these are the same molecules."""
ODD = {
    "InChI=1S/CH4O/c1-2/h2H,1H3": "1 × InChI in the column of SMILES",
    "CCS ethanethiol": "1 × text after a space in a SMILES",
    "[CH3:1][OH:2]": "1 × atom maps: they make no other molecule",
    "[13CH3]O": "1 × isotopes",
    "[*]CC": "1 × open places (*)",
    "CCN.Cl": "2 × several parts (salts, mixtures)",
    "CC[NH3+].[Cl-]": "2 copies are spelled otherwise than the first",
    "CC>>CO": "it is a reaction, not one molecule",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table() -> pd.DataFrame:
    smiles = [*PLAIN, *ODD]
    return pd.DataFrame({"smiles": smiles, "y": [float(k % 13) for k in range(len(smiles))]})


def predicted(run: Path, arm: str, smiles: list[str]) -> list[str]:
    """What an arm predicts, as it stands in the file."""
    pd.DataFrame({"smiles": smiles}).to_csv("spelled.csv", index=False)
    predict_file(run, arm, Path("spelled.csv"), Path("made.csv"), None, force=True)
    return pd.read_csv("made.csv", dtype=str)["y_pred"].tolist()


def test_odd_molecules_are_told_and_the_study_runs_and_predicts(folder: Path) -> None:
    table().to_csv("odd.csv", index=False)
    path, facts = write_study(Path("odd.csv"), ["y"])
    for phrase in ODD.values():
        assert sum(phrase in fact for fact in facts) == 1, phrase
    assert any("bad rows: 1 of 48 are left out" in fact for fact in facts)
    run = run_whole(Request(str(path), profile="smoke", out=folder / "runs")).folder.path
    told = predict_file(run, "mean", Path("odd.csv"), Path("made.csv"), None)
    assert "wrote 47 predictions" in told
    made = pd.read_csv("made.csv")
    assert made["smiles"].tolist() == table()["smiles"].tolist()
    assert made["y_pred"].isna().tolist() == [text == "CC>>CO" for text in made["smiles"]]
    assert "is a reaction" in made["reason"].iloc[-1]
    for arm in ("MPNN", "descriptors ridge"):
        found = [predicted(run, arm, smiles) for smiles in (PLAIN, [t[::-1] for t in TURNED])]
        assert found[0] == found[1], arm


@pytest.mark.parametrize("name", ["solvent_smiles", "structure", "smiles2"])
def test_a_second_column_of_molecules_is_told(name: str) -> None:
    frame = table().iloc[: len(PLAIN)]
    frame.assign(**{name: frame["smiles"].tolist()[::-1]}).to_csv("two.csv", index=False)
    _, facts = write_study(Path("two.csv"), ["y"])
    said = f"not used: column '{name}' holds molecules too; 'smiles: {name}' in the study file"
    assert sum(said in fact for fact in facts) == 1
    frame.to_csv("one.csv", index=False)
    assert not any("not used" in fact for fact in write_study(Path("one.csv"), ["y"])[1])
