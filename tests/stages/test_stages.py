"""What a stage leaves: weights that predict the same again, metrics, curves, divergence."""

import csv
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_study import HERE, Plain, resolved, small, write_table

from nearfar.data import Dataset, TargetScaler, load_dataset, split_rows
from nearfar.data.targets import ALL_TARGETS
from nearfar.execution.collect import collect
from nearfar.execution.events import Finished
from nearfar.execution.execute import execute
from nearfar.execution.run_plan import planned_cells
from nearfar.execution.worker import carry_out
from nearfar.heads import Ridge
from nearfar.metrics import MEASURES, METRICS, evaluate_regression
from nearfar.plan.plan import Plan, make_plan
from nearfar.records.stages import StageStore
from nearfar.stages import solve
from nearfar.stages.fitted import Fitted
from nearfar.train import loop

CPU = torch.device("cpu")
MLP = {"mlp": {"layers": 2, "hidden": 8, "dropout": 0.2}}
TINY_GIN = {"gin": {"layers": 3, "hidden": 4, "out": 4}}
TINY_MPNN = {"mpnn": {"layers": 2, "hidden": 4, "out": 4}}
DATA = {"source": "table", "path": "small.csv", "target": ["y", "z"], "features": ["a", "b", "c"]}
VECTORS = small(
    data={**DATA, "unit": "mm"},
    axes={"seed": {"role": "repeat", "values": [3]}},
    arms={
        **small()["arms"],
        "svr": {"fit": {"encoder": "identity", "head": "svr"}},
        "solved later": {"pretrain": "rnc", "fit": {"head": "ridge"}},
        "early": {"pretrain": {"stage": "rnc", "epoch": 1}, "fit": {"train": "head", "epochs": 2}},
        "fixed": {"fit": {"encoder": "identity", "epochs": 3, "optimizer": {"adam": {"lr": 0.1}}}},
        "untrained": {"fit": {"encoder": MLP, "train": "head", "epochs": 2}},
        "large head": {
            "pretrain": "rnc",
            "fit": {"head": {"mlp": {"hidden": [5], "dropout": 0.5}}, "epochs": 2},
        },
    },
)
VECTORS["stages"]["rnc"] = {**VECTORS["stages"]["rnc"], "keep": [1]}
VECTORS["stages"]["counted"] = {"encoder": MLP, "objective": "rnc", "batch": 16} | {
    "iterations": 8,
    "keep": [2, 5],
}
VECTORS["arms"]["counted"] = {
    "pretrain": {"stage": "counted", "epoch": 5},
    "fit": {"iterations": 7, "schedule": {"plateau": {"patience": 0}}},
}
MOLECULES = {
    "study": "molecules",
    "data": {"source": "molecules", "path": "m.csv", "target": "y"},
    "split": {"kind": "random", "parts": [0.7, 0.15, 0.15]},
    "baseline": "gin",
    "defaults": {"fit": {"epochs": 2, "batch": 16}, "stage": {"epochs": 2, "batch": 16}},
    "stages": {"rnc": {"encoder": TINY_GIN, "objective": "rnc"}},
    "arms": {
        "gin": {"fit": {"encoder": TINY_GIN}},
        "frozen": {"pretrain": "rnc", "fit": {"train": "head"}},
        "last": {"pretrain": "rnc", "fit": {"train": "last:1", "batch_norm": "eval"}},
        "mpnn": {"fit": {"encoder": TINY_MPNN}},
        "mpnn frozen": {"fit": {"encoder": TINY_MPNN, "train": "head"}},
        "ridge": {"fit": {"encoder": {"morgan": {"bits": 16}}, "head": "ridge"}},
        "forest": {"fit": {"encoder": {"morgan": {"bits": 16}}, "head": {"forest": {"trees": 5}}}},
    },
}


