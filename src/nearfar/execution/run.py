"""Running a study: from its name to a run folder with results and summary."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nearfar.data import Dataset, conditioned, load_dataset, mapped, split_rows
from nearfar.data.corruptions import check as check_corruption
from nearfar.data.split.scaffolds import order_of
from nearfar.errors import UserError
from nearfar.execution.events import Event, Finished, Planned
from nearfar.execution.execute import execute
from nearfar.execution.prepared import Prepared, Request, external_encoders
from nearfar.execution.provenance import provenance
from nearfar.execution.results import summarise_run, write_records, write_tables
from nearfar.execution.rounds import Rounds
from nearfar.execution.run_plan import run_plan, samples_of
from nearfar.execution.trackers import trackers_of, with_trackers
from nearfar.execution.worker import StudySource
from nearfar.extensions.modules import file_of
from nearfar.metrics import METRICS
from nearfar.models.schema import InputSchema
from nearfar.plan.plan import make_plan
from nearfar.plan.specs import Environment
from nearfar.records.run import SCHEMA, RunFolder
from nearfar.study.extend import extend, in_rounds, with_seeds
from nearfar.study.files import find_study
from nearfar.study.load import Resolved, load_study, resolve
from nearfar.study.mistakes import Mistakes
from nearfar.study.rounds import KEY
from nearfar.train.device import pick_device


def prepare(request: Request) -> Prepared:
    """Resolve, read the data, plan; nothing is written.

    Raises:
        UserError: a mistake in the study, the data or the request.
    """
    import torch

    from nearfar.execution.checks import layer_mistakes
    from nearfar.train.device import precision_of

    asked = load_study(request.study, request.profile, request.settings)
    folder = _folder_of(request, asked)
    resolved = _study_of_run(request, asked, folder)
    for tracker in trackers_of(resolved.study, folder.path).values():
        tracker.check()
    device = pick_device(request.device)
    dataset = load_dataset(resolved.study.data, resolved.folder)
    precision = precision_of(device, dataset.inputs.kind)
    environment = Environment(str(torch.__version__), device, precision=precision)
    _check_rows(resolved, dataset)
    given, others = (dataset.digest, environment), external_encoders(folder, resolved)
    rounds = _rounds(request, resolved)
    allowed = None if rounds is None else rounds.allowed
    plan = make_plan(resolved, *given, folder.store.outcome, external=others, allowed=allowed)
    mistakes = Mistakes(find_study(request.study))
    mistakes.add(layer_mistakes(plan, dataset.inputs))
    mistakes.refuse()
    whole = make_plan(asked, *given, external=others, guess=True).epochs_over(len(dataset))
    return Prepared(resolved, dataset, plan, folder, environment, whole, rounds)


def _rounds(request: Request, resolved: Resolved) -> Rounds | None:
    """Return the rounds that a run has, None where every arm has all its seeds at once."""
    least = resolved.study.rounds
    return None if least is None else Rounds(least, request.until_decided, request.budget)


def _folder_of(request: Request, asked: Resolved) -> RunFolder:
    folder = RunFolder(request.out / f"{asked.text['study']}-{asked.text['profile']}")
    for place in (request.out, folder.path):
        if place.exists() and not place.is_dir():
            raise UserError(f"--out {request.out}: {place} is not a folder")
    return folder


def _study_of_run(request: Request, asked: Resolved, folder: RunFolder) -> Resolved:
    """Return the study that a run folder holds after this request: its arms and seeds, and more."""
    text = {
        **asked.text,
        "track": with_trackers(asked.text.get("track"), request.track),
        "data": _portable(asked.text["data"], asked.folder, folder.path),
    }
    if "modules" in text:
        text["modules"] = _portable_modules(text["modules"], asked.folder, folder.path)
    seeds = sorted(set(request.only_seeds)) or list(range(request.seeds or 0))
    requested = with_seeds(text, seeds) if seeds else text
    requested = in_rounds(text) if request.until_decided else requested
    before = folder.study()
    in_any = any(text.get(KEY) is not None for text in (asked.text, before or {}))
    if seeds and in_any:
        given = "--seed" if request.only_seeds else "--seeds"
        raise UserError(
            f"{given}: this study runs in rounds, which find the number of seeds: leave it out, or "
            "use another --out"
        )
    whole = extend(before, requested, request.arms)
    return resolve(whole, folder.path / "study.yaml", modules=text.get("modules") or ())


def _check_rows(resolved: Resolved, dataset: Dataset) -> None:
    """Refuse splits, conditions and class maps that leave too little to learn from or to test."""
    from nearfar.stages.targets import outputs_of
    from nearfar.stages.tested_rows import tested_rows

    different = {(str(p.study.split), p.study.conditions): p.study for p in resolved.points}
    for study in different.values():
        for seed in resolved.seeds if study.split.varies else resolved.seeds[:1]:
            split = split_rows(dataset, study.split, seed)
            changed, some = conditioned(dataset, split, study.conditions, seed)
            outputs_of(changed, some)
            for name, classes in study.targets.items():
                mapped(changed, some, name, classes)
            for rows in {scoring.test.rows for scoring in resolved.scorings}:
                tested_rows(changed, some, rows, study.unseen)
    _check_metric(resolved, dataset)
    for test in (scoring.test for scoring in resolved.scorings):
        if test.corruption is not None:
            check_corruption(dataset.inputs, test.corruption, test.severity or 0)


def _check_metric(resolved: Resolved, dataset: Dataset) -> None:
    """Refuse a metric that no arm's classes have."""
    study = resolved.study
    if not METRICS[study.metric].two_classes or dataset.multilabel:
        return
    counts = {
        len(set(study.targets[fit.target].values())) if fit.target else len(dataset.classes)
        for fit in (arm.fit for arm in study.arms.values())
    }
    for count in sorted(counts - {2}):
        raise UserError(
            f"metric: {study.metric} is for two classes, and here are {count}: take "
            "balanced_accuracy, or predict a class map of two ('targets')"
        )


