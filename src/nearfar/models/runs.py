"""From a run folder to a finished model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nearfar.data.class_values import CLASS_TEXTS
from nearfar.data.read.locate import locate
from nearfar.data.shown import PRIVATE
from nearfar.encoders import FixedEncoder
from nearfar.errors import UserError, nearest
from nearfar.extensions import changed_modules, use_modules
from nearfar.models.calibration import Calibration
from nearfar.models.held_out import held_out_rows
from nearfar.models.known import KnownRows
from nearfar.models.member import Member
from nearfar.models.schema import ColumnSchema, InputSchema, Kind, named
from nearfar.plan.specs import FitSpec, SolveSpec, spec_of
from nearfar.records import StageRow
from nearfar.records.maps import features_name, read_kept_features
from nearfar.records.run import SCHEMA, RunFolder
from nearfar.records.samples import read_rows
from nearfar.records.splits import TRAIN, part_of_others
from nearfar.records.stage_files import read_parts
from nearfar.stages.fitted import Fitted
from nearfar.stages.prepare import read_preparation
from nearfar.weight_files import CONFIG, ENDINGS, known_file


def parts_of_run(
    path: Path, arm: str | None, seed: int | None, *, modules: bool = False
) -> dict[str, Any]:
    """Return what ``FinishedModel.from_run`` makes a model of, by the names of its fields."""
    folder = RunFolder.open(path)
    study = folder.study() or {}
    own = _use_modules(study, path, allowed=modules)
    _find_weights(study, path)
    arm = recommended(folder) if arm is None else arm
    fits = _fits(folder, arm, seed)
    _check_models(folder, fits)
    spec = spec_of(fits[0].hash, folder.store)
    assert isinstance(spec, FitSpec | SolveSpec)
    for module in changed_modules(dict(spec.modules)):
        raise UserError(f"{path}: module {module} changed since the run was made")
    schema = schema_of_run(folder, fits[0].hash)
    if schema.digest not in ("", spec.data.digest):
        raise UserError(
            f"{path}: the run was begun again with other data, and arm {arm!r} is of those before; "
            "'nearfar run' of its study trains it anew"
        )
    like = schema.like()
    members = [
        Member(fit.seed, fit.hash, Fitted.of_stage(fit.hash, folder.store, like)) for fit in fits
    ]
    outcome = members[0].fitted.outcome
    own_target = None if spec.target is None else [spec.target.name]
    targets = tuple(own_target or outcome.get("labels") or _targets(folder))
    return {
        "schema": schema,
        "task": _task(outcome),
        "targets": targets,
        "unit": _unit(folder),
        "classes": tuple(outcome.get("classes", ())),
        CLASS_TEXTS: CLASS_TEXTS in (folder.read_json("provenance.json").get("data") or {}),
        "members": members,
        "study": str(study.get("study", "")),
        "arm": fits[0].arm,
        "condition": fits[0].condition,
        "versions": {"nearfar": spec.environment.nearfar, "torch": spec.environment.torch},
        "modules": own,
        "calibration": _calibration(folder, fits, targets, _task(outcome)),
        "known": _known(folder, members[0]),
    }


def _find_weights(block: Any, path: Path) -> None:
    """Find the files of weights that a run's study names, as far as they are still there."""
    if isinstance(block, list | dict):
        for part in block.values() if isinstance(block, dict) else block:
            _find_weights(part, path)
    elif isinstance(block, str):
        if block.lower().endswith(ENDINGS):
            with suppress(UserError):
                known_file(locate(block, path)[0])
        elif block.startswith((".", "/")) and (path / block / CONFIG).is_file():
            known_file(path / block)


def _check_models(folder: RunFolder, fits: Sequence[StageRow]) -> None:
    for fit in fits:
        if wrong := folder.store.damage(fit.hash, deep=True):
            raise UserError(
                f"{folder.store.folder(fit.hash)}: {wrong}; 'nearfar run' of this study makes it"
                " again"
            )
        if not folder.store.is_done(fit.hash):
            raise UserError(_gone(folder, fit.seed))


def _calibration(
    folder: RunFolder, fits: Sequence[StageRow], targets: Sequence[str], task: str
) -> Calibration | None:
    if task == "reconstruction":
        return None
    found = held_out_rows(folder, [fit.hash for fit in fits], targets, task)
    return None if found is None else Calibration.of(found)


