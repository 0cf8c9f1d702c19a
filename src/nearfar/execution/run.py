"""Running a study: from its name to a run folder with results and summary."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nearfar.data import Dataset
from nearfar.data.split.scaffolds import order_of
from nearfar.errors import DiskFull, UserError
from nearfar.execution.events import Event, Finished, Planned
from nearfar.execution.execute import execute
from nearfar.execution.placing import placed
from nearfar.execution.prepared import Prepared, Request, external_encoders
from nearfar.execution.processes import cores
from nearfar.execution.provenance import installed_packages, provenance
from nearfar.execution.results import summarise_run, write_records, write_tables
from nearfar.execution.rounds import Rounds
from nearfar.execution.rows_check import check_rows
from nearfar.execution.run_plan import run_plan, samples_of
from nearfar.execution.search_storage import SearchStorage
from nearfar.execution.site import Site
from nearfar.execution.trackers import trackers_of
from nearfar.execution.worker import StudySource
from nearfar.models.schema import InputSchema
from nearfar.plan.environment import Environment
from nearfar.plan.plan import make_plan
from nearfar.records.run import RUN_FILES, SCHEMA
from nearfar.records.stages import forget_checks
from nearfar.study.files import find_study
from nearfar.study.load import Resolved, load_study
from nearfar.study.mistakes import Mistakes
from nearfar.study.rounds import KEY
from nearfar.train.device import pick_device
from nearfar.version import __version__


def prepare(request: Request, dataset: Dataset | None = None) -> Prepared:
    """Resolve, read the data, plan; nothing is written.

    A ``dataset`` that is given is what the study would read, and is not read again.

    Raises:
        UserError: a mistake in the study, the data or the request.
    """
    import torch

    from nearfar.execution import checks
    from nearfar.train.device import precision_of

    forget_checks()
    request.where.check()
    storage = None if request.storage is None else SearchStorage(request.storage)
    asked = load_study(
        request.study, request.profile, request.settings, no_modules=request.no_modules
    )
    place = placed(request, asked, dataset)
    folder, resolved, dataset = place.folder, place.resolved, place.dataset
    for tracker in trackers_of(resolved.study, folder.path).values():
        tracker.check()
    device = pick_device(request.device, elsewhere=request.where.elsewhere)
    request.where.check_devices(device, request.jobs)
    precision, devices = precision_of(device, dataset.inputs.kind), request.where.ranks
    environment = Environment(
        str(torch.__version__), device, __version__, precision, devices, installed_packages()
    )
    check_rows(resolved, dataset)
    given, others = (dataset.digest, environment), external_encoders(folder, resolved, dataset)
    rounds = _rounds(request, resolved)
    chosen = place.asked if rounds is None else rounds
    known, files = (*given, folder.store.outcome), dataset.file_contents
    plan = make_plan(resolved, *known, external=others, asked=chosen, files=files)
    mistakes = Mistakes(find_study(request.study))
    mistakes.add(checks.encoder_mistakes(plan, dataset.inputs))
    mistakes.add(checks.view_mistakes(plan, dataset.inputs))
    mistakes.add(checks.device_mistakes(plan))
    mistakes.refuse()
    mistakes.add(checks.layer_mistakes(plan, dataset.inputs))
    mistakes.refuse()
    prepared = Prepared(resolved, dataset, plan, folder, environment, place.loading, rounds)
    prepared.asked, prepared.notes, prepared.found = place.asked, place.notes, place.found
    prepared.where, prepared.storage = request.where, storage
    if rounds is None:
        prepared.left = place.asked.left(resolved, plan)
    if storage is not None and not any(choice.space for choice in plan.choices):
        raise UserError(
            f"--storage {storage.shown}: is for searches, and this study has none: give an axis of "
            "role 'choose' a range or 'trials'"
        )
    return prepared


@contextmanager
def alone(request: Request) -> Iterator[Prepared]:
    """Prepare a run, and hold its folder, so that no other command adds to it meanwhile.

    Where another one does, wait for its end; what it added is then there.

    Raises:
        UserError: see :func:`prepare`.
    """
    prepared = prepare(request)
    with prepared.folder.working():
        if prepared.folder.state() != prepared.found:
            prepared = prepare(request)
        yield prepared


def _rounds(request: Request, resolved: Resolved) -> Rounds | None:
    """Return the rounds that a run has, None where every arm has all its seeds at once."""
    least = resolved.study.rounds
    return None if least is None else Rounds(least, request.until_decided, request.budget)


def carry_out(prepared: Prepared, jobs: int | None, watch: Callable[[Event], None]) -> None:
    """Run what is missing, then write records and summary; failures are kept in ``prepared``.

    ``jobs`` bundles are carried out at once; None leaves that to an executor elsewhere.

    Raises:
        UserError: another command has changed the run since it was prepared.
        DiskFull: a file has no room.
    """
    folder = prepared.folder
    with folder.working():
        if folder.state() != prepared.found:
            raise UserError(f"{folder.path}: was changed meanwhile: give the same command again")
        if prepared.storage is not None:
            prepared.storage.open()
        prepared.keep_searches()
        if prepared.not_kept:
            raise UserError(prepared.not_kept)
        folder.mend(RUN_FILES)
        _write_what_is_known(prepared)
        with Site(prepared, jobs) as site:
            while True:
                carry_out_stages(prepared, jobs or 1, watch, site)
                more = prepared.plan_on()
                prepared.keep_searches()
                if not more and not _next_round(prepared, jobs or 1):
                    break
                _write_tables(prepared)
        with folder.writing():
            folder.write_plan(run_plan(prepared))
            write_records(folder, prepared.reasons)
        prepared.found = folder.state()


def _write_what_is_known(prepared: Prepared) -> None:
    """Write what a run folder holds before the first stage."""
    folder, order = prepared.folder, order_of(prepared.resolved.study.split)
    _write_tables(prepared)
    with folder.writing():
        folder.write_study(prepared.resolved.text)
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


def _next_round(prepared: Prepared, jobs: int) -> bool:
    """Plan a round more of what is not decided, and record it; return whether there is one."""
    rounds, folder = prepared.rounds, prepared.folder
    if rounds is None:
        return False
    plan = run_plan(prepared)
    with folder.writing():
        records, stages = write_tables(folder, plan, prepared.reasons)
    summary = summarise_run(folder, plan, records, stages)
    if not rounds.goes_on(summary, stages, jobs):
        return False
    prepared.plan_on()
    prepared.resolved.text[KEY] = max(rounds.current, prepared.resolved.text[KEY])
    with folder.writing():
        folder.write_study(prepared.resolved.text)
    return True


def _write_tables(prepared: Prepared) -> None:
    plan, folder = run_plan(prepared), prepared.folder
    with folder.store.referring(), folder.writing():
        folder.write_plan(plan)
        write_tables(folder, plan, prepared.reasons)


def write_schema(prepared: Prepared) -> None:
    """Write what the inputs of the run's models are: ``inputs.json``."""
    dataset, options = prepared.dataset, prepared.resolved.study.data
    if options.source == "images" and options.image is None:
        options = options.model_copy(update={"image": dataset.source.get("image")})
    read = dataset.embedding_files
    schema = InputSchema.of(options, dataset.inputs, dataset.digest, read)
    schema = schema.of_array(dataset.source.get("array", 0))
    prepared.folder.write_json(SCHEMA, schema.to_plain())


