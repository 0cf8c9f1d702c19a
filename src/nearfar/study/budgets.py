"""Budgets that follow from others: of the search, of tasks."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from nearfar.data.catalogue import SOURCES
from nearfar.encoders import ENCODERS
from nearfar.heads import NETWORKS, READOUTS, fits_task
from nearfar.losses import LOSSES
from nearfar.metrics import METRICS_OF
from nearfar.study.schema import EPOCHS
from nearfar.study.unchecked import is_trained, name_of


def settled(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the study, axes substituted, after its cap on epochs, with defaults that depend."""
    most, task = raw.get("max_epochs"), _task(raw.get("data"))
    stages, arms = raw.get("stages"), raw.get("arms")
    changed = {"metric": next(iter(METRICS_OF[task])), **raw}
    if isinstance(stages, dict):
        changed["stages"] = {name: _capped(stage, most) for name, stage in stages.items()}
    if isinstance(arms, dict):
        counted = _counted(stages)
        changed["arms"] = {
            name: _settled_arm(arm, most, task, counted) for name, arm in arms.items()
        }
    return changed


def searching(raw: dict[str, Any], stages: Collection[str], most: int) -> dict[str, Any]:
    """Return the study, axes substituted, with fits and these stages of at most ``most`` epochs."""
    arms, counted = {}, _counted(raw.get("stages"))
    for name, arm in raw["arms"].items():
        start = arm.get("pretrain")
        if isinstance(start, dict) and str(start.get("stage")) in set(stages) - counted:
            arm = {**arm, "pretrain": _capped(start, most, trained=False)}
        arms[name] = {**arm, "fit": _capped(arm["fit"], most)} if is_trained(arm) else arm
    trained = {
        name: _capped(stage, most) if name in stages else stage
        for name, stage in (raw.get("stages") or {}).items()
    }
    return {**raw, "stages": trained, "arms": arms}


def _counted(stages: Any) -> set[str]:
    """Return the names of the stages whose length is given in iterations."""
    given = stages.items() if isinstance(stages, dict) else ()
    return {name for name, stage in given if isinstance(stage, dict) and "iterations" in stage}


def _task(data: Any) -> str:
    """Return what a data block predicts, as far as it can be read before it is checked."""
    given = data if isinstance(data, dict) else {}
    source = SOURCES.get(str(given.get("source")))
    task = str(given.get("task") or (source.tasks[0] if source else ""))
    return task if task in METRICS_OF else "regression"


def _settled_arm(arm: Any, most: Any, task: str, counted: set[str]) -> Any:
    """Return an arm after the cap; ``counted`` are the stages that count iterations."""
    if not isinstance(arm, dict):
        return arm
    pretrain = arm.get("pretrain")
    if isinstance(pretrain, dict) and str(pretrain.get("stage")) not in counted:
        arm = {**arm, "pretrain": _capped(pretrain, most, trained=False)}
    if not is_trained(arm):
        return arm
    fit = _capped(arm["fit"], most)
    fixed = not getattr(ENCODERS.get(name_of(fit.get("encoder"))), "trainable", True)
    train = fit.get("train", "head" if fixed else "all")
    standardise = fit.get("standardise", train == "head" or arm.get("pretrain") is not None)
    own = getattr(READOUTS.get(name_of(fit.get("readout", "z"))), "losses", ())
    loss = fit.get("loss", next(iter(own or LOSSES[task])))
    head = fit.get("head", next(name for name, kind in NETWORKS.items() if fits_task(kind, task)))
    settled_fit = {**fit, "head": head, "train": train, "standardise": standardise, "loss": loss}
    return {**arm, "fit": settled_fit}


def _capped(block: Any, most: Any, *, trained: bool = True) -> Any:
    """Return a block that trains, and keeps weights, up to epoch ``most`` and no longer.

    A block that counts iterations stays as it is.
    """
    if not isinstance(block, dict) or not _is_epoch(most) or "iterations" in block:
        return block
    changed = {"epochs": EPOCHS, **block} if trained else dict(block)
    for key in ("epochs", "epoch"):
        if _is_epoch(changed.get(key)):
            changed[key] = min(changed[key], most)
    keep = changed.get("keep")
    if isinstance(keep, list) and all(map(_is_epoch, keep)):
        changed["keep"] = sorted({min(epoch, most) for epoch in keep})
    return changed


def _is_epoch(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
