"""Pre-training: an encoder under an objective."""

import math
from dataclasses import replace
from typing import Any

from nearfar.encoders import Encoder
from nearfar.objectives import OBJECTIVES
from nearfar.plan.specs import PretrainSpec
from nearfar.stages import models
from nearfar.stages.context import StageContext
from nearfar.stages.keep import keep_features_of, keep_reconstructions
from nearfar.stages.tasks import PretrainTask
from nearfar.train.loop import Trainer


def pretrain(context: StageContext, spec: PretrainSpec) -> dict[str, Any]:
    """Train the encoder; keep it, and what the page shows of it.

    A rank after the first only trains.
    """
    encoder = models.fresh_encoder(spec.encoder, context.rows.inputs, spec.seed)
    assert isinstance(encoder, Encoder)
    models.start(encoder, context.rows.inputs, context.index("train"))
    kind = OBJECTIVES[spec.objective.name]
    predicts = getattr(kind, "predicts", False)
    outputs = (context.outputs.count,) if predicts else ()
    objective = kind(encoder, *outputs, **spec.objective.options)
    mixing = models.mixing_of(spec)
    task = PretrainTask(
        objective,
        replace(
            context.rows,
            augment=models.views_of(spec),
            views=objective.views,
            mixing=mixing,
            mixes_features=models.mixes_features(mixing, context.rows.inputs),
        ),
        context.index("train"),
        context.index("validation"),
        context.outputs,
        size=spec.recipe.batch,
        seed=spec.seed,
    )
    outcome = Trainer(
        task,
        spec.recipe,
        spec.seed,
        context.fabric,
        checkpoint=context.folder / "checkpoint.pt",
        keep=spec.keep,
        # Between rows of a batch, and against a queue, a loss may rise while all is well.
        limit=-math.inf if predicts else math.inf,
        report=context.report,
        rank=context.rank,
    ).run()
    if not context.rank.leads:
        return {}
    if outcome.status == "done":
        context.save_weights("model", encoder.state_dict())
        earlier = {epoch: models.encoder_part(weights) for epoch, weights in outcome.kept.items()}
        for epoch, weights in earlier.items():
            context.save_weights(f"epoch-{epoch}", weights)
        keep_features_of(context.folder, encoder, context.rows, context.shown, earlier)
        if context.may_show_images:
            keep_reconstructions(context.folder, objective, context.rows.inputs, context.split.test)
    return context.trained(outcome, task.module)
