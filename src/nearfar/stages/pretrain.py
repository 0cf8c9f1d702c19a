"""Pre-training: an encoder under an objective."""

from dataclasses import replace
from typing import Any

from nearfar.encoders import Encoder
from nearfar.objectives import OBJECTIVES
from nearfar.plan.specs import chosen
from nearfar.stages import models
from nearfar.stages.context import Work
from nearfar.stages.keep import keep_features_of, keep_reconstructions
from nearfar.stages.tasks import PretrainTask
from nearfar.train.loop import Trainer
from nearfar.train.recipe import Recipe


def pretrain(work: Work) -> dict[str, Any]:
    """Train the encoder; keep it, and what the page shows of it."""
    spec = work.spec
    encoder = models.fresh_encoder(spec["encoder"], work.rows.inputs, spec["seed"])
    assert isinstance(encoder, Encoder)
    name, options = chosen(spec["objective"])
    kind = OBJECTIVES[name]
    outputs = (work.outputs.count,) if getattr(kind, "predicts", False) else ()
    objective = kind(encoder, *outputs, **options)
    task = PretrainTask(
        objective,
        replace(work.rows, augment=models.views_of(spec), views=objective.views),
        work.index("train"),
        work.index("validation"),
        work.outputs,
        size=spec["recipe"]["batch"],
        seed=spec["seed"],
    )
    outcome = Trainer(
        task,
        Recipe.from_plain(spec["recipe"]),
        spec["seed"],
        work.fabric,
        checkpoint=work.folder / "checkpoint.pt",
        keep=tuple(spec["keep"]),
        report=work.report,
    ).run()
    if outcome.status == "done":
        work.save_weights("model", encoder.state_dict())
        earlier = {epoch: models.encoder_part(weights) for epoch, weights in outcome.kept.items()}
        for epoch, weights in earlier.items():
            work.save_weights(f"epoch-{epoch}", weights)
        keep_features_of(work.folder, encoder, work.rows, work.shown, earlier)
        keep_reconstructions(work.folder, objective, work.rows.inputs, work.split.test)
    return work.trained(outcome, task.module)
