"""Combinations of keys that make no sense, each valid by itself."""

from collections.abc import Iterable, Sequence

from nearfar.data.augment import MIXTURES
from nearfar.data.corruptions import CORRUPTIONS
from nearfar.data.targets import ALL_TARGETS
from nearfar.encoders import ENCODERS
from nearfar.errors import nearest, shown
from nearfar.heads import HEADS, READOUTS, WEIGHTED, fits_task
from nearfar.losses import ELEMENTWISE_LOSSES, LOSSES
from nearfar.metrics import DECIDED, METRICS, METRICS_OF
from nearfar.objectives import OBJECTIVES
from nearfar.study.augmentations import views_in
from nearfar.study.given_names import mistaken_for
from nearfar.study.mixed_rows import mixed_rows, trained_blocks
from nearfar.study.named_options import embedding_files, encoder_names
from nearfar.study.schema import Arm, ExactFit, Study, Test, TrainedFit


def impossible(study: Study, tests: Sequence[Test]) -> list[str]:
    """Return what in a study, and how it is scored, does not go together, a line each."""
    arms, mistakes = study.arms, _names_alike(study)
    if study.baseline not in arms:
        mistakes.append(
            f"baseline: no arm is called {shown(study.baseline)}; {nearest(study.baseline, arms)}"
        )
    for name, arm in arms.items():
        mistakes += [f"arms.{name}.{line}" for line in _in_arm(name, arm, study)]
    mistakes += _unfit_encoders(study) + _unfit_for_task(study) + _views_of_what(study)
    mistakes += mixed_rows(study)
    return mistakes + _search(study) + [line for test in tests for line in _scored(study, test)]


def _names_alike(study: Study) -> list[str]:
    """Return a line for every two names in one block that a person cannot tell apart."""
    named: dict[str, Iterable[str]] = {
        "arms": study.arms,
        "stages": study.stages,
        "targets": study.targets,
    }
    for name, axis in study.axes.items():
        named[f"axes.{name}"] = axis.labelled()
    return [
        f"{where}: {phrase}" for where, names in named.items() for phrase in mistaken_for(names)
    ]


def unused(studies: Sequence[Study]) -> list[str]:
    """Return a line for every stage and target that no arm uses at any values of the axes."""
    arms = [arm for study in studies for arm in study.arms.values()]
    predicted = {arm.fit.target for arm in arms}
    targets = {name for study in studies for name in study.targets}
    lines = [f"targets.{name}: no fit predicts it" for name in sorted(targets - predicted)]
    starts = [arm.pretrain for arm in arms if arm.pretrain is not None]
    used = {start.stage for start in starts if start.stage is not None}
    stages = {stage for study in studies for stage in study.stages}
    if used - stages:
        return lines
    return lines + [f"stages.{name}: no arm uses it" for name in sorted(stages - used)]


def differing_splits(studies: Sequence[Study]) -> list[str]:
    """Return a line where a seed does not mean the same for the splits of all points."""
    if len({study.split.varies for study in studies}) > 1:
        return ["split: either all values of its axis draw new splits for seeds, or none"]
    folds = list(dict.fromkeys(study.split.folds for study in studies))
    if len(folds) > 1:
        given = ", ".join("no folds" if count is None else f"{count} folds" for count in folds)
        return [
            "split: all values of its axis need kind 'folds' with equally many folds, or none of "
            f"them has any (given: {given})"
        ]
    return []


def parts_unread(studies: Sequence[Study]) -> list[str]:
    """Return a line where a study names a column of parts, and no split of its takes them."""
    naming = [study for study in studies if study.data.part is not None]
    kinds = [study.split.kind for study in naming]
    if not naming or "predefined" in kinds:
        return []
    return [
        "data: data option 'part' goes with split: {kind: predefined}, not with kind "
        f"'{kinds[0]}', which would not read it: leave out 'part', or change the kind"
    ]


