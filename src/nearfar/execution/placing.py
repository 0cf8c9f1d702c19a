"""Which run folder a request goes to: the one it continues, or the next one that is free.

A run whose study differs from what is asked for, or whose data have changed, keeps what it says:
the request goes on under another name. Stages are shared by their hashes whatever it is called.
"""

import itertools
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nearfar.data import Dataset, load_dataset
from nearfar.data.embeddings import with_embeddings
from nearfar.data.read.locate import locate
from nearfar.errors import UserError
from nearfar.execution.portable import OF_DATA, portable, portable_files, portable_modules
from nearfar.execution.prepared import Request
from nearfar.execution.trackers import with_trackers
from nearfar.plan.chain import files_read
from nearfar.plan.plan import Plan, weight_files_of
from nearfar.plan.specs import spec_of
from nearfar.records import StageRow
from nearfar.records.places import folder_to_write
from nearfar.records.run import RunFolder, folder_for_runs
from nearfar.records.run_plan import RunPlan, is_of_other_run
from nearfar.study.extend import OtherStudyError, extend, in_rounds, prune, seeds_of, with_seeds
from nearfar.study.load import Resolved, resolve
from nearfar.study.rounds import KEY

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TAKEN = frozenset({"stages", "features"})
"""Folders in OUT that are no runs."""


@dataclass(frozen=True)
class Asked:
    """Which trainings a request is about: these seeds of these arms, and what has ended already.

    ``arms`` are the arms as the study names them, baselines among them; ``ended`` are names as
    records have them, with seeds. ``failed`` are the stages that failed before, and why.
    """

    arms: frozenset[str]
    seeds: frozenset[int]
    ended: frozenset[tuple[str, int]]
    failed: Mapping[str, str]

    def __call__(self, arm: str, name: str, seed: int) -> bool:
        """Whether ``arm``, called ``name`` in records, is trained or shown with this seed."""
        return (arm in self.arms and seed in self.seeds) or (name, seed) in self.ended

    def left(self, resolved: Resolved, plan: Plan) -> dict[str, str]:
        """Return the stages that failed before and are not asked for again, and why they did.

        Trainings that nobody asks for again stay what they are: without these stages their arm
        would have a mean, over those that went well.
        """
        names = {resolved.names(point)[arm] for point in resolved.points for arm in self.arms}
        again = {
            stage_hash
            for cell in plan.cells
            if cell.arm in names and cell.seed in self.seeds
            for stage_hash in cell.chain
        }
        return {one: why for one, why in self.failed.items() if one in plan.steps.keys() - again}


@dataclass(frozen=True)
class Placed:
    """The folder that a request goes to, the study that it holds then, and the rows.

    ``notes`` say why it has another name than the study's, or what is replaced. ``loading`` are the
    seconds that reading the data took, ``found`` is the state of the folder.
    """

    folder: RunFolder
    resolved: Resolved
    dataset: Dataset
    asked: Asked
    notes: list[str] = field(default_factory=list)
    loading: float = 0.0
    found: str = ""


def placed(request: Request, asked: Resolved, dataset: Dataset | None = None) -> Placed:
    """Find the run folder of a request.

    A ``dataset`` that is given is what the study would read, and is not read again. Where several
    runs are passed over, the notes are of the last, of those with other data rather than another
    study.

    Raises:
        UserError: a mistake in the request or the data; or the run called ``--as NAME`` was made
            with another study.
    """
    loading = 0.0
    other_study, other_data = "", ""
    _check_files(asked, data=dataset is None)
    out = folder_for_runs(request.out, "--out")
    for name in _names(request, asked):
        folder = _folder(out, name)
        found = folder.state()
        try:
            resolved, requested = _study_of_run(request, asked, folder)
        except OtherStudyError as other:
            if request.name is not None:
                raise UserError(f"--as {name}: {other}: give this run another name") from None
            other_study = f"{folder.path}: {other}"
            continue
        if dataset is None:
            begin = time.monotonic()
            dataset = load_dataset(resolved.study.data, resolved.folder)
            loading = time.monotonic() - begin
        dataset = with_embeddings(dataset, resolved.embedding_files, resolved.folder)
        change = changed_data(folder, dataset) or changed_files(folder, dataset, resolved)
        if change and request.name is None:
            other_data = f"{folder.path}: {change}"
            continue
        notes = []
        if change:
            notes = [f"{folder.path}: {change}; its results are replaced, as --as {name} says"]
        elif other_data or other_study:
            stays = f"that run stays as it is, and this one is {folder.path}"
            notes = [other_data or other_study, stays]
        notes += [found.told for found in dataset.embeddings.values()]
        trainings = _asked(request, requested, folder)
        return Placed(folder, resolved, dataset, trainings, notes, loading, found)
    raise AssertionError("names never end")


def _check_files(asked: Resolved, *, data: bool) -> None:
    """Refuse a study whose files, those of its ``data`` too, are nowhere as seen from its folder.

    Later they are looked for as seen from the run's folder, which need not be there yet.

    Raises:
        UserError: names the file, and where it was looked for.
    """
    options = asked.study.data
    of_data = [getattr(options, key) for key in OF_DATA] if data else []
    of_parts = [str(file["path"]) for file in asked.embedding_files]
    for path in [*of_data, *of_parts, *asked.weight_files]:
        if path is not None:
            locate(path, asked.folder)


