"""What the commands `embed` and `export` do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearfar.errors import UserError, nearest
from nearfar.numbers import counted

if TYPE_CHECKING:
    from nearfar.models import FinishedModel
    from nearfar.report.card import CardFacts

FORMATS = ("onnx",)


def embed_file(
    path: Path,
    data: Path,
    output: Path,
    arm: str | None,
    device: str = "auto",
    *,
    modules: bool = False,
    force: bool = False,
    root: Path | None = None,
) -> str:
    """Write the features of the rows of a file; return what was done.

    Args:
        path: a run folder, or one that `nearfar export` wrote.
        data: rows as in the study's data.
        output: ``.npz`` or parquet, with ids and features.
        arm: whose encoder is used; None for the arm that the run recommends.
        device: auto, cpu or cuda.
        modules: whether the modules that the run's study names may be imported.
        force: write over a file that is there, unless it is read for this.
        root: the folder that names of images in a table begin at; None for the table's own.

    Raises:
        UserError: no such run or arm, no row to use, or an output that may not be written.
    """
    from nearfar.execution.kept_files import kept_files
    from nearfar.models.embed import ENDINGS, check_ending, embed_rows
    from nearfar.models.new_rows import read_rows
    from nearfar.models.opened import opened
    from nearfar.models.told import reading_notes, unknown_categories
    from nearfar.records.outputs import check_output
    from nearfar.train.device import pick_device

    check_ending(output)
    read = [data, *kept_files(path)]
    output = check_output(output, read, force=force, endings=ENDINGS)
    chosen = pick_device(device)
    model = opened(path, arm, modules=modules)
    rows = read_rows(model, data, root)
    width = embed_rows(model, rows, output, chosen)
    reasons = {} if rows.given is None else rows.given.reasons
    without = ""
    if reasons:
        first = min(reasons)
        without = (
            f"; {counted(len(reasons), 'row')} that cannot be used left out (the first is row "
            f"{first + 1}: {reasons[first]})"
        )
    seed = model.members[0].seed
    written = (
        f"wrote {counted(width, 'feature')} of {counted(len(rows), 'row')} by {model.name}, "
        f"seed {seed}, to {output}{without}"
    )
    notes = [*reading_notes(rows, str(data)), *unknown_categories(model, rows.inputs)]
    return "\n".join([written, *notes])


def export_run(
    path: Path,
    output: Path,
    arm: str | None,
    to: str | None = None,
    *,
    refit: bool = False,
    modules: bool = False,
    force: bool = False,
    device: str = "auto",
) -> str:
    """Write the model of a run's arm to a folder of its own; return what was done.

    Args:
        path: a run folder, or one that `nearfar export` wrote.
        output: the folder, new.
        arm: None for the arm that the run recommends.
        to: ``onnx`` for an ONNX file beside, None for none.
        refit: train the arm once more on all rows before.
        modules: whether the modules that the run's study names may be imported.
        force: put it in the place of a model that is there.
        device: auto, cpu or cuda, for ``refit``.

    Raises:
        UserError: no such run or arm, a folder that may not be written, or a model that does not
            export to ONNX.
    """
    from nearfar.models.export import check_folder, export_folder
    from nearfar.models.opened import opened
    from nearfar.report.card import kept_summary, model_card

    if to is not None and to not in FORMATS:
        raise UserError(f"--to: unknown format {to!r}; {nearest(to, FORMATS)}")
    if device != "auto" and not refit:
        raise UserError(f"--device {device}: is for --refit, which trains: leave it out")
    if output.exists() and path.exists() and output.resolve() == path.resolve():
        raise UserError(f"-o {output}: is read for this; name another folder")
    output = check_folder(output, force=force)
    model, said = opened(path, arm, modules=modules), ""
    if refit:
        model, said = _refitted(path, model, device, modules=modules)
    said, summary = _told_before(path, said)

    def card(onnx: Mapping[str, Any]) -> str:
        return model_card(facts_of(model, output.name, said, onnx), summary)

    kept = kept_summary(facts_of(model, output.name, said, {}), summary)
    told = {key: value for key, value in (("refit", said), ("summary", kept)) if value}
    about = export_folder(model, output, card, onnx=to == "onnx", force=force, told=told)
    beside = ""
    if about:
        worst = about["checked"]["largest_difference"]
        beside = f", with model.onnx, which differs from it by at most {worst:.1g}"
    count, digest = len(model.members), model.weights_read
    if digest:
        beside += f"; it reads a file of weights (SHA-256 {digest}…), which goes into that folder"
    return (
        f"wrote {model.name}, {count} model{'s' if count > 1 else ''}, to {output}{beside}; "
        f"nearfar.load({str(output)!r}) reads it, README.md says what it is"
    )


def _refitted(
    path: Path, model: FinishedModel, device: str, *, modules: bool
) -> tuple[FinishedModel, str]:
    """Return the model trained once more on all rows, and what its card says of that."""
    from nearfar.execution.refit import refitted
    from nearfar.models.folder import is_model
    from nearfar.train.device import pick_device

    if is_model(path):
        raise UserError(f"--refit: {path} is an exported model, which holds no data: name a run")
    return refitted(path, model, pick_device(device), modules=modules)


def _told_before(path: Path, said: str) -> tuple[str, Mapping[str, Any]]:
    """Return what is said of a refit, and the summary of the study, of a run or a model."""
    from nearfar.models.folder import is_model, read_config
    from nearfar.records.run import RunFolder

    before = read_config(path) if is_model(path) else {}
    summary = before.get("summary") or RunFolder(path).read_json("summary.json")
    return said or str(before.get("refit") or ""), summary


def facts_of(model: FinishedModel, folder: str, refit: str, onnx: Mapping[str, Any]) -> CardFacts:
    """Return what the card of a model says of it."""
    from nearfar.report.card import CardFacts

    fitted = model.members[0].fitted
    return CardFacts(
        arm=model.arm,
        condition=model.condition,
        study=model.study,
        task=model.task,
        kind=model.schema.kind,
        targets=model.targets,
        unit=model.unit,
        classes=model.classes,
        columns=[column.name for column in model.schema.columns],
        shape=model.schema.shape,
        encoder="" if fitted.named is None else fitted.named.name,
        head=fitted.spec.head.name,
        weights=model.weights_read,
        seeds=[member.seed for member in model.members],
        versions=model.versions,
        folder=folder,
        refit=refit,
        onnx=onnx,
    )
