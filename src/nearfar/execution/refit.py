"""An arm trained once more, on all rows: the same stages, with every row in the training part."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median_low
from typing import Any, Literal

import numpy as np
import torch

from nearfar.data import Conditions, Dataset, SplitOptions, load_dataset
from nearfar.data.embeddings import with_embeddings
from nearfar.errors import UserError
from nearfar.execution.provenance import installed_packages
from nearfar.execution.worker import carry_out
from nearfar.models import FinishedModel, Member
from nearfar.models.calibration import Calibration
from nearfar.models.known import KnownRows
from nearfar.plan.chain import Step, hash_of, without_seed
from nearfar.plan.environment import Environment
from nearfar.plan.plan import weight_files_of
from nearfar.plan.specs import (
    Data,
    FitSpec,
    Input,
    PretrainSpec,
    SolveSpec,
    spec_of,
)
from nearfar.records.places import folder_to_write
from nearfar.records.run import RunFolder
from nearfar.records.stage_files import read_points
from nearfar.records.stages import StageStore
from nearfar.stages.features import with_embeddings_of
from nearfar.stages.fitted import Fitted
from nearfar.study.load import Resolved, resolve
from nearfar.train.device import precision_of
from nearfar.train.recipe import Recipe

MOST = 5
"""Trainings at most, one a seed: of more, the first."""
WATCHED = 500
"""Rows, copies of training rows, that stand where validation and test rows would."""


def refitted(
    path: Path, model: FinishedModel, device: str, *, modules: bool = False
) -> tuple[FinishedModel, str]:
    """Train an arm of a run once more on all rows; return it, and what its card says of that.

    The study's choices are kept. Where it took the weights of the best validation epoch, the
    trainings last as long as that took, the median over its seeds: there are no rows left to choose
    by. Stages go to the run's store, so that an interrupted refit goes on.

    Args:
        path: the run folder.
        model: the arm's, as the run left it.
        device: cpu or cuda.
        modules: whether the modules that the run's study names may be imported.

    Raises:
        UserError: the data are not there or have changed, or a training fails or diverges.
    """
    folder = RunFolder.open(path)
    text = folder.study()
    assert text is not None
    resolved = resolve(text, path / "study.yaml", modules=None if modules else ())
    dataset = _data_of(resolved)
    model = model.of_members(model.members[:MOST])
    specs = [without_seed(_fit_spec(member, folder.store)) for member in model.members]
    if specs[0].data.digest != dataset.digest:
        raise UserError(
            f"--refit: the data have changed since {path} was made: 'nearfar run' of its study "
            "goes first"
        )
    whole = all_in_training(dataset)
    environment = Environment(
        str(torch.__version__),
        device,
        precision=precision_of(device, dataset.inputs.kind),
        packages=installed_packages(),
    )
    stages = [member.stage for member in model.members]
    length = length_of_best(specs, stages, folder.store)
    like, members = model.schema.like(), []
    chains = [
        _steps(spec, folder.store, dataset.digest, whole.digest, environment, length)
        for spec in specs
    ]
    if len({chain[-1].hash for chain in chains}) == 1:  # only their splits told them apart
        chains = chains[:1]
    for member, steps in zip(model.members, chains, strict=False):
        for step in steps:
            _carried_out(step, whole, folder.store)
        fitted = Fitted.of_stage(steps[-1].hash, folder.store, like)
        members.append(Member(member.seed, steps[-1].hash, fitted))
    if all(_equal(members[0], member) for member in members):
        members = members[:1]
    told = f", {length.words} each, as the study found to be best" if length else ""
    known = None if model.known is None else _known(members[0], dataset)
    calibration = None if model.calibration is None else _earlier(model.calibration, len(members))
    return replace(model, members=members, known=known, calibration=calibration), (
        f"After the study it was trained once more on all {len(dataset)} rows{told}."
    )


def _equal(one: Member, other: Member) -> bool:
    """Tell whether two members are one model: what a seed drew made no difference."""
    first, second = one.fitted.weights(), other.fitted.weights()
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


def _known(member: Member, dataset: Dataset) -> KnownRows | None:
    inputs = with_embeddings_of(member.fitted.named, dataset.inputs, dataset)
    return KnownRows.of(dataset.ids, member.fitted.features(inputs))


def _earlier(calibration: Calibration, members: int) -> Calibration:
    """Return the errors of the models before as those of so many that are there now."""
    calibration = calibration if members > 1 else calibration.of_mean()
    return replace(calibration, source=f"the earlier models' {calibration.source}")


def _data_of(resolved: Resolved) -> Dataset:
    """Return the rows of a study, files of embeddings read and files of weights found.

    Raises:
        UserError: they are not there.
    """
    try:
        dataset = load_dataset(resolved.study.data, resolved.folder)
        weight_files_of(resolved)
        return with_embeddings(dataset, resolved.embedding_files, resolved.folder)
    except UserError as error:
        raise UserError(f"--refit reads the training data: {error}; without it none are") from error


def all_in_training(dataset: Dataset) -> Dataset:
    """Return all rows as training rows, and copies of some where stages look at other parts.

    No epoch is chosen by these copies: they are measured, and the measures mean nothing. A schedule
    that follows validation rows follows them.
    """
    count = len(dataset)
    every = bool(np.isnan(dataset.targets).any()) or count <= WATCHED
    few = np.arange(count) if every else np.arange(WATCHED) * count // WATCHED
    rows = np.concatenate([np.arange(count), few, few])
    parts = ["train"] * count + ["validation"] * len(few) + ["test"] * len(few)
    marks = [""] * count + [" again"] * len(few) + [" once more"] * len(few)
    return replace(
        dataset,
        inputs=dataset.inputs.take(torch.from_numpy(rows)),
        embeddings={key: found.taken(rows) for key, found in dataset.embeddings.items()},
        ids=[f"{dataset.ids[row]}{mark}" for row, mark in zip(rows, marks, strict=True)],
        names=[dataset.names[row] for row in rows] if dataset.names else dataset.names,
        smiles=[dataset.smiles[row] for row in rows] if dataset.smiles else dataset.smiles,
        targets=dataset.targets[rows],
        groups=dataset.groups[rows],
        parts=np.array(parts),
        digest=hashlib.sha256(f"all rows of {dataset.digest}".encode()).hexdigest(),
    )


def _fit_spec(member: Member, store: StageStore) -> FitSpec | SolveSpec:
    spec = spec_of(member.stage, store)
    assert isinstance(spec, FitSpec | SolveSpec)
    return spec


@dataclass(frozen=True)
class Length:
    """How long a training is, in ``epochs`` or ``iterations``, as its recipe counts."""

    unit: Literal["epochs", "iterations"]
    count: int

    @property
    def words(self) -> str:
        """``12 epochs``."""
        return f"{self.count} {self.unit if self.count != 1 else self.unit.removesuffix('s')}"


def length_of_best(
    specs: Sequence[FitSpec | SolveSpec], stages: Sequence[str], store: StageStore
) -> Length | None:
    """Return how long fits took to their best epoch, the median; None where none was chosen."""
    chosen = [
        (spec.recipe, stage)
        for spec, stage in zip(specs, stages, strict=True)
        if isinstance(spec, FitSpec) and spec.recipe.select == "best"
    ]
    if not chosen:
        return None
    counted = median_low([_best(recipe, stage, store) for recipe, stage in chosen])
    return Length("epochs" if chosen[0][0].iterations is None else "iterations", counted)


def _best(recipe: Recipe, stage: str, store: StageStore) -> int:
    """Return after how many epochs, or iterations, the weights were taken that a fit kept."""
    selected = store.read(stage)["outcome"].get("selected_epoch") or 0
    if recipe.iterations is None:
        return max(1, round(selected))
    last = max((epoch for epoch, *_ in read_points(store.folder(stage))), default=selected)
    return max(1, round(recipe.iterations * selected / last)) if last else recipe.iterations


def _steps(
    spec: FitSpec | SolveSpec,
    store: StageStore,
    before: str,
    after: str,
    environment: Environment,
    length: Length | None,
) -> list[Step]:
    """Return the stages of a fit on all rows, its pre-training first, if that saw these rows."""
    data = Data(after, SplitOptions(kind="predefined"), None, Conditions())
    steps: list[Step] = []
    start = spec.input
    if start is not None:
        earlier = spec_of(start.stage, store)
        if isinstance(earlier, PretrainSpec) and earlier.data.digest == before:
            whole = replace(
                earlier, data=data, environment=environment.with_those_of(earlier.environment)
            )
            steps.append(_step("pretrain", whole))
            start = Input(steps[0].hash, start.epoch)
    environment = environment.with_those_of(spec.environment)
    changes: dict[str, Any] = {"data": data, "environment": environment, "input": start}
    if isinstance(spec, FitSpec):
        recipe: dict[str, Any] = {"select": "last"}
        recipe |= {length.unit: length.count} if length else {}
        changes["recipe"] = spec.recipe.model_copy(update=recipe)
    needs = steps[0].hash if steps else None
    return [*steps, _step("fit", replace(spec, **changes), needs)]


def _step(name: str, spec: FitSpec | SolveSpec | PretrainSpec, needs: str | None = None) -> Step:
    return Step(name, spec, hash_of(spec.to_plain()), needs)


def _carried_out(step: Step, dataset: Dataset, store: StageStore) -> None:
    """Carry out a stage, unless it is there.

    Raises:
        UserError: it fails, or diverges.
    """
    if not store.is_done(step.hash):
        folder_to_write(store.root, "--refit, which keeps its trainings with those of the run:")
    store.publish_rest({step.hash: step})
    if not store.is_done(step.hash):
        (ended,) = carry_out((step,), lambda: dataset, store, lambda *told: None)
        if ended.error:
            raise UserError(f"--refit: {step.name} failed: {ended.error}")
    outcome = store.read(step.hash)["outcome"]
    if outcome["status"] != "done":
        raise UserError(
            f"--refit: {step.name} on all rows {outcome['status']} ({outcome['reason']}): export "
            "without --refit"
        )
