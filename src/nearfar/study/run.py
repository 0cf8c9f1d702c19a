"""Running a study: from its name to a run folder with results and summary."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nearfar.data import Dataset, conditioned, load_dataset, mapped, split_rows
from nearfar.data.corruptions import check as check_corruption
from nearfar.data.shown import shown_rows, thumbnails_of
from nearfar.errors import UserError, nearest
from nearfar.records import Record, StageRow, read_stages, write_results, write_stages
from nearfar.records.run import RunFolder
from nearfar.study.chain import Elsewhere, Environment, Step
from nearfar.study.collect import collect
from nearfar.study.execute import Event, Finished, Planned, Source, execute
from nearfar.study.extend import extend, with_seeds
from nearfar.study.load import Resolved, find_study, load_study, resolve
from nearfar.study.plan import Plan, make_plan
from nearfar.study.provenance import provenance
from nearfar.study.summary import summarise_run
from nearfar.study.tracking import trackers_of, with_trackers


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line."""

    study: str
    profile: str | None = None
    arms: list[str] | None = None
    seeds: int | None = None
    settings: tuple[str, ...] = ()
    out: Path = Path("runs")
    jobs: int | None = None
    device: str = "auto"
    track: tuple[str, ...] = ()


@dataclass
class Prepared:
    """A study that is resolved, whose data are read and whose stages are planned."""

    resolved: Resolved
    dataset: Dataset
    plan: Plan
    folder: RunFolder
    environment: Environment
    whole_epochs: float
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """cpu or cuda."""
        return self.environment.device

    @property
    def missing(self) -> dict[str, Step]:
        """The stages that have still to be carried out."""
        store = self.folder.store
        return {a: step for a, step in self.plan.steps.items() if not store.is_done(a)}

    @property
    def minutes(self) -> float | None:
        """Expected minutes for what is missing, by the study's own estimate for the whole."""
        whole = self.resolved.study.minutes.get(self.resolved.study.profile)
        if whole is None or not self.whole_epochs:
            return None
        store, guess = self.folder.store, self._planned(guess=True).steps
        rows = len(self.dataset)
        missing = sum(step.epochs_over(rows) for a, step in guess.items() if not store.is_done(a))
        return whole * missing / self.whole_epochs

    def plan_on(self) -> bool:
        """Plan what follows from the choices that can be made now; return whether it is more."""
        before = set(self.plan.steps)
        self.plan = self._planned()
        return bool(set(self.plan.steps) - before)

    def _planned(self, *, guess: bool = False) -> Plan:
        outcome = self.folder.store.outcome
        given = (self.resolved, self.dataset.digest, self.environment, outcome)
        elsewhere = _others(self.folder, self.resolved)
        return make_plan(*given, elsewhere=elsewhere, failed=set(self.failures), guess=guess)


def pick_device(wanted: str) -> str:
    """Return cpu or cuda.

    Raises:
        UserError: the device is unknown, not there, or cannot be used.
    """
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available()}
    if wanted == "auto":
        return "cuda" if there["cuda"] else "cpu"
    if wanted == "mps" and torch.backends.mps.is_available():
        raise UserError(
            "--device mps: Apple's GPUs do not compute in float64, as targets and losses need; "
            "allowed: auto, cpu, cuda"
        )
    if wanted not in (*there, "mps"):
        raise UserError(f"--device: unknown value {wanted!r}; {nearest(wanted, ['auto', *there])}")
    if not there.get(wanted):
        raise UserError(f"--device {wanted}: torch finds no such device here")
    return wanted


def prepare(request: Request) -> Prepared:
    """Resolve, read the data, plan; nothing is written.

    Raises:
        UserError: a mistake in the study, the data or the request.
    """
    import torch

    from nearfar.study.models import layer_mistakes
    from nearfar.train.device import precision_of

    asked = load_study(request.study, request.profile, request.settings)
    text = asked.text
    folder = RunFolder(request.out / f"{text['study']}-{text['profile']}")
    for place in (request.out, folder.path):
        if place.exists() and not place.is_dir():
            raise UserError(f"--out {request.out}: {place} is not a folder")
    text["track"] = with_trackers(text.get("track"), request.track)
    text["data"] = _portable(text["data"], asked.folder, folder.path)
    seeds = None if request.seeds is None else list(range(request.seeds))
    wanted = text if seeds is None else with_seeds(text, seeds)
    resolved = resolve(extend(folder.study(), wanted, request.arms), folder.path / "study.yaml")
    for tracker in trackers_of(resolved.study, folder.path).values():
        tracker.check()
    device = pick_device(request.device)
    dataset = load_dataset(resolved.study.data, resolved.folder)
    precision = precision_of(device, dataset.inputs.kind)
    environment = Environment(str(torch.__version__), device, precision=precision)
    _check_rows(resolved, dataset)
    given, others = (dataset.digest, environment), _others(folder, resolved)
    plan = make_plan(resolved, *given, folder.store.outcome, elsewhere=others)
    mistakes = layer_mistakes(plan, dataset.inputs)
    if mistakes:
        raise UserError("\n".join(f"{find_study(request.study)}: {line}" for line in mistakes))
    whole = make_plan(asked, *given, elsewhere=others, guess=True).epochs_over(len(dataset))
    return Prepared(resolved, dataset, plan, folder, environment, whole)


