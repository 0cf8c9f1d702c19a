"""Carrying out one stage: from its specification to a folder with weights, curves, predictions."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from safetensors.numpy import save as arrays_to_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn

from nearfar.data import (
    Conditions,
    Dataset,
    Images,
    Split,
    SplitOptions,
    TargetScaler,
    conditioned,
    mapped,
    split_rows,
)
from nearfar.data.corruptions import corrupt
from nearfar.data.shown import shown_rows
from nearfar.encoders import Encoder, FixedEncoder
from nearfar.heads import WeightedHead
from nearfar.objectives import OBJECTIVES, CachedRows, CachedViews, Rows, in_chunks
from nearfar.records.files import write_atomically
from nearfar.records.stages import StageStore, write_rows, write_stage
from nearfar.study import models
from nearfar.study.chain import SCORE
from nearfar.study.features import features_of_all, inputs_with_descriptors
from nearfar.study.measures import measures
from nearfar.study.outputs import Numbers, Outputs, outputs_of
from nearfar.study.page_files import (
    keep_features,
    keep_features_of,
    keep_given_back,
    keep_reconstructions,
)
from nearfar.study.reconstructions import Pixels, Reconstructions
from nearfar.study.scoring import tested_rows
from nearfar.study.tasks import FitTask, PretrainTask
from nearfar.train.loop import Outcome, Trainer
from nearfar.train.recipe import Recipe

Report = Callable[[int, float], None]
CHUNK = 8192


@dataclass
class Work:
    """A stage at work: its rows, split, and its targets as they are trained, on the device.

    ``shown`` are the rows that the page shows, the same in all stages of a data set.
    """

    spec: Mapping[str, Any]
    dataset: Dataset
    split: Split
    outputs: Outputs
    rows: Rows
    fabric: Fabric
    store: StageStore
    folder: Path
    report: Report
    shown: NDArray[np.int64]

    def index(self, split: str) -> Tensor:
        """Return the row numbers of a part on the device."""
        return torch.from_numpy(getattr(self.split, split)).to(self.fabric.device)

    def train(self, task: Any, *, limit: float = float("inf")) -> Outcome:
        """Run the training loop on ``task``, from a checkpoint where there is one."""
        return Trainer(
            task,
            Recipe.from_plain(self.spec["recipe"]),
            self.spec["seed"],
            self.fabric,
            checkpoint=self.folder / "checkpoint.pt",
            keep=tuple(self.spec.get("keep", ())),
            limit=limit,
            report=self.report,
        ).run()


def run_stage(
    address: str, spec: Mapping[str, Any], dataset: Dataset, store: StageStore, report: Report
) -> dict[str, Any]:
    """Carry out a stage and publish its folder; return its outcome.

    The caller sets the number of threads. Raises ``StageBusy`` where another process is at it.
    """
    environment = spec["environment"]
    with store.working_on(address) as folder:
        fabric = Fabric(accelerator=environment["device"], devices=1)
        work = _prepare(spec, dataset, fabric, store, folder, report)
        carry_out = {"pretrain": _pretrain, "fit": _fit, SCORE: _score}[spec["kind"]]
        outcome = carry_out(work)
        outcome["device"] = environment["device"]
        outcome |= work.outputs.to_plain()
        write_stage(folder, dict(spec), outcome)
    return outcome


def _prepare(
    spec: Mapping[str, Any],
    dataset: Dataset,
    fabric: Fabric,
    store: StageStore,
    folder: Path,
    report: Report,
) -> Work:
    options = dict(spec["data"]["split"])
    seed = options.pop("seed")
    split = split_rows(dataset, SplitOptions.model_validate(options), seed or 0)
    shown = shown_rows(dataset)
    reported = None
    if not dataset.classes and spec.get("task") != "reconstruction":
        reported = TargetScaler.fit(dataset.targets, split.train, dataset.target_names)
    conditions = Conditions.of(spec["data"])
    dataset, split = conditioned(dataset, split, conditions, spec["seed"])
    if "rows" in spec.get("test", {}):
        named, unseen = spec["test"]["rows"], conditions.unseen
        split = replace(split, test=tested_rows(dataset, split, named, unseen))
    if "target" in spec:
        target = spec["target"]
        dataset, split = mapped(dataset, split, target["name"], dict(target["classes"]))
    outputs = outputs_of(dataset, split, spec.get("task"), reported)
    inputs: Any = dataset.inputs
    if spec["kind"] != SCORE:
        inputs = inputs_with_descriptors(spec, inputs, store).to(fabric.device)
    if isinstance(outputs, Reconstructions):
        rows = Rows(inputs, Pixels(inputs))
    else:
        rows = Rows(inputs, torch.from_numpy(outputs.targets).to(fabric.device))
    return Work(spec, dataset, split, outputs, rows, fabric, store, folder, report, shown)


def _pretrain(work: Work) -> dict[str, Any]:
    spec = work.spec
    encoder = models.fresh_encoder(spec["encoder"], work.rows.inputs, spec["seed"])
    assert isinstance(encoder, Encoder)
    name, options = models.chosen(spec["objective"])
    kind = OBJECTIVES[name]
    outputs = (work.outputs.count,) if getattr(kind, "predicts", False) else ()
    objective = kind(encoder, *outputs, **options)
    rows = replace(work.rows, augment=models.views_of(spec), views=objective.views)
    task = PretrainTask(
        objective,
        rows,
        work.index("train"),
        work.index("validation"),
        work.outputs,
        size=spec["recipe"]["batch"],
        seed=spec["seed"],
    )
    outcome = work.train(task)
    if outcome.status == "done":
        _save_weights(work.folder / "model.safetensors", encoder.state_dict())
        earlier = {epoch: models.encoder_part(weights) for epoch, weights in outcome.kept.items()}
        for epoch, weights in earlier.items():
            _save_weights(work.folder / f"epoch-{epoch}.safetensors", weights)
        keep_features_of(work.folder, encoder, work.rows, work.shown, earlier)
        keep_reconstructions(work.folder, objective, work.rows.inputs, work.split.test)
    return _trained(work, outcome, task.module)


def _fit(work: Work) -> dict[str, Any]:
    spec = work.spec
    if "input" in spec:
        before = work.store.read(spec["input"]["stage"])["outcome"]
        if before["status"] != "done":
            return _ended("diverged", f"its pre-training diverged: {before['reason']}")
    if "train" not in spec:
        return _fit_exactly(work)
    begin = time.monotonic()
    encoder = models.stage_encoder(spec, work.rows.inputs, work.store)
    rows = replace(work.rows, augment=models.views_of(spec), weights=_row_weights(work))
    part = encoder
    spared = 0.0
    if models.features_are_cached(spec):
        rows, spared = _cached(rows, encoder, spec, work)
        part = models.Features(encoder.out_features)  # type: ignore[assignment]
    assert isinstance(part, nn.Module)
    predictor = models.build_predictor(spec, part, work.outputs.count)
    train, device = work.index("train"), work.fabric.device
    if spec["standardise"]:
        before_training = in_chunks(part.to(device), rows.inputs, train)
        predictor.standardise.to(device).fit(before_training)
    if isinstance(work.outputs, Numbers):
        scale = torch.tensor(work.outputs.scaler.std)
        predictor.readout.to(device).fit(rows.targets[train], scale)
    preparation = time.monotonic() - begin + spared
    task = FitTask(predictor, rows, train, work.index("validation"), work.outputs, spec["metric"])
    outcome = work.train(task, limit=2 * _constant_loss(predictor, work, rows.weights))
    result = _trained(work, outcome, predictor)
    result["seconds"] = round(result["seconds"] + preparation, 3)
    if outcome.status == "done":
        _save_weights(work.folder / "model.safetensors", predictor.state_dict())
        everything = torch.arange(len(work.dataset), device=device)
        scores = work.outputs.scores(in_chunks(predictor, rows.inputs, everything))
        if isinstance(rows.inputs, models.FeatureRows):
            keep_features(work.folder, rows.inputs.values, work.shown)
        else:
            assert isinstance(encoder, Encoder)
            keep_features_of(work.folder, encoder, work.rows, work.shown)
        if not np.isfinite(scores).all():
            return _ended("diverged", "its predictions are not finite", result)
        result["metrics"] = _evaluate(work, scores) + _measured(work, encoder, rows.inputs)
    return result


def _measured(work: Work, encoder: Encoder | FixedEncoder, inputs: Any) -> list[dict[str, Any]]:
    """Return the measures of what ``encoder`` makes of test rows, now that it is trained."""

    def features(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        index = torch.from_numpy(rows).to(work.fabric.device)
        if isinstance(inputs, models.FeatureRows):
            return inputs.select(index).cpu().numpy()
        assert isinstance(encoder, Encoder)
        return in_chunks(encoder, inputs, index).cpu().numpy()

    standardise = isinstance(encoder, FixedEncoder) and encoder.mixed_units
    return measures(work.outputs, work.split.test, features, standardise=standardise)


def _cached(
    rows: Rows, encoder: Encoder | FixedEncoder, spec: Mapping[str, Any], work: Work
) -> tuple[Rows, float]:
    """Return the rows with their features in the place of inputs, and of some views where asked.

    And the seconds that were spared because the features were there.
    """
    device = work.fabric.device
    values, spared = features_of_all(spec, encoder, rows.inputs, work.store, device)
    plain = models.FeatureRows(values)
    if rows.augment is None:
        return CachedRows(plain, rows.targets, weights=rows.weights), spared
    assert isinstance(encoder, Encoder)
    count = int(spec["frozen_views"].removeprefix("cached:"))
    torch.manual_seed(spec["seed"])
    train = work.index("train")
    augmented = models.AugmentedRows(rows.inputs, rows.augment)
    bank = plain.values.new_zeros(count, *plain.values.shape)
    for view in bank:
        view[train] = in_chunks(encoder, augmented, train)
    return CachedViews(plain, rows.targets, weights=rows.weights, bank=bank), spared


def _fit_exactly(work: Work) -> dict[str, Any]:
    spec, begin, spared = work.spec, time.monotonic(), 0.0
    head = models.exact_head(spec)
    features = np.zeros((len(work.dataset), 0), dtype=np.float32)
    if head.uses_features:
        encoder = models.stage_encoder(spec, work.rows.inputs, work.store)
        given = work.rows.inputs, work.store, work.fabric.device
        values, spared = features_of_all(spec, encoder, *given)
        rows, features = models.FeatureRows(values), values.cpu().numpy()
        keep_features(work.folder, features, work.shown)
    train = work.split.train
    known = features[train], work.outputs.solved_targets[train], spec["seed"]
    weights = _row_weights(work)
    if weights is None:
        head.fit(*known)
    else:
        assert isinstance(head, WeightedHead)
        head.fit(*known, weights.cpu().numpy()[train])
    scores = work.outputs.solved_scores(head.predict(features))
    if not np.isfinite(scores).all():
        return _ended("diverged", "its predictions are not finite")
    arrays = {name: np.ascontiguousarray(value) for name, value in head.arrays().items()}
    write_atomically(work.folder / "model.safetensors", arrays_to_bytes(arrays))
    result = _ended("done", "")
    result["metrics"] = _evaluate(work, scores)
    result["seconds"] = round(time.monotonic() - begin + spared, 3)
    if head.uses_features:
        result["metrics"] += _measured(work, encoder, rows)
    return result


def _row_weights(work: Work) -> Tensor | None:
    """Return the weights (n,) of the rows in training, None where all count alike."""
    weighting = work.spec.get("weights")
    if weighting is None:
        return None
    assert isinstance(work.outputs, Numbers)
    return torch.from_numpy(work.outputs.weights(weighting)).to(work.fabric.device)


def _constant_loss(predictor: Any, work: Work, weights: Tensor | None) -> float:
    """Return the training loss of the best output that is the same for all rows."""
    train, total = work.index("train"), 0.0
    readout = predictor.readout
    constant = readout.constant(work.outputs.constant().to(train.device))
    for part in torch.split(train, CHUNK):
        truth = readout.truth(work.rows.targets[part])
        guess = constant.expand(len(part), *constant.shape)
        counted = None if weights is None else weights[part]
        total += float(predictor.measure(guess, truth, counted)) * len(part)
    return total / len(train)


def _ended(status: str, reason: str, base: Mapping[str, Any] | None = None) -> dict[str, Any]:
    blank = {"epochs": 0, "steps": 0, "seconds": 0.0, "parameters": 0, "selected_epoch": 0}
    return {**(base or blank), "status": status, "reason": reason, "metrics": []}


def _trained(work: Work, outcome: Outcome, module: nn.Module) -> dict[str, Any]:
    points = [(c.epoch, c.split, c.metric, c.value) for c in outcome.curves]
    write_rows(work.folder / "curves.csv", ["epoch", "split", "metric", "value"], points)
    result = _ended(outcome.status, outcome.reason)
    result |= {
        "epochs": outcome.epochs,
        "steps": outcome.steps,
        "seconds": round(outcome.seconds, 3),
        "parameters": sum(p.numel() for p in module.parameters() if p.requires_grad),
        "selected_epoch": outcome.selected_epoch,
    }
    return result


def _evaluate(work: Work, scores: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Write predictions.csv and return the metrics of every part."""
    outputs = work.outputs
    write_rows(work.folder / "predictions.csv", outputs.header, outputs.lines(scores))
    if isinstance(outputs, Reconstructions):
        assert isinstance(work.dataset.inputs, Images)
        keep_given_back(work.folder, work.dataset.inputs, scores, work.split.test)
    return outputs.metrics(scores)


