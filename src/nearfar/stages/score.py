"""A finished fit judged otherwise: on other test rows, or on corrupted ones."""

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nearfar.data import Columns
from nearfar.data.corruptions import corrupt
from nearfar.plan.specs import ScoreSpec, spec_of
from nearfar.records.stage_files import write_predictions
from nearfar.stages import models
from nearfar.stages.context import StageContext, ended
from nearfar.stages.features import with_embeddings_of
from nearfar.stages.fitted import Fitted
from nearfar.stages.prepare import preparer
from nearfar.stages.representation import measures


def judge(context: StageContext, spec: ScoreSpec) -> dict[str, Any]:
    """Judge a finished fit on the test rows as the stage's block ``test`` says.

    Columns of any kind are corrupted as the fit prepared them; a fit that looks at no features has
    prepared none.
    """
    begin, stage_hash, test = time.monotonic(), spec.fit, spec.test
    before = context.store.read(stage_hash)["outcome"]
    if before["status"] != "done":
        return ended("diverged", f"its fit diverged: {before['reason']}")
    tested = context.split.test
    prepare = preparer(context.store.folder(stage_hash))
    inputs = prepare(context.dataset.inputs.take(torch.from_numpy(tested)))
    looked_at = not isinstance(inputs, Columns)
    if test.corruption is not None and test.severity and looked_at:
        inputs = corrupt(inputs, test.corruption, test.severity, spec.seed)
    fitted, device = Fitted.of_stage(stage_hash, context.store, inputs), context.device
    inputs = with_embeddings_of(fitted.named, inputs, context.dataset, tested)
    found = fitted.scores(fitted.features(inputs, device), device)
    if not np.isfinite(found).all():
        return ended("diverged", "its predictions are not finite")
    scores = np.zeros((len(context.dataset), found.shape[1]))
    scores[tested] = found
    lines = context.outputs.lines(scores, ["test"])
    write_predictions(context.folder, context.outputs.header, lines)
    result = ended("done", "")
    result["metrics"] = context.outputs.metrics(scores, ["test"])
    result["seconds"] = round(time.monotonic() - begin, 3)

    def features_of(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        places = torch.from_numpy(np.searchsorted(tested, rows))
        return fitted.features(inputs.take(places), device)

    standardise = models.mixed_units(spec_of(stage_hash, context.store), inputs)
    result["metrics"] += measures(context.outputs, tested, features_of, standardise=standardise)
    return result