def _others(folder: RunFolder, resolved: Resolved) -> Elsewhere:
    from nearfar.study.elsewhere import OtherRuns

    return OtherRuns(folder.path.parent, resolved.study.profile)


def _check_rows(resolved: Resolved, dataset: Dataset) -> None:
    """Refuse splits, conditions and class maps that leave too little to learn from or to test."""
    from nearfar.study.outputs import outputs_of
    from nearfar.study.scoring import tested_rows

    different = {(str(p.study.split), p.study.conditions): p.study for p in resolved.points}
    for study in different.values():
        for seed in resolved.seeds if study.split.resplit else resolved.seeds[:1]:
            split = split_rows(dataset, study.split, seed)
            changed, some = conditioned(dataset, split, study.conditions, seed)
            outputs_of(changed, some)
            for name, classes in study.targets.items():
                mapped(changed, some, name, classes)
            for rows in {scoring.test.rows for scoring in resolved.scorings}:
                tested_rows(changed, some, rows, study.unseen)
    for test in (scoring.test for scoring in resolved.scorings):
        if test.corruption is not None:
            check_corruption(dataset.inputs, test.corruption, test.severity or 0)


def reopen(path: Path) -> Prepared:
    """Return a run as it was made, whatever is installed here now; nothing is written.

    Raises:
        UserError: there is no such run, or its data or study are no longer what it was made with.
    """
    folder = RunFolder.open(path)
    text, table = folder.study(), path / "stages.csv"
    assert text is not None
    resolved = resolve(text, path / "study.yaml")
    dataset = load_dataset(resolved.study.data, resolved.folder)
    rows = read_stages(table) if table.exists() else []
    made = [row.hash for row in rows if folder.store.is_done(row.hash)]
    if not made:
        raise UserError(f"{path}: no stage of this run is finished")
    spec = folder.store.read(made[0])["spec"]
    environment = Environment.from_plain(spec["environment"])
    given, others = (dataset.digest, environment), _others(folder, resolved)
    plan = make_plan(resolved, *given, folder.store.outcome, elsewhere=others)
    if not set(made) <= set(plan.steps):
        raise UserError(f"{path}: its data or its study changed since it was made; run it again")
    whole = plan.epochs_over(len(dataset))
    return Prepared(resolved, dataset, plan, folder, environment, whole)


def _portable(data: dict[str, Any], study: Path, run: Path) -> dict[str, Any]:
    """Return the data block with paths beside the study file as seen from the run folder."""
    beside = {
        key: os.path.relpath((study / data[key]).resolve(), run.resolve())
        for key in ("path", "mapping")
        if data.get(key) is not None and (study / data[key]).exists()
    }
    return {**data, **beside}


def carry_out(prepared: Prepared, jobs: int, watch: Callable[[Event], None]) -> None:
    """Run what is missing, then write records and summary; failures are kept in ``prepared``."""
    folder = prepared.folder
    _write_tables(prepared)
    folder.write_study(prepared.resolved.text)
    folder.write_json(
        "provenance.json", {**provenance(prepared.device), "data": prepared.dataset.source}
    )
    folder.write_samples(_samples(prepared.dataset))
    while True:
        _execute(prepared, jobs, watch)
        if not prepared.plan_on():
            break
        _write_tables(prepared)
    write_records(prepared)


def _execute(prepared: Prepared, jobs: int, watch: Callable[[Event], None]) -> None:
    source = Source(prepared.resolved.study.data, prepared.resolved.folder)
    watch(Planned(prepared.plan, prepared.missing))
    steps = {a: step for a, step in prepared.plan.steps.items() if a not in prepared.failures}
    lost, store = prepared.failures, prepared.folder.store
    events = execute(steps, source, prepared.dataset, store, jobs, lost)
    try:
        for event in events:
            if isinstance(event, Finished) and event.error:
                prepared.failures[event.address] = (event.error, event.trace)
            watch(event)
    finally:
        events.close()  # type: ignore[attr-defined]


def write_records(prepared: Prepared) -> None:
    """Write results.csv, stages.csv and summary.json from the stages that are there."""
    records, stages = _write_tables(prepared)
    prepared.folder.write_json("summary.json", summarise_run(prepared, records, stages))


def _write_tables(prepared: Prepared) -> tuple[list[Record], list[StageRow]]:
    """Write results.csv and stages.csv; before the first stage they say what the run refers to."""
    reasons = {address: reason for address, (reason, _) in prepared.failures.items()}
    folder = prepared.folder
    records, stages = collect(
        prepared.plan, folder.store, reasons, prepared.dataset.unit or "target"
    )
    write_results(folder.path / "results.csv", records)
    write_stages(folder.path / "stages.csv", stages)
    return records, stages


def _samples(dataset: Dataset) -> dict[str, list[Any]]:
    """What the page shows of every row; pictures of the shown rows alone."""
    rows = shown_rows(dataset)
    shown = set(rows.tolist())
    columns: dict[str, list[Any]] = {
        "id": dataset.ids,
        "name": dataset.names,
        "shown": [row in shown for row in range(len(dataset))],
    }
    if dataset.smiles:
        columns["smiles"] = dataset.smiles
    if dataset.classes:
        columns["class"] = dataset.targets[:, 0].astype(int).tolist()
    pictures = thumbnails_of(dataset, rows)
    if pictures is not None:
        picture_of = dict(zip(rows.tolist(), pictures, strict=True))
        columns["thumbnail"] = [picture_of.get(row) for row in range(len(dataset))]
    return columns
