"""A fit by gradient: a head, and as much of the encoder as the study says."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from nearfar.encoders import Encoder, FixedEncoder
from nearfar.objectives import CachedRows, CachedViews, Predictor, Rows, in_chunks
from nearfar.plan.specs import FitSpec
from nearfar.stacking.predictors import stack_of
from nearfar.stacking.trainer import StackedTrainer
from nearfar.stages import models
from nearfar.stages.context import StageContext, ended
from nearfar.stages.keep import keep_features, keep_features_of
from nearfar.stages.targets import Numbers
from nearfar.stages.tasks import FitTask
from nearfar.train.loop import Outcome, Trainer

CHUNK = 8192


@dataclass
class Fitting:
    """A fit that is ready to be trained.

    ``limit`` is the training loss up to which its end is no divergence, though it rose;
    ``seconds`` are those spent so far.
    """

    spec: FitSpec
    context: StageContext
    encoder: Encoder | FixedEncoder
    task: FitTask
    limit: float
    seconds: float

    @classmethod
    def of(cls, context: StageContext) -> "Fitting":
        """Make encoder, features where they stay as they are, and head."""
        spec, begin, spared = context.spec, time.monotonic(), 0.0
        assert isinstance(spec, FitSpec)
        encoder = models.stage_encoder(spec, context.rows.inputs, context.store)
        if isinstance(encoder, Encoder) and spec.input is None and spec.train != "head":
            models.start(encoder, context.rows.inputs, context.index("train"))
        mixing = models.mixing_of(spec)
        rows = replace(
            context.rows,
            augment=models.views_of(spec),
            weights=context.row_weights(),
            mixing=mixing,
            mixes_features=models.mixes_features(mixing, context.rows.inputs),
        )
        part = encoder
        if spec.caches_features:
            rows, spared = _cached(rows, encoder, spec, context)
            part = models.Features(encoder.out_features)  # type: ignore[assignment]
        assert isinstance(part, nn.Module)
        predictor = models.build_predictor(spec, part, context.outputs.count)
        predictor.gaps = context.has_gaps
        train, device = context.index("train"), context.device
        if spec.standardise:
            before_training = in_chunks(part.to(device), rows.inputs, train)
            predictor.standardise.to(device).fit(before_training)
        if isinstance(context.outputs, Numbers):
            scale = torch.tensor(context.outputs.scaler.std)
            predictor.readout.to(device).fit(rows.targets[train], scale)
        seconds = time.monotonic() - begin + spared
        validation = context.index("validation")
        chooses = spec.recipe.goes_by_validation
        task = FitTask(predictor, rows, train, validation, context.outputs, spec.metric, chooses)
        limit = 2 * _constant_loss(predictor, context, rows)
        return cls(spec, context, encoder, task, limit, seconds)

    def end(self, outcome: Outcome) -> dict[str, Any]:
        """Keep what training left and judge it; return the outcome of the stage."""
        context, predictor, inputs = self.context, self.task.module, self.task.data.inputs
        result = context.trained(outcome, predictor)
        result["seconds"] = round(result["seconds"] + self.seconds, 3)
        if outcome.status != "done":
            return result
        context.save_weights("model", predictor.state_dict())
        everything = torch.arange(len(context.dataset), device=context.device)
        scores = context.outputs.scores(in_chunks(predictor, inputs, everything))
        if isinstance(inputs, models.FeatureRows):
            keep_features(context.folder, inputs.values, context.shown)
        else:
            assert isinstance(self.encoder, Encoder)
            keep_features_of(context.folder, self.encoder, context.rows, context.shown)
        if not np.isfinite(scores).all():
            return ended("diverged", "its predictions are not finite", result)
        result["metrics"] = context.evaluate(scores) + context.measured(self.encoder, inputs)
        return result


def train(fittings: Sequence[Fitting]) -> list[dict[str, Any]]:
    """Run the training loop, from a checkpoint where there is one; return how the stages ended."""
    first, seeds = fittings[0], [fitting.spec.seed for fitting in fittings]
    folder = first.context.folder
    if len(fittings) == 1:
        outcome = Trainer(
            first.task,
            first.spec.recipe,
            seeds[0],
            first.context.fabric,
            checkpoint=folder / "checkpoint.pt",
            limit=first.limit,
            report=first.context.report,
            rank=first.context.rank,
        ).run()
        return [first.end(outcome) if first.context.rank.leads else {}]
    batch_key = "".join(fitting.context.folder.name for fitting in fittings)
    digest = hashlib.sha256(batch_key.encode()).hexdigest()[:16]
    outcomes = StackedTrainer(
        [fitting.task for fitting in fittings],
        [fitting.spec.recipe for fitting in fittings],
        seeds,
        first.context.fabric,
        stack_of=stack_of,
        checkpoint=folder / f"checkpoint-{digest}.pt",
        limits=[fitting.limit for fitting in fittings],
        report=lambda place, done, loss: fittings[place].context.report(done, loss),
    ).run()
    return [fitting.end(outcome) for fitting, outcome in zip(fittings, outcomes, strict=True)]


def _cached(
    rows: Rows, encoder: Encoder | FixedEncoder, spec: FitSpec, context: StageContext
) -> tuple[Rows, float]:
    """Return the rows with their features in the place of inputs, and of some views where asked.

    And the seconds that were spared because the features were there.
    """
    values, spared = context.features_by(encoder)
    plain = models.FeatureRows(values)
    if rows.augment is None:
        cached = CachedRows(plain, rows.targets, weights=rows.weights, mixing=rows.mixing)
        return cached, spared
    assert isinstance(encoder, Encoder)
    assert spec.frozen_views is not None
    count = int(spec.frozen_views.removeprefix("cached:"))
    torch.manual_seed(spec.seed)
    train = context.index("train")
    augmented = models.AugmentedRows(rows.inputs, rows.augment)
    bank = plain.values.new_zeros(count, *plain.values.shape)
    for number, view in enumerate(bank, 1):
        rows.begin(number)
        view[train] = in_chunks(encoder.to(context.device), augmented, train)
    views = CachedViews(plain, rows.targets, weights=rows.weights, mixing=rows.mixing, bank=bank)
    return views, spared


def _constant_loss(predictor: Predictor, context: StageContext, rows: Rows) -> float:
    """Return the training loss of the best output that is the same for all rows."""
    train, total = context.index("train"), 0.0
    readout = predictor.readout
    constant = readout.constant(context.outputs.constant().to(train.device))
    for part in torch.split(train, CHUNK):
        truth = predictor.truth(rows.targets[part])
        guess = constant.expand(len(part), *constant.shape)
        counted = None if rows.weights is None else rows.weights[part]
        total += float(predictor.measure(guess, truth, counted)) * len(part)
    return total / len(train)
