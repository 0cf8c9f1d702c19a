"""One folder of runs takes over the stages and the runs of another, which stays as it is.

Runs are united from their plans, never planned anew: a seed that was trained on another machine has
other hashes than the same seed here would have.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nearfar.errors import UserError
from nearfar.execution.portable import moved
from nearfar.execution.results import write_records
from nearfar.records.places import expanded
from nearfar.records.run import SCHEMA, RunFolder, check_holds_runs, folder_for_runs
from nearfar.records.run_plan import PlannedCell, RunPlan
from nearfar.records.seals import Damaged
from nearfar.records.stages import StageBusy, StageStore, forget_checks
from nearfar.records.taking import same_stage, take_features, take_stage, verify_stage
from nearfar.study.extend import unite


@dataclass
class Merged:
    """What came, and a line for each thing that did not."""

    stages: int = 0
    features: int = 0
    seeds: int = 0
    runs: list[RunFolder] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    lacking: bool = False

    def lacks(self, line: str) -> None:
        """Tell of something that did not come."""
        self.told.append(line)
        self.lacking = True


def merge(out: Path, others: list[Path]) -> Merged:
    """Take over all finished stages, features and runs of ``others`` that ``out`` lacks.

    Raises:
        UserError: one of them is no folder of runs, or ``out`` itself.
    """
    out, others = folder_for_runs(out, "OUT"), [expanded(other) for other in others]
    for other in others:
        check_holds_runs(other)
        if other.resolve() == out.resolve():
            raise UserError(f"{other}: is merged into itself: give another folder")
    forget_checks()
    merged = Merged()
    with StageStore(out / "stages").referring():
        for other in others:
            with _held_off(StageStore(other / "stages")):
                _take_folder(out, other, merged)
    return merged


def _take_folder(out: Path, other: Path, merged: Merged) -> None:
    _take_stages(StageStore(out / "stages"), StageStore(other / "stages"), merged)
    for path in sorted(other.glob("*/study.yaml")):
        ours, theirs = RunFolder(out / path.parent.name), RunFolder(path.parent)
        try:
            # In one order, so that two merges in opposite directions do not wait for one another.
            with contextlib.ExitStack() as locks:
                for folder in sorted([ours, theirs], key=lambda run: run.path.resolve()):
                    locks.enter_context(ours.working() if folder is ours else _held_off(theirs))
                _take_run(ours, theirs, merged)
        except UserError as mistake:
            merged.lacks(f"{theirs.path}: not merged: {mistake}")


@contextlib.contextmanager
def _held_off(source: StageStore | RunFolder) -> Iterator[None]:
    """Hold the lock of a source, unless it may not be written to: then nobody here does."""
    with contextlib.ExitStack() as lock:
        try:
            taken = source.working() if isinstance(source, RunFolder) else source.referring()
            lock.enter_context(taken)
        except PermissionError:
            pass
        except OSError as error:
            if error.errno != errno.EROFS:
                raise
        yield


def _take_stages(ours: StageStore, theirs: StageStore, merged: Merged) -> None:
    for mark in sorted(theirs.root.glob("*/done")):
        stage_hash = mark.parent.name
        if "." in stage_hash:
            continue
        try:
            verify_stage(theirs, stage_hash, described)
            if not ours.is_done(stage_hash):
                take_stage(ours, theirs, stage_hash)
                merged.stages += 1
            elif not same_stage(ours, theirs, stage_hash):
                merged.told.append(f"{mark.parent}: differs from ours, which is kept")
        except Damaged as wrong:
            merged.lacks(f"{mark.parent}: skipped, it is damaged: {wrong}")
        except StageBusy:
            merged.lacks(f"{mark.parent}: skipped, another process is at work on it: merge again")
        except OSError as error:
            merged.lacks(f"{mark.parent}: skipped: {error}")
    taken, damaged = take_features(ours.features, theirs.features)
    merged.features += taken
    for name in damaged:
        merged.lacks(f"{theirs.features.root / name}: skipped, these features are damaged")


def described(stage_hash: str, store: StageStore) -> tuple[str, str]:
    """Return the hash and the kind of a stage's specification."""
    from nearfar.plan.chain import hash_of
    from nearfar.plan.specs import spec_of

    plain = spec_of(stage_hash, store).to_plain()
    return hash_of(plain), str(plain["kind"])


def _take_run(ours: RunFolder, theirs: RunFolder, merged: Merged) -> None:
    """Unite two run folders of one name, and write tables and summary anew."""
    study, more = ours.study(), theirs.study()
    assert more is not None
    more = moved(more, theirs.path, ours.path)
    plan = theirs.plan()
    before: set[tuple[str, int]] = set()
    if study is not None:
        own = ours.plan()
        _same_data(own, ours.store, plan, theirs.store)
        _same_files(own, ours.store, plan, theirs.store)
        study = unite(study, more)
        before = {(cell.arm, cell.seed) for cell in own.cells}
        plan = united(own, plan, ours.store)
    for name in ("plan.json", "stages.csv", "samples.parquet", "provenance.json", SCHEMA):
        theirs.check(name)
    failures = {**_failures(theirs), **_failures(ours)}
    with ours.writing():
        _write_run(ours, theirs, study or more, plan, failures, merged)
    seeds = {seed for _, seed in before}
    merged.seeds += len({cell.seed for cell in plan.cells} - seeds)


