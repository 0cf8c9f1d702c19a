"""Putting an arm into use: predictions for new rows from the models of a run."""

from collections.abc import Sequence
from pathlib import Path

from nearfar.data import InputRows
from nearfar.errors import UserError
from nearfar.execution.kept_files import kept_files
from nearfar.execution.predicted import (
    REASON,
    check_rows,
    notes_of,
    predicted_columns,
)
from nearfar.models import FinishedModel
from nearfar.models.calibration import LEVEL
from nearfar.models.embeddings import with_embeddings_from
from nearfar.models.new_rows import read_rows
from nearfar.models.opened import opened
from nearfar.numbers import counted
from nearfar.records.outputs import STANDARD, check_output, write_columns
from nearfar.stages.fitted import ROWS
from nearfar.train.device import pick_device


def predict_file(
    path: Path,
    arm: str | None,
    data: Path,
    output: Path,
    seed: int | None = None,
    level: float = LEVEL,
    batch: int = ROWS,
    device: str = "cpu",
    *,
    modules: bool = False,
    strict: bool = False,
    force: bool = False,
    embeddings: Sequence[Path] = (),
    root: Path | None = None,
) -> str:
    """Predict the rows of a file with an arm of a run, or a model, and write a table.

    The table has every row and every column of the input (before them ``id``, the row's number,
    unless the input has such a column), and for every target ``<target>_pred``, the prediction in
    its own unit: the mean over the seeds' models, and ``<target>_std``, their sample deviation
    (n - 1), empty for one model. The deviation says how far the models differ; how far they are
    from the truth say ``<target>_low`` and ``<target>_high``, between which the truth lies in the
    share ``level`` of rows like those that were held out. Of classes, ``<target>_pred`` is the most
    probable one, ``p:<class>`` the probability of each, the mean over the models, and
    ``<target>_set`` names those that hold the truth at that level. Of several labels a row,
    ``<label>_pred`` is 1 where the mean probability, ``p:<label>``, is above 1/2. ``unlike`` is 1
    where a row is unlike the training rows, ``nearest`` the ids of those nearest to it. A row that
    cannot be used has an empty prediction and a ``reason``.

    Args:
        path: the run folder, or the folder of a model (``FinishedModel.save``).
        arm: the arm's name as the report shows it, with its condition if there are any:
            ``MoCo · labels=0.1``; None for the recommended one.
        data: a file with the study's input columns.
        output: CSV or parquet, whole or not at all, or ``-`` for CSV on standard output.
        seed: one seed's model alone, None for all.
        level: of intervals and sets, from 0.5 to below 1.
        batch: rows at a time.
        device: ``cpu``, ``cuda`` or ``auto``.
        modules: whether the modules that the run's study names may be imported.
        strict: refuse rows that cannot be used.
        force: write over a file that is there, unless it is read for this.
        embeddings: files of the rows' own, as many as the arm reads and in the same order.
        root: the folder that names of images in a table begin at; None for the table's own.

    Returns:
        What was done, lines: which model, rows without a prediction, what intervals stand on.

    Raises:
        UserError: no such model, no row to use, or an output that may not be written.
    """
    output = check_output(output, [data, *kept_files(path), *embeddings], force=force)
    _check_numbers(batch, level)
    model = opened(path, arm, seed, modules=modules)
    rows = _rows(model, data, root, embeddings, strict=strict)
    found = model.predict(rows.inputs, pick_device(device), batch, level=level)
    write_columns(output, predicted_columns(rows, found))
    return "\n".join([_written(model, rows, output), *notes_of(model, rows, found)])


def _rows(
    model: FinishedModel,
    data: Path,
    root: Path | None,
    embeddings: Sequence[Path],
    *,
    strict: bool,
) -> InputRows:
    if model.task == "reconstruction":
        raise UserError(f"arm {model.name!r} gives images back: there is nothing to predict")
    rows = with_embeddings_from(model, read_rows(model, data, root), embeddings)
    if strict:
        check_rows(rows)
    return rows


def _check_numbers(batch: int, level: float) -> None:
    if batch < 1:
        raise UserError(f"--batch {batch}: allowed: whole numbers from 1, such as {ROWS}")
    if not 0.5 <= level < 1:
        hint = f"; {level:g}% is {level / 100:g}" if 50 <= level < 100 else ""
        raise UserError(f"--level {level:g}: allowed: from 0.5 to below 1, such as {LEVEL}{hint}")


def _models(model: FinishedModel) -> str:
    seeds = ", ".join(str(member.seed) for member in model.members)
    many = len(model.members) > 1
    return f"{counted(len(model.members), 'model')} (seed{'s' * many} {seeds})"


def _written(model: FinishedModel, rows: InputRows, output: Path) -> str:
    place = "standard output" if output == STANDARD else str(output)
    count = counted(len(rows), "prediction")
    written = f"wrote {count} by {model.name}, {_models(model)}, to {place}"
    return f"{written}{_without(rows)}"


def _without(rows: InputRows) -> str:
    """Return which rows have no prediction, if any."""
    reasons = {} if rows.given is None else rows.given.reasons
    if not reasons:
        return ""
    first = min(reasons)
    return (
        f"; {len(reasons)} row{'s have' if len(reasons) > 1 else ' has'} none, see column "
        f"'{REASON}' (the first is row {first + 1}: {reasons[first]})"
    )
