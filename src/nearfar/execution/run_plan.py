"""What a prepared run leaves for its tables, summary and page: ``plan.json`` and the samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from nearfar.data import Dataset, Images, Split, kept_together, split_rows, straddling_groups
from nearfar.data.augment import view_of
from nearfar.data.inputs.joined import without_columns
from nearfar.data.leaks import copies_tested, leaks
from nearfar.data.options import SplitOptions
from nearfar.data.rare_classes import classes_not_tested, rare_in_tests
from nearfar.data.shown import shown_rows, thumbnails_of
from nearfar.data.targets import ALL_TARGETS
from nearfar.execution.prepared import Prepared
from nearfar.plan.plan import Cell, Plan
from nearfar.plan.specs import FitSpec, ScoreSpec
from nearfar.records import SEARCH
from nearfar.records.run_plan import PlannedCell, PlannedStage, RunPlan, ShownArm
from nearfar.stages.models import views_of
from nearfar.stages.reconstructions import IMAGE


def run_plan(prepared: Prepared) -> RunPlan:
    """Return what the records of a run need to know, with the choices made so far."""
    plan, study, dataset = prepared.plan, prepared.resolved.study, prepared.dataset
    seed = prepared.resolved.seeds[0] if study.split.varies else 0
    split = split_rows(dataset, study.split, seed)
    seeds = prepared.resolved.seeds if study.split.varies else [seed]
    tested = {one: split_rows(dataset, study.split, one) for one in seeds}
    reconstructs = study.data.task == "reconstruction"
    return RunPlan(
        cells=planned_cells(plan),
        arms=_arms(prepared),
        baseline=plan.baseline,
        choices=tuple(choice.to_plain() for choice in plan.choices),
        resplit=study.split.varies,
        folds=study.split.folds,
        kind=dataset.inputs.kind,
        unit=dataset.unit or "target",
        rows={part: len(getattr(split, part)) for part in ("train", "validation", "test")},
        classes=tuple(dataset.classes),
        targets=tuple(dataset.target_names) if len(dataset.target_names) > 1 else (),
        straddling=straddling_groups(dataset, split),
        known=_known(dataset, split),
        rare={} if reconstructs else rare_in_tests(dataset, tested.values()),
        not_tested={} if reconstructs else classes_not_tested(dataset, tested),
        leaks=() if reconstructs else tuple(leaks(dataset)),
        copies=copies_tested(dataset, split),
    )


def _known(dataset: Dataset, split: Split) -> dict[str, dict[str, int]]:
    """Return by target how many rows of each part have it; empty where all rows have all."""
    if not np.isnan(dataset.targets).any():
        return {}
    counts = {
        part: (~np.isnan(dataset.targets[getattr(split, part)])).sum(axis=0).tolist()
        for part in ("train", "validation", "test")
    }
    return {
        name: {part: found[k] for part, found in counts.items()}
        for k, name in enumerate(dataset.target_names)
    }


def planned_cells(plan: Plan) -> tuple[PlannedCell, ...]:
    """Return the cells of a plan, with their stages as ``stages.csv`` names them."""
    return tuple(
        PlannedCell(
            cell.arm,
            cell.seed,
            cell.place,
            not cell.search,
            tuple(_planned_stage(cell, plan, stage_hash) for stage_hash in cell.chain),
        )
        for cell in plan.cells
    )


def _planned_stage(cell: Cell, plan: Plan, stage_hash: str) -> PlannedStage:
    step = plan.steps[stage_hash]
    return PlannedStage(
        f"{SEARCH}{cell.search}/{step.name}" if cell.search else step.name,
        stage_hash,
        cell.place if isinstance(step.spec, ScoreSpec) else cell.condition,
        step.spec.environment.device,
    )


def _arms(prepared: Prepared) -> dict[str, ShownArm]:
    study, dataset = prepared.resolved.study, prepared.dataset
    images = study.data.task == "reconstruction"
    several = len(dataset.target_names) > 1
    own = IMAGE if images else ALL_TARGETS if several else dataset.target_names[0]
    arms, other_sizes = {}, _views_of_another_size(prepared.plan, without_columns(dataset.inputs))
    for name, arm in prepared.plan.arms.items():
        predicts = arm.target or own
        found = study.targets.get(predicts)
        classes = found.values() if found else () if images else dataset.classes
        arms[name] = ShownArm(
            group=arm.group,
            against=arm.against if arm.against != name else None,
            own_target=arm.target,
            predicts=predicts,
            classes=tuple(dict.fromkeys(classes)),
            pretrained=arm.pretrained,
            views=other_sizes.get(name, ""),
        )
    return arms


def _views_of_another_size(plan: Plan, inputs: Any) -> dict[str, str]:
    """Return by arm how large the views are that its fit learns from, where images are not.

    An encoder that brings images to a size of its own (``crop``, ``size``) sees all in one.
    """
    found = {}
    for cell in plan.cells if isinstance(inputs, Images) else ():
        chain = [plan.steps[stage_hash].spec for stage_hash in cell.chain]
        encoder = None if isinstance(chain[0], ScoreSpec) else chain[0].encoder
        fit = next((spec for spec in chain if isinstance(spec, FitSpec)), None)
        own_size = encoder is not None and not {"crop", "size"}.isdisjoint(encoder.options)
        views = None if fit is None or own_size else views_of(fit)
        if views is not None and cell.arm not in found:
            first = torch.zeros(1, dtype=torch.int64)
            image = inputs.select(first)
            with torch.random.fork_rng(devices=[]):
                view = view_of(views, image, first)
            given, seen = (" × ".join(map(str, shown.shape[2:])) for shown in (image, view))
            found[cell.arm] = "" if given == seen else f"{seen} pixels, tested on {given}"
    return found


def groups_of(dataset: Dataset, split: SplitOptions) -> list[int]:
    """Return the group of every row; none where every row stands for itself."""
    groups: list[int] = kept_together(dataset, split).tolist()
    return groups if len(set(groups)) < len(dataset) else []


def samples_of(dataset: Dataset, split: SplitOptions) -> dict[str, list[Any]]:
    """Return what the page shows of every row, and which rows a split keeps together.

    There are pictures of the shown rows alone, and groups where one has several rows.
    """
    rows = shown_rows(dataset)
    shown = set(rows.tolist())
    columns: dict[str, list[Any]] = {
        "id": dataset.ids,
        "name": dataset.names,
        "shown": [row in shown for row in range(len(dataset))],
    }
    if dataset.smiles:
        columns["smiles"] = dataset.smiles
    if groups := groups_of(dataset, split):
        columns["group"] = groups
    if dataset.classes:
        columns["class"] = dataset.targets[:, 0].astype(int).tolist()
    pictures = thumbnails_of(dataset, rows)
    if pictures is not None:
        picture_of = dict(zip(rows.tolist(), pictures, strict=True))
        columns["thumbnail"] = [picture_of.get(row) for row in range(len(dataset))]
    return columns
