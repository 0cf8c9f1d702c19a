"""Features are made once for all arms and runs that ask, and are the same whether kept or made."""

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_study import pretrain_spec, write_small
from whole_runs import run_whole

from nearfar.commands import clean_stages
from nearfar.data import Molecules
from nearfar.data.corruptions import corrupt
from nearfar.encoders.descriptors import Descriptors
from nearfar.execution.prepared import Request
from nearfar.plan.specs import Input, Named, PretrainSpec, SolveSpec
from nearfar.records import Record, read_results, read_stages
from nearfar.records.features import FeatureStore
from nearfar.records.stages import StageStore
from nearfar.stages import models
from nearfar.stages.features import expensive_features, inputs_with_descriptors
from nearfar.stages.models import prepared_inputs

FROZEN: dict[str, Any] = {
    "plain": {"fit": {"encoder": "identity", "head": "ridge"}},
    "linear": {"pretrain": "rnc", "fit": {"train": "head", "epochs": 2}},
    "ridge": {"pretrain": "rnc", "fit": {"head": "ridge"}},
    "untrained": {"fit": {"encoder": "mlp", "head": "ridge"}},
}


def run(study: Path) -> Path:
    return run_whole(Request(str(study), out=study.parent / "runs")).folder.path


def numbers(folder: Path) -> list[Record]:
    return sorted(read_results(folder / "results.csv"), key=str)


def test_features_are_made_once_and_come_back_as_they_were(tmp_path: Path) -> None:
    made: list[int] = []
    rows = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)

    def make() -> np.ndarray:
        made.append(1)
        return rows

    store = FeatureStore(tmp_path / "features")
    first, spared = store.get({"a": 1}, make)
    assert spared == 0
    again, spared = store.get({"a": 1}, make)
    assert spared >= 0
    assert len(made) == 1
    assert np.array_equal(first, rows)
    assert np.array_equal(again, rows)
    store.get({"a": 2}, make)
    assert len(made) == 2
    assert store.clear() == (2, 2 * (128 + 5 * 3 * 4))
    assert list(store.root.iterdir()) == []


def test_a_half_written_entry_is_made_again(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    rows = np.ones((2, 2), np.float32)
    store.get({}, lambda: rows)
    next(tmp_path.glob("*.npy")).unlink()
    assert store.get({}, lambda: 2 * rows)[0].sum() == 8


def test_arms_share_features_and_numbers_do_not_depend_on_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run(write_small(tmp_path, arms=FROZEN))
    kept = tmp_path / "runs" / "features"
    # Two seeds: one encoder for two heads, one untrained; the rest is not expensive here.
    assert len(list(kept.glob("*.npy"))) == 4
    first = numbers(folder)
    shutil.rmtree(tmp_path / "runs" / "stages")
    assert numbers(run(tmp_path / "small.yaml")) == first
    shutil.rmtree(tmp_path / "runs")
    assert numbers(run(tmp_path / "small.yaml")) == first
    for file in kept.glob("*.npy"):
        np.save(file, np.zeros_like(np.load(file)))
    shutil.rmtree(tmp_path / "runs" / "stages")
    assert numbers(run(tmp_path / "small.yaml")) == first
    assert capsys.readouterr().err.count("thrown away, and made again") == 4


def test_the_second_arm_is_charged_what_the_first_one_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick, made = models.features_of, []

    def features_of(*given: Any) -> torch.Tensor:
        made.append(1)
        time.sleep(0.3)
        return quick(*given)

    monkeypatch.setattr(models, "features_of", features_of)
    folder = run(write_small(tmp_path, arms=FROZEN))
    fits = [row for row in read_stages(folder / "stages.csv") if row.stage == "fit"]
    assert len(fits) == 8
    assert min(row.seconds for row in fits) >= 0.3
    assert len(made) == 6


def test_clean_removes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(write_small(tmp_path, arms=FROZEN))
    clean_stages(tmp_path / "runs")
    assert "removed 0 stages and the features of 4" in capsys.readouterr().out
    assert list((tmp_path / "runs" / "features").iterdir()) == []


def test_an_encoder_gets_the_descriptors_of_the_molecules_as_they_are_shown(tmp_path: Path) -> None:
    clean = Molecules.from_smiles(["CCOC(=O)c1ccccc1Cl", "CCN(CC)CCO"])
    seen = corrupt(clean, "masked_atoms", 5, 0)
    spec = pretrain_spec(Named("mpnn", {"descriptors": True}))
    store = StageStore(tmp_path)
    for molecules in (clean, seen):
        beside = prepared_inputs(spec, molecules, store).descriptors
        assert torch.equal(beside, torch.from_numpy(Descriptors(molecules).features(molecules)))
    own = clean.with_descriptors(torch.ones(2, 1))
    assert prepared_inputs(spec, own, store) is own


def test_who_will_ask_for_which_features_is_known_before(tmp_path: Path) -> None:
    molecules = Molecules.from_smiles(["CCOC(=O)c1ccccc1Cl", "CCN(CC)CCO"])
    store = StageStore(tmp_path / "stages")

    def name(encoder: str, options: Any = None, inputs: Molecules = molecules) -> str:
        return expensive_features(spec(encoder, options), inputs, store)

    def spec(encoder: str, options: Any = None) -> PretrainSpec:
        return pretrain_spec(Named(encoder, options or {}))

    wants = {"descriptors": True}
    asked = name("mpnn", wants)
    assert asked == name("descriptors") != name("morgan") != ""
    assert not store.features.has(asked)
    inputs_with_descriptors(spec("mpnn", wants), molecules, store)
    assert store.features.has(asked)
    assert name("mlp_on", {"features": "descriptors"}) == asked
    assert name("mlp_on", {"features": "morgan"}) == name("morgan", {})
    own = molecules.with_descriptors(torch.ones(2, 1))
    assert name("mpnn", wants, own) == name("mpnn", {"descriptors": False}) == name("gin") == ""
    known = spec("mlp")
    frozen = SolveSpec(
        data=known.data,
        seed=0,
        environment=known.environment,
        threads=1,
        head=Named("ridge", {}),
        input=Input("another stage"),
    )
    assert expensive_features(frozen, molecules, store) == ""