class Done:
    """A study carried out in this process, with its data and its store."""

    def __init__(self, raw: Plain, folder: Path, dataset: Dataset | None = None) -> None:
        self.study = resolved(raw)
        self.dataset = dataset or load_dataset(self.study.study.data, folder)
        self.plan: Plan = make_plan(self.study, self.dataset.digest, HERE)
        self.store = StageStore(folder / "stages")
        events = list(execute(self.plan.steps, None, self.dataset, self.store, 1))  # type: ignore[arg-type]
        assert not [e.trace for e in events if isinstance(e, Finished) and e.error]

    def chain(self, arm: str) -> tuple[str, ...]:
        return next(cell.chain for cell in self.plan.cells if cell.arm == arm)

    def folder(self, arm: str, stage: int = -1) -> Path:
        return self.store.folder(self.chain(arm)[stage])

    def outcome(self, arm: str, stage: int = -1) -> Plain:
        found: Plain = self.store.read(self.chain(arm)[stage])["outcome"]
        return found

    def predictions(self, arm: str) -> np.ndarray:
        """In data set order (n, targets)."""
        with (self.folder(arm) / "predictions.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        names = self.dataset.target_names
        found = np.full((len(self.dataset), len(names)), np.nan)
        for row in rows:
            place = self.dataset.ids.index(row["id"]), names.index(row["target"])
            found[place] = float(row["prediction"])
            truth = self.dataset.targets[place]
            assert float(row["truth"]) == pytest.approx(truth, rel=1e-8)
        return found


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("vectors")
    write_table(folder / "small.csv")
    return Done(VECTORS, folder)


@pytest.fixture(scope="module")
def molecules(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("molecules")
    chains = ["C" * n + end for n in range(1, 11) for end in ("C", "O", "N", "C=O")]
    lines = [f"{chain},{len(chain)}.{i}" for i, chain in enumerate(chains)]
    (folder / "m.csv").write_text("\n".join(["smiles,y", *lines]), encoding="utf-8")
    return Done(MOLECULES, folder)


def assert_restored(done: Done, arm: str) -> None:
    stage_hash = done.chain(arm)[-1]
    fitted = Fitted.of_stage(stage_hash, done.store, done.dataset.inputs)
    scaler = TargetScaler.from_plain(done.outcome(arm)["scaler"])
    values = scaler.inverse(fitted.scores(fitted.features(done.dataset.inputs)))
    np.testing.assert_allclose(values, done.predictions(arm), rtol=1e-5, atol=1e-5)
    shown = done.folder(arm) / "features.npy"
    if shown.exists():
        np.testing.assert_allclose(fitted.features(done.dataset.inputs), np.load(shown), atol=1e-5)
    else:
        assert arm == "mean"
    half = done.dataset.inputs.select(torch.arange(5))
    if not isinstance(half, torch.Tensor):
        return
    some = type(done.dataset.inputs)(half, list("abc"))
    np.testing.assert_allclose(
        scaler.inverse(fitted.scores(fitted.features(some))), values[:5], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("arm", VECTORS["arms"])
def test_a_fit_on_vectors_comes_back_from_its_folder(vectors: Done, arm: str) -> None:
    assert_restored(vectors, arm)


@pytest.mark.parametrize("arm", MOLECULES["arms"])
def test_a_fit_on_molecules_comes_back_from_its_folder(molecules: Done, arm: str) -> None:
    assert_restored(molecules, arm)


def test_arms_do_not_predict_the_same(vectors: Done) -> None:
    arms = list(VECTORS["arms"])
    guesses = {vectors.predictions(arm).round(4).tobytes() for arm in arms}
    assert len(guesses) == len(arms)


@pytest.mark.parametrize("arm", ["plain", "frozen", "ridge", "mean"])
def test_metrics_are_those_of_the_predictions(vectors: Done, arm: str) -> None:
    guess = vectors.predictions(arm)
    split = split_rows(vectors.dataset, vectors.study.study.split, 3)
    scaler = TargetScaler.fit(vectors.dataset.targets, split.train)
    found = {
        (m["split"], m["target"], m["metric"], m["unit"]): m["value"]
        for m in vectors.outcome(arm)["metrics"]
        if m["metric"] not in MEASURES
    }
    expected = {}
    for part in ("train", "validation", "test"):
        rows = getattr(split, part)
        for k, target in enumerate(("y", "z")):
            pairs = {
                "mm": (vectors.dataset.targets, guess),
                "z": (scaler.transform(vectors.dataset.targets), scaler.transform(guess)),
            }
            for unit, (truth, values) in pairs.items():
                for name, value in evaluate_regression(truth[rows, k], values[rows, k]).items():
                    plain = "" if METRICS[name].unit == "none" else unit
                    expected[part, target, name, plain] = value
        for name, unit in {(key[2], key[3]) for key in expected if key[3] != "mm"}:
            both = [expected.get((part, target, name, unit), np.nan) for target in ("y", "z")]
            expected[part, ALL_TARGETS, name, unit] = float(np.mean(both))
    if arm == "mean":
        expected = {key: value for key, value in expected.items() if key[2] != "spearman"}
        found = {key: value for key, value in found.items() if key[2] != "spearman"}
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, rel=1e-5, abs=1e-6), key


def test_targets_are_scaled_by_training_rows_alone(vectors: Done) -> None:
    split = split_rows(vectors.dataset, vectors.study.study.split, 3)
    train = vectors.dataset.targets[split.train]
    for arm in VECTORS["arms"]:
        scaler = vectors.outcome(arm)["scaler"]
        np.testing.assert_allclose(scaler["mean"], train.mean(axis=0))
        np.testing.assert_allclose(scaler["std"], train.std(axis=0, ddof=1))


def test_a_frozen_encoder_is_the_pre_trained_one_bit_for_bit(vectors: Done) -> None:
    pre_trained = np.load(vectors.folder("frozen", 0) / "features.npy")
    for arm in ("frozen", "solved later"):
        assert np.array_equal(np.load(vectors.folder(arm) / "features.npy"), pre_trained)
    for arm in ("tuned", "last", "early", "untrained", "plain"):
        assert not np.array_equal(np.load(vectors.folder(arm) / "features.npy"), pre_trained)


def test_only_the_last_layer_and_the_head_of_last_1_moved(vectors: Done) -> None:
    before = load_file(vectors.folder("last", 0) / "model.safetensors")
    after = load_file(vectors.folder("last") / "model.safetensors")
    moved = {
        name for name, value in before.items() if not torch.equal(after[f"encoder.{name}"], value)
    }
    assert moved == {"layers.1.0.weight", "layers.1.0.bias"}


def test_curves_and_outcome_tell_the_training(vectors: Done) -> None:
    with (vectors.folder("plain") / "curves.csv").open(encoding="utf-8") as file:
        points = list(csv.DictReader(file))
    loss = [p for p in points if (p["split"], p["metric"]) == ("train", "loss")]
    mae = {int(p["epoch"]): float(p["value"]) for p in points if p["metric"] == "mae"}
    assert [int(p["epoch"]) for p in loss] == [1, 2, 3]
    assert sorted(mae) == [1, 2, 3]
    outcome = vectors.outcome("plain")
    assert outcome["selected_epoch"] == min(mae, key=mae.__getitem__)
    metric = [
        m["value"]
        for m in outcome["metrics"]
        if (m["split"], m["metric"], m["unit"]) == ("validation", "mae", "z")
    ]
    assert np.mean(metric) == pytest.approx(min(mae.values()), rel=1e-5)
    assert (outcome["epochs"], outcome["steps"]) == (3, 9)
    assert outcome["parameters"] == (3 * 8 + 8) + (8 * 8 + 8) + (8 * 2 + 2)
    assert vectors.outcome("frozen")["parameters"] == 8 * 2 + 2
    assert vectors.outcome("last")["parameters"] == (8 * 8 + 8) + (8 * 2 + 2)
    assert vectors.outcome("last")["selected_epoch"] == 2
    assert vectors.outcome("ridge")["epochs"] == 0


def test_a_finished_stage_holds_what_the_design_says(vectors: Done) -> None:
    kept = {"features.npy", "rows.npy"}
    trained = {"stage.yaml", "curves.csv", "model.safetensors", "done", *kept}
    names = {path.name for path in vectors.folder("plain").iterdir()}
    assert names == {*trained, "predictions.csv"}
    names = {path.name for path in vectors.folder("early", 0).iterdir()}
    assert names == {*trained, "epoch-1.safetensors", "features-1.npy"}
    spec = vectors.store.read(vectors.chain("plain")[0])["spec"]
    assert spec == vectors.plan.steps[vectors.chain("plain")[0]].spec.to_plain()


def test_training_counted_in_iterations(vectors: Done) -> None:
    """3 iterations are an epoch of pre-training; of the fit, with all rows in a batch, one is."""
    stage, fit = vectors.outcome("counted", 0), vectors.outcome("counted")
    assert (stage["steps"], stage["epochs"]) == (8, 3)
    assert (fit["steps"], fit["epochs"]) == (7, 7)
    with (vectors.folder("counted", 0) / "curves.csv").open(encoding="utf-8") as file:
        points = list(csv.DictReader(file))
    trained = [p["epoch"] for p in points if p["split"] == "train"]
    assert trained == ["0.3333", "0.6667", "1", "1.3333", "1.6667", "2", "2.3333", "2.6667"]
    early = vectors.store.folder(vectors.chain("counted")[0]) / "epoch-5.safetensors"
    last = load_file(vectors.folder("counted", 0) / "model.safetensors")
    assert load_file(early).keys() == last.keys()
    assert any(not torch.equal(value, last[name]) for name, value in load_file(early).items())


def test_records_name_the_unit_that_this_study_gives(vectors: Done) -> None:
    records, rows = collect(planned_cells(vectors.plan), vectors.store, {}, "inch")
    assert {record.unit for record in records} == {"z", "inch", ""}
    assert {record.arm for record in records} == set(VECTORS["arms"])
    assert {row.status for row in rows} == {"done"}
    assert len(rows) == sum(len(cell.chain) for cell in vectors.plan.cells)


def test_what_has_not_run_or_has_failed_gives_no_records(vectors: Done, tmp_path: Path) -> None:
    fit = vectors.chain("frozen")[-1]
    records, rows = collect(
        planned_cells(vectors.plan), StageStore(tmp_path), {fit: "OSError: planted"}, "mm"
    )
    assert records == []
    states = {row.hash: (row.status, row.reason) for row in rows}
    assert states.pop(fit) == ("failed", "OSError: planted")
    assert set(states.values()) == {("pending", "not run yet")}


def test_seconds_of_a_solved_fit_do_not_hold_the_first_import_of_its_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library moves the clock of the stage by an hour when it is imported."""
    clock = SimpleNamespace(now=0.0)
    (tmp_path / "late_library.py").write_text("import sys\nsys.late_library_clock.now += 3600\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "late_library_clock", clock, raising=False)
    monkeypatch.setattr(solve, "time", SimpleNamespace(monotonic=lambda: clock.now))
    ridge = Ridge.fit

    def fit(head: Ridge, *given: Any) -> None:
        import_module("late_library")
        clock.now += 2
        ridge(head, *given)

    monkeypatch.setattr(Ridge, "fit", fit)
    monkeypatch.setattr(Ridge, "imports", ("not_there", "late_library"))
    write_table(tmp_path / "small.csv")
    raw = small(axes={"seed": {"role": "repeat", "values": [3]}})
    raw["arms"] = {"ridge": raw["arms"]["ridge"]}
    done = Done({**raw, "stages": {}, "baseline": "ridge"}, tmp_path)
    assert clock.now == 3602
    assert done.outcome("ridge")["seconds"] == 2


def blinded(dataset: Dataset, rows: np.ndarray) -> Dataset:
    """The data set with other targets in some rows, and the digest as it was."""
    targets = dataset.targets.copy()
    targets[rows] = 1e3 * np.random.default_rng(1).normal(size=targets[rows].shape)
    return Dataset(**{**vars(dataset), "targets": targets})


SELECTING = {"plain", "counted", "tuned", "frozen", "early", "fixed", "untrained", "large head"}


@pytest.mark.parametrize("part", ["test", "validation"])
def test_no_training_sees_targets_that_it_may_not(vectors: Done, part: str, tmp_path: Path) -> None:
    """Other targets in the test part change no prediction; in validation, only what is selected."""
    rows = getattr(split_rows(vectors.dataset, vectors.study.study.split, 3), part)
    blind = Done(VECTORS, tmp_path, blinded(vectors.dataset, rows))
    assert blind.plan == vectors.plan
    for arm in VECTORS["arms"]:
        if part == "validation" and arm in SELECTING:
            continue
        np.testing.assert_array_equal(blind.predictions(arm), vectors.predictions(arm), arm)


def stopping(epoch: int) -> Callable[[str, int, float], None]:
    def report(stage_hash: str, done: int, loss: float) -> None:
        if done == epoch:
            raise KeyboardInterrupt

    return report


@pytest.mark.parametrize("arm", ["plain", "last", "frozen", "counted"])
def test_a_stage_that_was_stopped_leaves_the_same_files(
    vectors: Done, arm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    store = StageStore(tmp_path / "stages")
    for stage_hash in vectors.chain(arm):
        step = vectors.plan.steps[stage_hash]
        with pytest.raises(KeyboardInterrupt):
            carry_out((step,), lambda: vectors.dataset, store, stopping(2))
        assert (store.root / f"{stage_hash}.partial" / "checkpoint.pt").exists()
        torch.rand(7)
        carry_out((step,), lambda: vectors.dataset, store, lambda *progress: None)
        for name in ("model.safetensors", "curves.csv", "features.npy", "predictions.csv"):
            whole = vectors.store.folder(stage_hash) / name
            if whole.exists():
                assert (store.folder(stage_hash) / name).read_bytes() == whole.read_bytes(), name
        assert not (store.folder(stage_hash) / "checkpoint.pt").exists()


def test_another_seed_gives_other_numbers(vectors: Done, tmp_path: Path) -> None:
    other = Done({**VECTORS, "axes": {}}, tmp_path, vectors.dataset)
    for arm in ("plain", "frozen", "mean", "ridge", "forest"):
        assert not np.array_equal(other.predictions(arm), vectors.predictions(arm))


def test_divergence_leaves_no_number_and_stops_what_stands_on_it(tmp_path: Path) -> None:
    raw = small(axes={})
    wild = {"sgd": {"lr": 1e9, "momentum": 0.9}}
    raw["stages"]["rnc"] |= {"optimizer": wild, "clip": None, "epochs": 40, "schedule": "constant"}
    raw["arms"]["plain"]["fit"] |= {"optimizer": wild, "clip": None, "loss": "mse", "epochs": 40}
    raw["arms"]["solved later"] = {"pretrain": "rnc", "fit": {"head": "ridge"}}
    write_table(tmp_path / "small.csv")
    done = Done(raw, tmp_path)
    records, rows = collect(planned_cells(done.plan), done.store, {}, "target")
    assert {record.arm for record in records} == {"mean", "ridge", "forest"}
    states = {(row.arm, row.stage): row for row in rows}
    assert states["plain", "fit"].status == "diverged"
    assert "the training loss" in states["plain", "fit"].reason
    pre_trained = states["frozen", "pretrain:rnc"]
    assert pre_trained.status == "diverged"
    for arm in ("frozen", "tuned", "last", "solved later"):
        row = states[arm, "fit"]
        assert row.status == "diverged"
        assert row.reason == f"its pre-training diverged: {pre_trained.reason}"
        assert row.epochs == 0
    for arm in ("plain", "frozen"):
        assert done.outcome(arm)["metrics"] == []
        names = {path.name for path in done.folder(arm).iterdir()}
        assert not names & {"model.safetensors", "predictions.csv"}


@pytest.mark.parametrize("count", [5, 4])
def test_more_layers_than_there_are_is_a_persons_mistake(count: int, molecules: Done) -> None:
    from nearfar.execution.checks import layer_mistakes

    raw = {**MOLECULES, "arms": {**MOLECULES["arms"]}}  # type: ignore[dict-item]
    raw["arms"]["deep"] = {"pretrain": "rnc", "fit": {"train": f"last:{count}"}}  # type: ignore[index]
    plan = make_plan(resolved(raw), molecules.dataset.digest, HERE)
    (line,) = layer_mistakes(plan, molecules.dataset.inputs)
    assert line == f"arms.deep.fit.train: its encoder has 3 layers (given: 'last:{count}')"
    assert layer_mistakes(molecules.plan, molecules.dataset.inputs) == []