def _modules(prepared: Prepared) -> dict[str, Any]:
    """Return the modules that bring parts of the run, name → version, if there are any."""
    specs = [step.spec for step in prepared.plan.steps.values()]
    modules = {name: v for spec in specs for name, v in spec.modules}
    return {"modules": modules} if modules else {}


def carry_out_stages(
    prepared: Prepared, jobs: int, watch: Callable[[Event], None], site: Site | None = None
) -> None:
    """Carry out the missing stages of the plan; failures are kept in ``prepared``.

    Without a ``site`` that is done here, in ``jobs`` processes.

    Raises:
        DiskFull: a file of a stage has no room; the others are stopped.
    """
    prepared.folder.store.discard_damaged(prepared.plan.steps)
    resolved = prepared.resolved
    modules, files = tuple(resolved.study.modules or ()), tuple(resolved.embedding_files)
    read = (modules, files, tuple(resolved.weight_files))
    source = StudySource(resolved.study.data, resolved.folder, *read)
    watch(Planned(prepared.plan, prepared.missing))
    lost = prepared.reasons
    steps = {a: step for a, step in prepared.plan.steps.items() if a not in lost}
    store = prepared.folder.store
    executor = None if site is None else site.executor(source)
    others = None if site is None else site.others()
    events = execute(steps, source, prepared.dataset, store, jobs, lost, executor, others)
    try:
        for event in events:
            if isinstance(event, Finished) and event.full:
                raise DiskFull(event.error)
            if isinstance(event, Finished) and event.error:
                prepared.failures[event.stage_hash] = (event.error, event.trace)
            watch(event)
    finally:
        events.close()  # type: ignore[attr-defined]


def default_jobs(prepared: Prepared) -> int:
    """Return one process for each core's worth of threads; one on accelerators or on several."""
    if prepared.device != "cpu" or prepared.environment.devices > 1:
        return 1
    return max(1, min(cores() // prepared.resolved.study.threads, 8))