def _unfit_encoders(study: Study) -> list[str]:
    kind, mistakes = study.data.kind, []
    for where, holder in [
        *((f"stages.{name}", stage) for name, stage in study.stages.items()),
        *((f"arms.{name}.fit", arm.fit) for name, arm in study.arms.items()),
    ]:
        for name in [] if holder.encoder is None else encoder_names(holder.encoder):
            if kind not in ENCODERS[name].accepts:
                fitting = [n for n, e in ENCODERS.items() if kind in e.accepts]
                mistakes.append(
                    f"{where}.encoder: {name} does not take {kind} inputs; {nearest(name, fitting)}"
                )
    return mistakes


def _unfit_for_task(study: Study) -> list[str]:
    """Return what is for numbers where classes are predicted, or the other way round."""
    task = str(study.data.task)
    mistakes = []
    if ALL_TARGETS in study.targets:
        mistakes.append(f"targets: {shown(ALL_TARGETS)} is what a mean over targets is called")
    if study.targets and task != "classification":
        mistakes.append("targets: are maps of classes, and this study predicts none")
    if not METRICS[study.metric].judges(task):
        mistakes.append(_not_for("metric", study.metric, task, METRICS_OF[task]))
    labels = study.data.label_task
    fitting = [name for name, kind in OBJECTIVES.items() if labels in kind.tasks]
    for name, stage in study.stages.items():
        if labels not in OBJECTIVES[stage.objective.name].tasks:
            where = f"stages.{name}.objective"
            mistakes.append(_not_for(where, stage.objective.name, labels, fitting))
    heads = [name for name, kind in HEADS.items() if fits_task(kind, task)]
    for name, arm in study.arms.items():
        fit, where = arm.fit, f"arms.{name}.fit"
        if not fits_task(HEADS[fit.head.name], task):
            mistakes.append(_not_for(f"{where}.head", fit.head.name, task, heads))
        else:
            mistakes += [f"{where}.head: {line}" for line in _refused(fit, study)]
        if isinstance(fit, TrainedFit):
            mistakes += [f"{where}.{line}" for line in _unread(fit, task)]
        if fit.weights is not None:
            mistakes += [f"{where}.weights: {line}" for line in _no_weights(fit, task)]
    return mistakes


def _refused(fit: TrainedFit | ExactFit, study: Study) -> list[str]:
    """Return what a head that checks its own options says of them."""
    objections = getattr(HEADS[fit.head.name], "objections", None)
    if objections is None:
        return []
    scores = study.metric not in DECIDED
    options = fit.head.options.model_dump(mode="json")
    lines: list[str] = objections(
        options, str(study.data.task), scores=scores, weighted=fit.weights is not None
    )
    return lines


def _unread(fit: TrainedFit, task: str) -> list[str]:
    """Return where a fit's readout is not for the task, or its loss not for the readout."""
    name = fit.readout.name
    if task != "regression" and name != "z":
        return [f"readout: {shown(name)} is not for {task}: it makes numbers of outputs"]
    own = READOUTS[name].losses
    if fit.loss in (own or LOSSES[task]):
        return []
    return [_not_for("loss", fit.loss, f"readout {name}" if own else task, own or LOSSES[task])]


def _no_weights(fit: TrainedFit | ExactFit, task: str) -> list[str]:
    """Return why the rows of a fit cannot be weighted."""
    if task == "reconstruction":
        return ["go by how rare a target is, and this study gives images back"]
    if isinstance(fit, ExactFit):
        what, given, allowed = "solved head", fit.head.name, _weighted(task)
        if given in WEIGHTED and fits_task(WEIGHTED[given], task):
            return []
    else:
        losses = ELEMENTWISE_LOSSES if task == "regression" else LOSSES[task]
        what, given, allowed = "loss", fit.loss, list(losses)
    return (
        [] if given in allowed else [f"{what} {shown(given)} takes none; {nearest(given, allowed)}"]
    )


def _weighted(task: str) -> list[str]:
    """Return the solved heads for a task whose rows can be weighted."""
    return [name for name, kind in WEIGHTED.items() if fits_task(kind, task)]