def _write_run(
    ours: RunFolder,
    theirs: RunFolder,
    study: dict[str, Any],
    plan: RunPlan,
    failures: dict[str, str],
    merged: Merged,
) -> None:
    for name in ("samples.parquet", "provenance.json", SCHEMA):
        if (theirs.path / name).exists() and not (ours.path / name).exists():
            shutil.copyfile(theirs.path / name, ours.path / name)
    ours.write_study(study)
    ours.write_plan(plan)
    if ours.read_json("provenance.json").get("modules"):
        merged.told.append(f"{ours.path}: needs modules of your own: 'nearfar run' writes results")
        return
    write_records(ours, failures)
    merged.runs = [*(run for run in merged.runs if run != ours), ours]


def _failures(folder: RunFolder) -> dict[str, str]:
    return {row.hash: row.reason for row in folder.stage_rows() if row.status == "failed"}


def _same_data(own: RunPlan, store: StageStore, more: RunPlan, other: StageStore) -> None:
    """Refuse runs on different data, as far as their stages tell."""
    digests = [_digest(own, store), _digest(more, other)]
    if None not in digests and digests[0] != digests[1]:
        raise UserError("the two were made with different data (the rows differ)")


def _digest(plan: RunPlan, store: StageStore) -> str | None:
    from nearfar.plan.specs import spec_of

    for link in (link for cell in plan.cells for link in cell.own):
        if store.is_done(link.hash):
            try:
                return spec_of(link.hash, store).data.digest
            except Exception:
                continue
    return None


def _same_files(own: RunPlan, store: StageStore, more: RunPlan, other: StageStore) -> None:
    """Refuse runs one arm of which read other embeddings or weights, as far as stages tell."""
    mine, others = _files(own, store), _files(more, other)
    for arm in mine.keys() & others.keys():
        if mine[arm].isdisjoint(others[arm]):
            raise UserError(
                f"the two were made with different files of embeddings or weights (arm {arm!r})"
            )


def _files(plan: RunPlan, store: StageStore) -> dict[str, set[str]]:
    """Return by arm the hashes of the files that its finished stages read, where there are some."""
    from nearfar.plan.chain import files_read
    from nearfar.plan.specs import spec_of

    found: dict[str, set[str]] = {}
    for cell in plan.cells:
        for planned in cell.own:
            if store.is_done(planned.hash):
                found.setdefault(cell.arm, set()).update(files_read(spec_of(planned.hash, store)))
    return {arm: hashes for arm, hashes in found.items() if hashes}


def united(own: RunPlan, more: RunPlan, store: StageStore) -> RunPlan:
    """Return the plan of both: of an arm and seed that both have, the one whose stages are done.

    Where both are, ours. Counts of tested rows of rare classes are the larger ones of the two.

    Raises:
        UserError: on a fixed split, the two chose different points for an arm.
    """
    if not own.resplit:
        _same_choices(own, more)
    mine, others = _groups(own), _groups(more)
    whole = {
        key: cells
        for key, cells in others.items()
        if key not in mine or (not _done(mine[key], store) and _done(cells, store))
    }
    groups = {**mine, **whole}
    cells = [cell for key in sorted(groups, key=lambda key: key[1]) for cell in groups[key]]
    seeds = [min(cell.seed for cell in plan.cells) for plan in (own, more)]
    first = own if seeds[0] <= seeds[1] else more
    known = {(choice["arm"], choice["condition"], tuple(choice["seeds"])) for choice in own.choices}
    choices = [*own.choices]
    for choice in more.choices:
        if (choice["arm"], choice["condition"], tuple(choice["seeds"])) not in known:
            choices.append(choice)
    return replace(
        first,
        cells=tuple(cells),
        arms={**own.arms, **{name: arm for name, arm in more.arms.items() if name not in own.arms}},
        choices=tuple(sorted(choices, key=lambda choice: choice["seeds"][0])),
        rare={name: max(n, more.rare[name]) for name, n in own.rare.items() if name in more.rare},
        not_tested=_together(own.not_tested, more.not_tested),
    )


def _together(own: Mapping[str, list[int]], more: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """Return the seeds of both by name."""
    names = dict.fromkeys([*own, *more])
    return {name: sorted({*own.get(name, []), *more.get(name, [])}) for name in names}


def _same_choices(own: RunPlan, more: RunPlan) -> None:
    chosen = {(choice["arm"], choice["condition"]): choice["chosen"] for choice in own.choices}
    for choice in more.choices:
        ours = chosen.get((choice["arm"], choice["condition"]), choice["chosen"])
        if ours != choice["chosen"]:
            raise UserError(
                f"the two chose different points for {choice['arm']!r}: {ours}, {choice['chosen']}"
            )


def _groups(plan: RunPlan) -> dict[tuple[str, int], list[PlannedCell]]:
    groups: dict[tuple[str, int], list[PlannedCell]] = {}
    for cell in plan.cells:
        groups.setdefault((cell.arm, cell.seed), []).append(cell)
    return groups


def _done(cells: list[PlannedCell], store: StageStore) -> bool:
    return all(store.is_done(planned.hash) for cell in cells for planned in cell.chain)
