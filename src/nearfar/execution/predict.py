"""Putting an arm into use: predictions for new rows from the models of a run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nearfar.data import (
    DataOptions,
    Dataset,
    InputRows,
    TargetScaler,
    load_dataset,
    load_inputs,
)
from nearfar.data.read.locate import locate
from nearfar.errors import UserError, nearest
from nearfar.execution.predicted import REASON, Said, check_rows, predicted_columns
from nearfar.extensions import changed_modules
from nearfar.plan.specs import FitSpec, SolveSpec, StageSpec, spec_of
from nearfar.records import StageRow
from nearfar.records.outputs import check_output, write_columns
from nearfar.records.run import RunFolder
from nearfar.records.stages import StageStore
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
    strict: bool = False,
    force: bool = False,
) -> str:
    """Predict the rows of a file with an arm of a run and write a table; return what was done.

    The table has every row and every column of the input (before them ``id``, the row's number,
    unless the input has such a column), and for every target ``<target>_pred``, the prediction in
    its own unit: the mean over the seeds' models, and ``<target>_std``, their sample deviation
    (n - 1), empty for one model. The deviation says how far the models differ, not how far they are
    from the truth. Of classes, ``<target>_pred`` is the most probable one and ``p:<class>`` the
    probability of each, the mean over the models. Of several labels a row, ``<label>_pred`` is 1
    where the mean probability, ``p:<label>``, is above 1/2. A row that cannot be used has an empty
    prediction and a ``reason``.

    Args:
        path: the run folder.
        arm: the arm's name as the report shows it, with its condition if there are any:
            ``MoCo · labels=0.1``; None for the one that the run recommends.
        data: a file with the study's input columns.
        output: the table to write, CSV or parquet, or ``-`` for CSV on standard output; a file
            appears whole or not at all.
        seed: one seed's model alone, None for all.
        modules: whether the modules that the run's study names may be imported.
        strict: refuse rows that cannot be used.
        force: write over a file that is there, unless it is read for this.

    Raises:
        UserError: no such run, arm or seed, a diverged arm, no row to use, an output that
            may not be written, or modules that may not be imported or have changed.
    """
    folder = RunFolder.open(path)
    output = check_output(output, [data], force=force)
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
    check_output(output, [data, *_read_files(options, resolved.folder)], force=force)
    rows = _rows(options, data, training, strict=strict)
    values = np.stack([_predict(fit.hash, folder.store, training, rows) for fit in fits])
    outcome = folder.store.read(fits[0].hash)["outcome"]
    said = Said(outcome.get("classes", []), outcome.get("labels", []))
    targets = _targets(spec_of(fits[0].hash, folder.store), training)
    write_columns(output, predicted_columns(rows, values, targets, said))
    return f"wrote {len(rows)} predictions by {arm}, {_models(fits)}, to {output}{_without(rows)}"


def _rows(options: DataOptions, data: Path, training: Dataset, *, strict: bool) -> InputRows:
    lenient = options.model_copy(update={"on_bad_rows": "drop"})
    rows = load_inputs(lenient, data, training.inputs)
    if strict:
        check_rows(rows)
    return rows


def _targets(spec: StageSpec, training: Dataset) -> list[str]:
    assert isinstance(spec, FitSpec | SolveSpec)
    return training.target_names if spec.target is None else [spec.target.name]


def _models(fits: Sequence[StageRow]) -> str:
    return f"{len(fits)} models (seeds {', '.join(str(fit.seed) for fit in fits)})"


def _read_files(options: DataOptions, folder: Path) -> list[Path]:
    """Return the file or folder of the study's own rows."""
    return [] if options.path is None else [locate(options.path, folder)[0]]


def _without(rows: InputRows) -> str:
    """Return which rows have no prediction, and how many files were passed over, if any."""
    others = rows.source.get("other_files") or 0
    passed = f"; {others} files that are no images passed over" if others else ""
    reasons = {} if rows.given is None else rows.given.reasons
    if not reasons:
        return passed
    first = min(reasons)
    return (
        f"; {len(reasons)} row{'s have' if len(reasons) > 1 else ' has'} none, see column "
        f"'{REASON}' (the first is row {first + 1}: {reasons[first]}){passed}"
    )


def _check_models(folder: RunFolder, fits: Sequence[StageRow]) -> None:
    for fit in fits:
        if wrong := folder.store.damage(fit.hash, deep=True):
            raise UserError(
                f"{folder.store.folder(fit.hash)}: {wrong}; 'nearfar run' of this study makes it"
                " again"
            )
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
    rows = [row for row in folder.stage_rows() if row.stage == "fit"]
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