def _score(work: Work) -> dict[str, Any]:
    """Judge a finished fit on the test rows as the stage's block ``test`` says."""
    spec, begin = work.spec, time.monotonic()
    address, test = spec["input"]["stage"], spec["test"]
    before = work.store.read(address)["outcome"]
    if before["status"] != "done":
        return _ended("diverged", f"its fit diverged: {before['reason']}")
    tested = work.split.test
    inputs = work.dataset.inputs.take(torch.from_numpy(tested))
    if "corruption" in test:
        inputs = corrupt(inputs, test["corruption"], test["severity"], spec["seed"])
    device = work.fabric.device
    predict, features = models.restored(address, work.store, inputs, device)
    found = predict(inputs.to(device))
    if not np.isfinite(found).all():
        return _ended("diverged", "its predictions are not finite")
    scores = np.zeros((len(work.dataset), found.shape[1]))
    scores[tested] = found
    lines = work.outputs.lines(scores, ["test"])
    write_rows(work.folder / "predictions.csv", work.outputs.header, lines)
    result = _ended("done", "")
    result["metrics"] = work.outputs.metrics(scores, ["test"])
    result["seconds"] = round(time.monotonic() - begin, 3)

    def features_of(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return features(inputs.take(torch.from_numpy(np.searchsorted(tested, rows))).to(device))

    standardise = models.mixed_units(work.store.read(address)["spec"], inputs)
    result["metrics"] += measures(work.outputs, tested, features_of, standardise=standardise)
    return result


def _save_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    plain = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    write_atomically(path, tensors_to_bytes(plain))
