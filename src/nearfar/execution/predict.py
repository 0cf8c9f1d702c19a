"""Putting an arm into use: predictions for new rows from the models of a run."""

from pathlib import Path

from nearfar.data import InputRows
from nearfar.data.read.locate import locate
from nearfar.errors import UserError
from nearfar.execution.predicted import REASON, Said, check_rows, predicted_columns
from nearfar.models import FinishedModel
from nearfar.records.outputs import check_output, write_columns
from nearfar.records.run import RunFolder


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
    check_output(output, [data], force=force)
    model = FinishedModel.from_run(path, arm, seed=seed, modules=modules)
    if model.task == "reconstruction":
        raise UserError(f"arm {model.name!r} gives images back: there is nothing to predict")
    check_output(output, [data, *_training_rows(path)], force=force)
    rows = model.schema.read(data)
    if strict:
        check_rows(rows)
    found = model.predict(rows.inputs)
    said = Said(found.classes, found.labels)
    write_columns(output, predicted_columns(rows, found.values, found.targets, said))
    written = f"wrote {len(rows)} predictions by {model.name}, {_models(model)}, to {output}"
    return f"{written}{_without(rows)}"


def _training_rows(path: Path) -> list[Path]:
    """Return the file or folder that the run's own rows were read from, if it is still there."""
    data = (RunFolder(path).study() or {}).get("data") or {}
    if not data.get("path"):
        return []
    try:
        return [locate(data["path"], path)[0]]
    except UserError:
        return []


def _models(model: FinishedModel) -> str:
    seeds = ", ".join(str(member.seed) for member in model.members)
    return f"{len(model.members)} models (seeds {seeds})"


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
