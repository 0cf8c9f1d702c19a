"""A stage at work: what is read, split and made ready before, what is measured and kept after."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn

from nearfar.data import (
    Dataset,
    Images,
    Preparation,
    Split,
    TargetScaler,
    conditioned,
    mapped,
    split_rows,
)
from nearfar.data.shown import PRIVATE, shown_rows
from nearfar.encoders import Encoder, FixedEncoder
from nearfar.metrics import METRICS
from nearfar.objectives import Rows, in_chunks
from nearfar.plan.specs import (
    FitSpec,
    PretrainSpec,
    ScoreSpec,
    SolveSpec,
    StageSpec,
    has_encoder,
)
from nearfar.ranks.share import ALONE, Rank
from nearfar.records.files import write_atomically
from nearfar.records.stage_files import write_curves, write_predictions
from nearfar.records.stages import StageStore
from nearfar.stages import models
from nearfar.stages.features import (
    features_of_all,
    inputs_with_descriptors,
    with_embeddings_of,
)
from nearfar.stages.keep import keep_given_back
from nearfar.stages.prepare import preparation_of
from nearfar.stages.reconstructions import PixelTargets, Reconstructions
from nearfar.stages.representation import measures
from nearfar.stages.targets import Outputs, outputs_of
from nearfar.stages.tested_rows import tested_rows
from nearfar.train.device import fabric_on
from nearfar.train.loop import Outcome

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Report = Callable[[int, float], None]


@dataclass
class StageContext:
    """A stage at work: its rows, split, and its targets as they are trained, on the device.

    ``shown`` are the rows that the page shows, the same in all stages of a data set.
    """

    spec: StageSpec
    dataset: Dataset
    split: Split
    outputs: Outputs
    rows: Rows
    fabric: Fabric
    store: StageStore
    folder: Path
    report: Report
    shown: NDArray[np.int64]
    shared: dict[str, Any]
    preparation: Preparation | None = None
    rank: Rank = ALONE

    @classmethod
    def on(
        cls,
        spec: StageSpec,
        dataset: Dataset,
        store: StageStore,
        folder: Path,
        report: Report,
        shared: dict[str, Any],
        rank: Rank = ALONE,
    ) -> StageContext:
        """Make a stage ready, in the folder that is to become its own.

        ``shared`` is what stages of one computation have in common, empty at first; those whose
        columns were prepared differently have nothing. ``rank`` is this process's among those that
        train it.
        """
        split = split_rows(dataset, spec.data.split, spec.data.split_seed or 0)
        shown = shown_rows(dataset)
        reported, task = None, spec.task if isinstance(spec, FitSpec | SolveSpec) else None
        if not (dataset.classes or dataset.multilabel or task == "reconstruction"):
            reported = TargetScaler.fit(dataset.targets, split.train, dataset.target_names)
        conditions = spec.data.conditions
        dataset, split = conditioned(dataset, split, conditions, spec.seed)
        if isinstance(spec, ScoreSpec) and spec.test.rows != "all":
            rows_tested = tested_rows(dataset, split, spec.test.rows, conditions.unseen)
            split = replace(split, test=rows_tested)
        target = None if isinstance(spec, PretrainSpec) else spec.target
        if target is not None:
            dataset, split = mapped(dataset, split, target.name, dict(target.classes))
        outputs = outputs_of(dataset, split, task, reported)
        metric = None if isinstance(spec, PretrainSpec) else spec.metric
        outputs.also = () if metric is None or metric in METRICS.built_in else (metric,)
        fabric = fabric_on(spec.environment.device, spec.environment.precision, rank.place)
        inputs: Any = dataset.inputs
        preparation: Preparation | None = None
        if not isinstance(spec, ScoreSpec) and has_encoder(spec):
            preparation, inputs = preparation_of(spec, dataset, split, store)
            inputs = inputs_with_descriptors(spec, inputs, store).to(fabric.device)
            inputs = with_embeddings_of(spec.encoder, inputs, dataset)
            shared = shared.setdefault(preparation.key if preparation else "", {})
        if isinstance(outputs, Reconstructions):
            rows = Rows(inputs, PixelTargets(inputs))
        else:
            rows = Rows(inputs, torch.from_numpy(outputs.targets).to(fabric.device))
        place = fabric, store, folder, report
        return cls(spec, dataset, split, outputs, rows, *place, shown, shared, preparation, rank)

    @property
    def device(self) -> torch.device:
        """Where its tensors are."""
        device: torch.device = self.fabric.device
        return device

    def index(self, split: str) -> Tensor:
        """Return the row numbers of a part on the device."""
        return torch.from_numpy(getattr(self.split, split)).to(self.device)

    def features_by(self, encoder: Encoder | FixedEncoder) -> tuple[Tensor, float]:
        """Return what the encoder that the stage starts from makes of all rows, float32 (n, d).

        And the seconds that were spared because they were there.
        """
        if "features" in self.shared:
            return self.shared["features"], self.shared["seconds"]
        begin, given = time.monotonic(), (self.rows.inputs, self.store, self.device)
        assert not isinstance(self.spec, ScoreSpec)
        key = "" if self.preparation is None else self.preparation.key
        features, spared = features_of_all(self.spec, encoder, *given, key)
        self.shared |= {"features": features, "seconds": time.monotonic() - begin + spared}
        return features, spared

    @property
    def may_show_images(self) -> bool:
        """Whether images of the data set may be kept for the page."""
        return PRIVATE not in self.dataset.source

    @property
    def has_gaps(self) -> bool:
        """Whether some rows lack some of their targets."""
        return bool(np.isnan(self.dataset.targets).any())

    def row_weights(self) -> Tensor | None:
        """Return the weights (n,) of the rows in training, None where all count alike.

        Of several labels a row, they are (n, k): a row counts otherwise for every label.
        """
        if not isinstance(self.spec, FitSpec | SolveSpec) or self.spec.weights is None:
            return None
        assert not isinstance(self.outputs, Reconstructions)
        return torch.from_numpy(self.outputs.weights(self.spec.weights)).to(self.device)

    def evaluate(self, scores: NDArray[np.float64]) -> list[dict[str, Any]]:
        """Write predictions.csv and return the metrics of every part."""
        outputs = self.outputs
        write_predictions(self.folder, outputs.header, outputs.lines(scores))
        if isinstance(outputs, Reconstructions):
            assert isinstance(self.dataset.inputs, Images)
            if self.may_show_images:
                keep_given_back(self.folder, self.dataset.inputs, scores, self.split.test)
        return outputs.metrics(scores)

    def measured(self, encoder: Encoder | FixedEncoder, inputs: Any) -> list[dict[str, Any]]:
        """Return the measures of what ``encoder`` makes of test rows, now that it is trained.

        ``inputs`` of all rows, or their features in the place of these.
        """

        def features(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            index = torch.from_numpy(rows).to(self.device)
            if isinstance(inputs, models.FeatureRows):
                return inputs.select(index).cpu().numpy()
            assert isinstance(encoder, Encoder)
            return in_chunks(encoder, inputs, index).cpu().numpy()

        standardise = isinstance(encoder, FixedEncoder) and encoder.mixed_units
        return measures(self.outputs, self.split.test, features, standardise=standardise)

    def trained(self, outcome: Outcome, module: nn.Module) -> dict[str, Any]:
        """Write curves.csv; return how training ended, without metrics."""
        points = [(c.epoch, c.split, c.metric, c.value) for c in outcome.curves]
        write_curves(self.folder, points)
        result = ended(outcome.status, outcome.reason)
        result |= {
            "epochs": outcome.epochs,
            "steps": outcome.steps,
            "seconds": round(outcome.seconds, 3),
            "judging": round(outcome.judging, 6),
            "parameters": sum(p.numel() for p in module.parameters() if p.requires_grad),
            "selected_epoch": outcome.selected_epoch,
        }
        return result

    def save_weights(self, name: str, weights: Mapping[str, Tensor]) -> None:
        """Write tensors to a file of the folder."""
        plain = {key: value.detach().cpu().contiguous() for key, value in weights.items()}
        write_atomically(self.folder / f"{name}.safetensors", tensors_to_bytes(plain))


def ended(status: str, reason: str, base: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the outcome of a stage, without metrics; budgets are those of ``base``, or none."""
    blank = {"epochs": 0, "steps": 0, "seconds": 0.0, "parameters": 0, "selected_epoch": 0}
    return {**(base or blank), "status": status, "reason": reason, "metrics": []}