def _portable(data: dict[str, Any], study: Path, run: Path) -> dict[str, Any]:
    """Return the data block with paths beside the study file as seen from the run folder."""
    beside = {
        key: os.path.relpath((study / data[key]).resolve(), run.resolve())
        for key in ("path", "mapping")
        if data.get(key) is not None and (study / data[key]).exists()
    }
    return {**data, **beside}


def _portable_modules(names: list[str], study: Path, run: Path) -> list[str]:
    """Return the modules of a study with files as seen from the run folder."""
    files = [file_of(name, study) for name in names]
    return [
        name if file is None else os.path.relpath(file.resolve(), run.resolve())
        for name, file in zip(names, files, strict=True)
    ]


def carry_out(prepared: Prepared, jobs: int, watch: Callable[[Event], None]) -> None:
    """Run what is missing, then write records and summary; failures are kept in ``prepared``."""
    folder = prepared.folder
    _write_tables(prepared)
    folder.write_study(prepared.resolved.text)
    order = order_of(prepared.resolved.study.split)
    folder.write_json(
        "provenance.json",
        {
            **provenance(prepared.device),
            "data": prepared.dataset.source,
            **({"split": order} if order else {}),
            **_modules(prepared),
        },
    )
    write_schema(prepared)
    folder.write_samples(samples_of(prepared.dataset, prepared.resolved.study.split))
    while True:
        carry_out_stages(prepared, jobs, watch)
        if not prepared.plan_on() and not _next_round(prepared, jobs):
            break
        _write_tables(prepared)
    folder.write_plan(run_plan(prepared))
    write_records(folder, prepared.reasons)


def _next_round(prepared: Prepared, jobs: int) -> bool:
    """Plan a round more of what is not decided, and record it; return whether there is one."""
    rounds, folder = prepared.rounds, prepared.folder
    if rounds is None:
        return False
    plan = run_plan(prepared)
    records, stages = write_tables(folder, plan, prepared.reasons)
    summary = summarise_run(folder, plan, records, stages)
    if not rounds.goes_on(summary, stages, jobs):
        return False
    prepared.plan_on()
    prepared.resolved.text[KEY] = max(rounds.current, prepared.resolved.text[KEY])
    folder.write_study(prepared.resolved.text)
    return True


def _write_tables(prepared: Prepared) -> None:
    plan = run_plan(prepared)
    prepared.folder.write_plan(plan)
    write_tables(prepared.folder, plan, prepared.reasons)


def write_schema(prepared: Prepared) -> None:
    """Write what the inputs of the run's models are: ``inputs.json``."""
    dataset, options = prepared.dataset, prepared.resolved.study.data
    schema = InputSchema.of(options, dataset.inputs, dataset.digest)
    prepared.folder.write_json(SCHEMA, schema.to_plain())


def _modules(prepared: Prepared) -> dict[str, Any]:
    """Return the modules that bring parts of the run, name → version, if there are any."""
    specs = [step.spec for step in prepared.plan.steps.values()]
    modules = {name: v for spec in specs for name, v in spec.modules}
    return {"modules": modules} if modules else {}


def carry_out_stages(prepared: Prepared, jobs: int, watch: Callable[[Event], None]) -> None:
    """Carry out the missing stages of the plan; failures are kept in ``prepared``."""
    resolved = prepared.resolved
    source = StudySource(resolved.study.data, resolved.folder, tuple(resolved.study.modules or ()))
    watch(Planned(prepared.plan, prepared.missing))
    steps = {a: step for a, step in prepared.plan.steps.items() if a not in prepared.failures}
    lost, store = prepared.failures, prepared.folder.store
    events = execute(steps, source, prepared.dataset, store, jobs, lost)
    try:
        for event in events:
            if isinstance(event, Finished) and event.error:
                prepared.failures[event.stage_hash] = (event.error, event.trace)
            watch(event)
    finally:
        events.close()  # type: ignore[attr-defined]
