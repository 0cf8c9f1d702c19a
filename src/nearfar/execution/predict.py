"""Putting an arm into use: predictions for new rows from the models of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nearfar.data import Dataset, InputRows, TargetScaler, load_dataset, load_inputs
from nearfar.errors import UserError, nearest
from nearfar.extensions import changed_modules
from nearfar.plan.specs import FitSpec, SolveSpec, spec_of
from nearfar.records import StageRow, read_stages
from nearfar.records.run import RunFolder
from nearfar.records.stages import StageStore
from nearfar.records.tables import write_rows
from nearfar.stages.models import restored
from nearfar.stages.targets import probabilities
from nearfar.study.load import resolve


def predict_file(
    path: Path,
    arm: str | None,
    data: Path,
    output: Path,
    seed: int | None,
    *,
    modules: bool = False,
) -> str:
    """Predict the rows of a file with an arm of a run and write a CSV; return what was done.

    The CSV has ``id`` (row number in the file), ``name`` where there are names, ``smiles`` for
    molecules, and for every target the prediction in its own unit: the mean over the seeds' models,
    and ``<target>_std``, their sample deviation (n - 1), empty for one model. The deviation says
    how far the models differ, not how far they are from the truth. Of classes, ``<target>`` is the
    most probable one and ``p:<class>`` the probability of each, the mean over the models. Of
    several labels a row, ``<label>`` is 1 where the mean probability, ``p:<label>``, is above 1/2.

    Args:
        path: the run folder.
        arm: the arm's name as the report shows it, with its condition if there are any:
            ``MoCo · labels=0.1``; None for the one that the run recommends.
        data: a file with the study's input columns.
        output: the CSV to write; it appears whole or not at all.
        seed: one seed's model alone, None for all.
        modules: whether the modules that the run's study names may be imported.

    Raises:
        UserError: no such run, arm or seed, a diverged arm, bad rows, or modules that may not be
            imported or changed since the run was made.
    """
    folder = RunFolder.open(path)
    if output.is_dir():
        raise UserError(f"--output {output}: is a folder; name a file")
    text = folder.study()
    assert text is not None
    resolved = resolve(text, path / "study.yaml", modules=None if modules else ())
    arm = _recommended(folder) if arm is None else arm
    fits = _fits(folder, arm, seed)
    _check_models(folder, fits)
    for module in changed_modules(dict(spec_of(fits[0].hash, folder.store).modules)):
        raise UserError(f"{path}: module {module} changed since the run was made")
    options = resolved.study.data
    if options.task == "reconstruction":
        raise UserError(f"arm {arm!r} gives images back: there is nothing to predict")
    training = load_dataset(options, resolved.folder)
    rows = load_inputs(options, data, training.inputs)
    values = np.stack([_predict(fit.hash, folder.store, training, rows) for fit in fits])
    outcome = folder.store.read(fits[0].hash)["outcome"]
    said = Said(outcome.get("classes", []), outcome.get("labels", []))
    spec = spec_of(fits[0].hash, folder.store)
    assert isinstance(spec, FitSpec | SolveSpec)
    targets = training.target_names if spec.target is None else [spec.target.name]
    write_rows(output, _header(rows, targets, said), _lines(rows, values, said))
    models = f"{len(fits)} models (seeds {', '.join(str(fit.seed) for fit in fits)})"
    dropped = rows.source.get("dropped") or 0
    left_out = f", {dropped} bad rows left out" if dropped else ""
    return f"wrote {len(rows)} predictions by {arm}, {models}{left_out}, to {output}"


def _check_models(folder: RunFolder, fits: Sequence[StageRow]) -> None:
    for fit in fits:
        if not folder.store.is_done(fit.hash):
            raise UserError(
                f"{folder.path}: the model of seed {fit.seed} is not there any more; 'nearfar run' "
                "of this study makes it again"
            )


def _recommended(folder: RunFolder) -> str:
    """Return the arm that a run recommends, with its condition if it has one.

    Raises:
        UserError: the run recommends none.
    """
    advice = folder.read_json("summary.json").get("recommended")
    if not advice:
        raise UserError(f"{folder.path} recommends no arm: name one with --arm")
    condition = advice["condition"]
    return f"{advice['arm']} · {condition}" if condition else str(advice["arm"])


def _fits(folder: RunFolder, arm: str, seed: int | None) -> list[StageRow]:
    table = folder.path / "stages.csv"
    rows = [row for row in read_stages(table) if row.stage == "fit"] if table.exists() else []
    named = {row: f"{row.arm} · {row.condition}" if row.condition else row.arm for row in rows}
    arms = set(named.values())
    if arm not in arms:
        raise UserError(f"{folder.path} has no arm {arm!r}; {nearest(arm, arms)}")
    mine = {row.seed: row for row in sorted(rows) if named[row] == arm}
    if seed is not None and seed not in mine:
        raise UserError(f"arm {arm!r} has no seed {seed}; allowed: {', '.join(map(str, mine))}")
    chosen = [row for row in mine.values() if seed in (None, row.seed)]
    for row in chosen:
        if row.status != "done":
            raise UserError(
                f"arm {arm!r}, seed {row.seed}, is {row.status} ({row.reason}): it cannot predict;"
                " name another arm, or another --seed"
            )
    return chosen


def _predict(
    stage_hash: str, store: StageStore, training: Dataset, rows: InputRows
) -> NDArray[np.float64]:
    """Return one model's predictions (n, k): in the targets' own units, or probabilities."""
    predict, _ = restored(stage_hash, store, training.inputs, torch.device("cpu"))
    scores = predict(rows.inputs)
    outcome = store.read(stage_hash)["outcome"]
    if "classes" in outcome:
        return np.exp(scores)
    if "labels" in outcome:
        return probabilities(scores)
    return TargetScaler.from_plain(outcome["scaler"]).inverse(scores)


@dataclass(frozen=True)
class Said:
    """What predictions are of: one of several classes, or several labels, or numbers if neither."""

    classes: Sequence[str]
    labels: Sequence[str]


def _header(rows: InputRows, targets: Sequence[str], said: Said) -> list[str]:
    header = ["id"] + ["name"] * any(rows.names) + ["smiles"] * bool(rows.smiles)
    if chances := said.classes or said.labels:
        return [*header, *targets, *(f"p:{name}" for name in chances)]
    for target in targets:
        header += [target, f"{target}_std"]
    return header


def _lines(rows: InputRows, values: NDArray[np.float64], said: Said) -> list[list[str | float]]:
    mean = values.mean(axis=0)
    several = len(values) > 1
    spread = values.std(axis=0, ddof=1) if several else mean
    lines: list[list[str | float]] = []
    for i, row in enumerate(rows.ids):
        line: list[str | float] = [row]
        line += [rows.names[i]] if any(rows.names) else []
        line += [rows.smiles[i]] if rows.smiles else []
        if said.classes:
            line += [said.classes[int(mean[i].argmax())], *map(float, mean[i])]
        elif said.labels:
            line += [*(int(chance > 0.5) for chance in mean[i]), *map(float, mean[i])]
        else:
            for k in range(mean.shape[1]):
                line += [float(mean[i, k]), float(spread[i, k]) if several else ""]
        lines.append(line)
    return lines