def _names(request: Request, asked: Resolved) -> Iterator[str]:
    if request.name is not None:
        if not _NAME.fullmatch(request.name) or request.name in _TAKEN:
            raise UserError(
                f"--as {request.name}: a run's name is that of a folder in --out: letters, digits,"
                " and . _ - between them; not 'stages' or 'features'"
            )
        yield request.name
        return
    base = f"{asked.text['study']}-{asked.text['profile']}"
    yield base
    yield from (f"{base}-{k}" for k in itertools.count(2))


def _folder(out: Path, name: str) -> RunFolder:
    return RunFolder(folder_to_write(out / name, "--out"))


def _study_of_run(
    request: Request, asked: Resolved, folder: RunFolder
) -> tuple[Resolved, dict[str, Any]]:
    """Return the study that a run folder holds after this request, and the part it asks for."""
    text = {
        **asked.text,
        "track": with_trackers(asked.text.get("track"), request.track),
        "data": portable(asked.text["data"], asked.folder, folder.path),
    }
    text |= portable_files(asked, folder.path)
    if "modules" in text:
        text["modules"] = portable_modules(text["modules"], asked.folder, folder.path)
    seeds = sorted(set(request.only_seeds)) or list(range(request.seeds or 0))
    requested = with_seeds(text, seeds) if seeds else text
    requested = in_rounds(text) if request.until_decided else requested
    before = folder.study()
    in_any = any(text.get(KEY) is not None for text in (asked.text, before or {}))
    if seeds and in_any:
        given = "--seed" if request.only_seeds else "--seeds"
        raise UserError(
            f"{given}: this study runs in rounds, which find the number of seeds: leave it out, or "
            "give this run another name with --as"
        )
    whole = extend(before, requested, request.arms)
    resolved = resolve(whole, folder.path / "study.yaml", modules=text.get("modules") or ())
    return resolved, requested


def _asked(request: Request, requested: dict[str, Any], folder: RunFolder) -> Asked:
    """Return which trainings the request is about, and which have ended already."""
    arms = frozenset(prune(requested, request.arms)["arms"])
    rows = _stage_rows(folder)
    lost = [row for row in rows if row.status == "failed" and not folder.store.is_done(row.hash)]
    ended = _finished(folder, rows) | {(row.arm, row.seed) for row in lost}
    failed = {row.hash: row.reason for row in lost}
    return Asked(arms, frozenset(seeds_of(requested)), ended, failed)


def _plan(folder: RunFolder) -> RunPlan | None:
    """Return what a run consists of; None where it does not say so, or what it says is damaged.

    A damaged plan is told when the run is carried out, which writes it anew.
    """
    try:
        return folder.plan()
    except UserError:
        return None


def _hashes(folder: RunFolder) -> list[str]:
    """Return the stages of a run on its own rows, as far as its files tell them."""
    plan = _plan(folder)
    if plan is not None:
        return list(dict.fromkeys(link.hash for cell in plan.cells for link in cell.own))
    try:
        rows = folder.stage_rows()
    except UserError:
        return []
    return sorted({row.hash for row in rows if not is_of_other_run(row.stage)})


def _stage_rows(folder: RunFolder) -> list[StageRow]:
    """Return how the stages of a run ended; none where that is damaged, and written anew."""
    try:
        return folder.stage_rows()
    except UserError:
        return []


def _finished(folder: RunFolder, rows: list[StageRow]) -> frozenset[tuple[str, int]]:
    """Return the arms and seeds whose numbers a run holds."""
    is_done: Callable[[str], bool] = folder.store.is_done
    plan = _plan(folder)
    if plan is not None:
        found = [(cell.arm, cell.seed, cell.chain[-1].hash) for cell in plan.cells if cell.counts]
    else:
        found = [(row.arm, row.seed, row.hash) for row in rows if row.stage == "fit"]
    return frozenset((arm, seed) for arm, seed, stage_hash in found if is_done(stage_hash))


def changed_data(folder: RunFolder, dataset: Dataset) -> str:
    """Return how the rows differ from those that a run's stages were trained on; empty if not.

    A run of which no stage is finished has nothing to lose: it has no data yet.
    """
    first = next((one for one in _hashes(folder) if folder.store.is_done(one)), None)
    if first is None or spec_of(first, folder.store).data.digest == dataset.digest:
        return ""
    plan = _plan(folder)
    more = 0 if plan is None else len(dataset) - sum(plan.rows.values())
    if more:
        rows = f"{abs(more)} row{'s' if abs(more) > 1 else ''}"
        return f"the data have {rows} {'more' if more > 0 else 'fewer'} than those of its results"
    return "the data have other values than those of its results"


def changed_files(folder: RunFolder, dataset: Dataset, resolved: Resolved) -> str:
    """Return which files that a run's finished stages read are no longer there; empty if none."""
    embeddings = {found.digest for found in dataset.embeddings.values()}
    weights = {found["digest"] for found in weight_files_of(resolved).values()}
    if not embeddings and not weights:
        return ""
    for stage_hash in filter(folder.store.is_done, _hashes(folder)):
        other = files_read(spec_of(stage_hash, folder.store)) - embeddings - weights
        if other:
            known = {"embeddings": embeddings, "weights": weights}
            kinds = " or ".join(kind for kind, digests in known.items() if digests)
            return f"a file of {kinds} has other values than those of its results"
    return ""