def _views_of_what(study: Study) -> list[str]:
    """Return where views are asked for of what is not an image, or is to be given back as it is."""
    if study.data.task == "reconstruction":
        return [
            f"arms.{name}.fit.augment: a reconstruction is compared with the image as it is"
            for name, arm in study.arms.items()
            if isinstance(arm.fit, TrainedFit) and arm.fit.augment
        ]
    if study.data.kind == "image":
        return []
    return [
        f"{where}.augment: there are views of images, not of {study.data.kind} inputs; "
        f"{' and '.join(MIXTURES)} mixes rows of any kind"
        for where, block in trained_blocks(study)
        if views_in(block.augment)
    ]


def _search(study: Study) -> list[str]:
    """Return whether there is a budget for a search and nothing to search for."""
    if study.search is not None and not any(a.role == "choose" for a in study.axes.values()):
        return ["search: there is no axis of role 'choose' that it could apply to"]
    several = study.search is not None and study.search.seeds is not None
    if several and not any(axis.searched for axis in study.axes.values()):
        return [
            "search.seeds: is for a search by trials, and all points of a grid are trained once: "
            "give an axis 'trials', or a range in place of its values"
        ]
    return []


def _scored(study: Study, test: Test) -> list[str]:
    """Return why fits cannot be scored so."""
    mistakes, task, kind = [], study.data.task, study.data.kind
    if test.changes and task == "reconstruction":
        mistakes.append(f"test: is for predictions of a target, not for {task}")
    if test.rows in {"seen", "unseen"} and study.unseen is None:
        mistakes.append(f"test.rows: {shown(test.rows)} needs the study's 'unseen'")
    if test.rows in {"many", "medium", "few"} and task != "regression":
        mistakes.append(f"test.rows: {shown(test.rows)} is for regression, not for {task}")
    fitting = [name for name, corruption in CORRUPTIONS.items() if kind in corruption.accepts]
    reading = [name for name, arm in study.arms.items() if embedding_files(arm.fit.encoder)]
    if test.corruption is not None and reading:
        mistakes.append(
            f"test.corruption: changes inputs, and arm {shown(reading[0])} reads embeddings of them"
            " as they are from a file: leave out one of the two"
        )
    if test.corruption is not None and test.corruption not in fitting:
        mistakes.append(_not_for("test.corruption", test.corruption, f"{kind} inputs", fitting))
    return mistakes


def _not_for(where: str, given: str, task: str, allowed: Iterable[str]) -> str:
    return f"{where}: {shown(given)} is not for {task}; {nearest(given, allowed)}"


def _in_arm(name: str, arm: Arm, study: Study) -> list[str]:
    mistakes = []
    if arm.against is not None and (arm.against not in study.arms or arm.against == name):
        others = [other for other in study.arms if other != name]
        mistakes.append(
            f"against: no other arm is called {shown(arm.against)}; {nearest(arm.against, others)}"
        )
    rival = study.arms.get(arm.against or "")
    if rival is not None and rival.fit.target != arm.fit.target:
        mistakes.append(f"against: {shown(arm.against)} predicts another target")
    if arm.fit.target is not None and arm.fit.target not in study.targets:
        mistakes.append(
            f"fit.target: no target is called {shown(arm.fit.target)}; "
            f"{nearest(arm.fit.target, study.targets)}"
        )
    if arm.pretrain is not None and arm.pretrain.stage is not None:
        stage = study.stages.get(arm.pretrain.stage)
        if stage is None:
            mistakes.append(
                f"pretrain: no stage is called {shown(arm.pretrain.stage)}; "
                f"{nearest(arm.pretrain.stage, study.stages)}"
            )
        elif arm.pretrain.epoch is not None and arm.pretrain.epoch not in stage.keep:
            mistakes.append(
                f"pretrain.epoch: {arm.pretrain.epoch} is not among the epochs that "
                f"stages.{arm.pretrain.stage}.keep lists: {list(stage.keep)}"
            )
    return mistakes