def _known(folder: RunFolder, member: Member) -> KnownRows | None:
    """Return the training rows of the first member, as its encoder sees them.

    Where pictures are not to be passed on, what nothing trained makes of them is one, and not kept.
    """
    fixed = isinstance(member.fitted.encoder, FixedEncoder)
    source = folder.read_json("provenance.json").get("data") or {}
    if fixed and PRIVATE in source:
        return None
    place = folder.store.folder(member.stage)
    kept = read_kept_features(place, features_name())
    if kept is None:
        return None
    values, rows = kept
    encoder = member.fitted.encoder
    if encoder is None or values.shape[1] != encoder.out_features:
        return None
    ids = read_rows(folder.path)[0]
    numbers = range(len(values)) if rows is None else rows.tolist()
    if not ids or len(ids) <= max(numbers, default=-1):
        return None
    parts = read_parts(place)
    rest = part_of_others(parts)
    mine = [k for k, row in enumerate(numbers) if parts.get(ids[row], rest) == TRAIN]
    names = [ids[numbers[k]] for k in mine]
    return KnownRows.of(names, np.asarray(values)[mine])


def _gone(folder: RunFolder, seed: int) -> str:
    if not folder.store.root.is_dir():
        return (
            f"{folder.path}: its models lie in the folder 'stages' beside a run's own, and there "
            "is none here: move the folder of runs as a whole"
        )
    return (
        f"{folder.path}: the model of seed {seed} is not there any more; 'nearfar run' of this "
        "study makes it again"
    )


def _use_modules(study: dict[str, Any], path: Path, *, allowed: bool) -> list[str]:
    names = [name for name in study.get("modules") or () if isinstance(name, str)]
    if names and not allowed:
        raise UserError(
            f"{path}: its study names modules, which are code ({', '.join(names)}): predict"
            " imports them with --modules"
        )
    use_modules(names, path)
    return names


def _task(outcome: Mapping[str, Any]) -> str:
    kinds = {"shape": "reconstruction", "classes": "classification", "labels": "multilabel"}
    return next((task for key, task in kinds.items() if key in outcome), "regression")


def _targets(folder: RunFolder) -> Sequence[str]:
    plan = folder.plan()
    return plan.targets or [next(iter(plan.arms.values())).predicts]


def _unit(folder: RunFolder) -> str:
    unit = folder.plan().unit
    return "" if unit == "target" else unit


def recommended(folder: RunFolder) -> str:
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
    """Return the fits of an arm, each once: seeds whose training is the same share it."""
    rows = [row for row in folder.stage_rows() if row.stage == "fit"]
    names = {row: f"{row.arm} · {row.condition}" if row.condition else row.arm for row in rows}
    arms = set(names.values())
    if arm not in arms:
        raise UserError(f"{folder.path} has no arm {arm!r}; {nearest(arm, arms)}")
    mine = {row.seed: row for row in sorted(rows) if names[row] == arm}
    if seed is not None and seed not in mine:
        raise UserError(f"arm {arm!r} has no seed {seed}; allowed: {', '.join(map(str, mine))}")
    chosen = [row for row in mine.values() if seed in (None, row.seed)]
    for row in chosen:
        if row.status != "done":
            raise UserError(
                f"arm {arm!r}, seed {row.seed}, is {row.status} ({row.reason}): it cannot predict;"
                " name another arm, or another --seed"
            )
    shared: dict[str, StageRow] = {}
    for row in chosen:
        shared.setdefault(row.hash, row)
    return list(shared.values())


def schema_of_run(folder: RunFolder, fit: str) -> InputSchema:
    """Return the form of the inputs of a run's models.

    A run of nearfar before 0.2 does not hold it as such: it is then put together of the study, the
    account of the data and the model's own preparation.

    Raises:
        UserError: the run does not say.
    """
    plain = folder.read_json(SCHEMA)
    if plain:
        return InputSchema.from_plain(plain)
    return _earlier_schema(folder, fit)


def _earlier_schema(folder: RunFolder, fit: str) -> InputSchema:
    from nearfar.data import SOURCES

    options = dict((folder.study() or {}).get("data") or {})
    source = folder.read_json("provenance.json").get("data") or {}
    kind: Kind = SOURCES[options["source"]].kind  # type: ignore[assignment]
    found = InputSchema.of_options(kind, options)
    preparation = read_preparation(folder.store.folder(fit))
    if preparation is not None:
        parts = preparation.parts
        columns = tuple(ColumnSchema(part.name, part.kind, part.layout) for part in parts)
        found = replace(found, columns=columns, complete=False)
        if kind == "vector":
            return found
    if kind == "vector" and source.get("features"):
        return InputSchema(kind, found.options, named(source["features"]))
    if kind == "image" and source.get("shape"):
        between = source.get("range")
        shape = tuple(source["shape"])
        return replace(found, shape=shape, range=tuple(between) if between else None)
    if kind == "molecule":
        return found
    raise UserError(
        f"{folder.path}: was made by an earlier nearfar and does not say what its inputs are; "
        "'nearfar run' of its study adds that, and trains nothing anew"
    )
