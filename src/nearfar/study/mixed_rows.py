"""Where rows cannot be mixed with each other, targets and all."""

from typing import Any

from nearfar.encoders import ENCODERS
from nearfar.errors import nearest
from nearfar.objectives import OBJECTIVES
from nearfar.study.augmentations import mixed_at, mixing_in
from nearfar.study.named_options import NamedChoice, encoder_names
from nearfar.study.schema import Stage, Study, TrainedFit, Training


def trained_blocks(study: Study) -> list[tuple[str, Training]]:
    """Return what is trained by gradient, with its place in the study file."""
    blocks: list[tuple[str, Training]] = [
        (f"stages.{name}", stage) for name, stage in study.stages.items()
    ]
    for name, arm in study.arms.items():
        if isinstance(arm.fit, TrainedFit):
            blocks.append((f"arms.{name}.fit", arm.fit))
    return blocks


def mixed_rows(study: Study) -> list[str]:
    """Return a line for each block whose rows are to be mixed and cannot be."""
    if study.data.task == "reconstruction":
        return []
    mistakes = []
    for where, block in trained_blocks(study):
        mixing = mixing_in(block.augment)
        if mixing is not None:
            line = _why_not(block, mixing, study)
            mistakes += [f"{where}.augment: {mixing.name} {line}"] if line else []
    return mistakes


def _why_not(block: Training, mixing: NamedChoice, study: Study) -> str:
    task, kind = study.data.label_task, study.data.kind
    if task != "regression":
        return f"goes by distances between numbers, and this study predicts none ({task})"
    if mixed_at(mixing) == "inputs" and kind == "molecule":
        return "at inputs: molecules are graphs, which cannot be mixed; write at: features"
    if isinstance(block, Stage):
        return _unmixed_stage(block, behind=mixed_at(mixing) == "features" or kind == "molecule")
    encoder = getattr(block, "encoder", None)
    for name in [] if encoder is None else encoder_names(encoder):
        if mixed_at(mixing) == "inputs" and not getattr(ENCODERS[name], "trainable", True):
            return f"at inputs: the features of {name} are computed once; write at: features"
    return ""


def _unmixed_stage(stage: Stage, *, behind: bool) -> str:
    """Return why a stage cannot take mixed rows, or features that are mixed (``behind``)."""
    name = stage.objective.name
    if _takes_mixed(OBJECTIVES[name], behind=behind):
        return ""
    fitting = [n for n, kind in OBJECTIVES.items() if _takes_mixed(kind, behind=behind)]
    what = "features" if behind else "inputs"
    return (
        f"mixes {what} and targets, which objective {name} does not take; {nearest(name, fitting)}"
    )


def _takes_mixed(kind: type[Any], *, behind: bool) -> bool:
    if "regression" not in kind.tasks or not kind.reads_labels:
        return False
    return not behind or getattr(kind, "blends_features", False)
