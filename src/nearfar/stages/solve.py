"""Fits that are solved: exact heads on features that stay as they are."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save as arrays_to_bytes

from nearfar.encoders import Encoder, FixedEncoder
from nearfar.heads import EachTarget, ExactHead, Logistic, WeightedHead
from nearfar.heads.estimators.own import SeesOwnTargets
from nearfar.heads.solved.logistic.many import Problem, solve_together
from nearfar.plan.specs import OWN, SolveSpec, Target
from nearfar.records.files import write_atomically
from nearfar.stages import models
from nearfar.stages.context import StageContext, ended
from nearfar.stages.keep import keep_features
from nearfar.stages.own_targets import own_targets
from nearfar.stages.targets import Classes, Labels

_MEASURING = ("scipy.stats",)
"""Modules that metrics take."""


@dataclass
class Solving:
    """Fits on the same features, ready to be solved; ``seconds`` are those spent on each so far.

    ``features`` are float32 (n, d) of all rows, without columns where the heads ask for none;
    ``encoder`` is who made them, then None.
    """

    contexts: Sequence[StageContext]
    heads: list[ExactHead | EachTarget]
    encoder: Encoder | FixedEncoder | None
    features: NDArray[np.float32]
    seconds: float
    measures: dict[Target | None, list[dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def of(cls, contexts: Sequence[StageContext]) -> "Solving":
        """Make the heads, and the features that they ask for."""
        context = contexts[0]
        specs = [one.spec for one in contexts if isinstance(one.spec, SolveSpec)]
        heads = [_head(one, spec) for one, spec in zip(contexts, specs, strict=True)]
        for spec in specs:
            _import_ahead(models.exact_head(spec))
        begin = time.monotonic()
        if not models.exact_head(specs[0]).uses_features:
            return cls(contexts, heads, None, np.zeros((len(context.dataset), 0), np.float32), 0.0)
        encoder = models.stage_encoder(specs[0], context.rows.inputs, context.store)
        values, spared = context.features_by(encoder)
        seconds = time.monotonic() - begin + spared
        return cls(contexts, heads, encoder, values.cpu().numpy(), seconds)

    def fit(self) -> float:
        """Fit the heads to their training rows; return the seconds that each took."""
        begin = time.monotonic()
        if len(self.contexts) > 1 and all(map(_is_plain, self.contexts)):
            self._fit_together()
        else:
            for context, head in zip(self.contexts, self.heads, strict=True):
                self._fit_alone(context, head)
        return (time.monotonic() - begin) / len(self.contexts)

    def _fit_alone(self, context: StageContext, head: ExactHead | EachTarget) -> None:
        train, weights = context.split.train, context.row_weights()
        targets = context.outputs.solved_targets
        if isinstance(context.spec, SolveSpec) and context.spec.targets == OWN:
            assert isinstance(head, SeesOwnTargets)
            head.own, targets = own_targets(context.outputs)
        known = self.features[train], targets[train], context.spec.seed
        if weights is None:
            head.fit(*known)
        else:
            assert isinstance(head, WeightedHead)
            head.fit(*known, weights.cpu().numpy()[train])

    def _fit_together(self) -> None:
        problems, iterations = [], 0
        for context, head in zip(self.contexts, self.heads, strict=True):
            assert isinstance(head, Logistic)
            train, iterations = context.split.train, head.iterations
            targets = context.outputs.solved_targets[train].astype(np.float64)
            problems.append(Problem(train, targets, head.penalty))
        self.heads = [*solve_together(self.features, problems, iterations)]

    def end(
        self, context: StageContext, head: ExactHead | EachTarget, seconds: float
    ) -> dict[str, Any]:
        """Keep a head and judge it; return the outcome of its stage."""
        begin = time.monotonic()
        if self.encoder is not None:
            keep_features(context.folder, self.features, context.shown)
        scores = context.outputs.solved_scores(head.predict(self.features))
        if not np.isfinite(scores).all():
            return ended("diverged", "its predictions are not finite")
        arrays = {name: np.ascontiguousarray(value) for name, value in head.arrays().items()}
        write_atomically(context.folder / "model.safetensors", arrays_to_bytes(arrays))
        result = ended("done", "")
        result["metrics"] = context.evaluate(scores)
        result["seconds"] = round(self.seconds + seconds + time.monotonic() - begin, 3)
        if self.encoder is not None:
            result["metrics"] += self._measured(context, self.encoder)
        return result

    def _measured(
        self, context: StageContext, encoder: Encoder | FixedEncoder
    ) -> list[dict[str, Any]]:
        """Return the measures of the features, taken once for every target."""
        target = context.spec.target if isinstance(context.spec, SolveSpec) else None
        if target not in self.measures:
            rows = models.FeatureRows(torch.from_numpy(self.features))
            self.measures[target] = context.measured(encoder, rows)
        return self.measures[target]


def _import_ahead(head: ExactHead) -> None:
    """Import what a head and metrics take, so that the first of a process costs what others do.

    What cannot be imported is told when the head takes it.
    """
    for name in (*getattr(head, "imports", ()), *_MEASURING):
        with suppress(Exception):
            import_module(name)


def _head(context: StageContext, spec: SolveSpec) -> ExactHead | EachTarget:
    """Return the head, or where it does not do for all targets at once, one for each."""
    head, labels = models.exact_head(spec), isinstance(context.outputs, Labels)
    of_classes = labels and "multilabel" not in type(head).tasks
    if context.has_gaps or of_classes or (labels and spec.weights is not None):
        return EachTarget(lambda: models.exact_head(spec), labels=of_classes)
    return head


def _is_plain(context: StageContext) -> bool:
    """Whether the targets are classes, all of whose rows count alike."""
    return isinstance(context.outputs, Classes) and context.row_weights() is None


def solve(solving: Solving) -> list[dict[str, Any]]:
    """Solve the heads; return how their stages ended."""
    seconds = solving.fit()
    pairs = zip(solving.contexts, solving.heads, strict=True)
    return [solving.end(context, head, seconds) for context, head in pairs]
