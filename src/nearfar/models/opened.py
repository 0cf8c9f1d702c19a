"""A model from wherever it lies: the folder of a run, or one of its own."""

from __future__ import annotations

from pathlib import Path

from nearfar.errors import UserError
from nearfar.models.finished import FinishedModel
from nearfar.models.folder import is_model


def opened(
    path: Path, arm: str | None, seed: int | None = None, *, modules: bool = False
) -> FinishedModel:
    """Return the model of a run's arm, or of a folder that `nearfar export` wrote.

    Args:
        path: the folder.
        arm: None for the arm that the run recommends.
        seed: one seed's model alone, None for all.
        modules: whether modules that it names may be imported.

    Raises:
        UserError: it is neither, or has no such arm or seed.
    """
    if (path / "study.yaml").exists() or not is_model(path):
        return FinishedModel.from_run(path, arm, seed=seed, modules=modules)
    model = FinishedModel.load(path, modules=modules)
    if arm not in (None, model.arm, model.name):
        raise UserError(f"--arm {arm}: {path} is a model of {model.name} alone: leave it out")
    if seed is None:
        return model
    chosen = [member for member in model.members if member.seed == seed]
    if not chosen:
        seeds = ", ".join(str(member.seed) for member in model.members)
        raise UserError(f"--seed {seed}: {path} has no such seed; allowed: {seeds}")
    return model.of_members(chosen)
