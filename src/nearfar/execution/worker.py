"""One process carrying out stages."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearfar.data import DataOptions, Dataset, load_dataset
from nearfar.data.embeddings import with_embeddings
from nearfar.data.read.locate import locate
from nearfar.errors import UserError, first_line, full_disk
from nearfar.execution.events import Finished
from nearfar.execution.memory import giving_back, keep_freed_memory
from nearfar.extensions import FOREIGN_ERRORS, changed_modules, use_modules
from nearfar.plan.groups import Bundle
from nearfar.records.stages import StageBusy, StageStore
from nearfar.weight_files import known_file

if TYPE_CHECKING:
    from nearfar.stages.run import Ranks

BUSY_SECONDS = 0.5


@dataclass(frozen=True)
class StudySource:
    """Where the data of a study, and its modules, are read from, by every process for itself."""

    options: DataOptions
    folder: Path
    modules: tuple[str, ...] = ()
    files: tuple[Mapping[str, Any], ...] = ()
    weights: tuple[str, ...] = ()

    def use_modules(self) -> str:
        """Import the modules that the study names; return why they cannot be, empty if they can."""
        try:
            use_modules(self.modules, self.folder)
        except UserError as error:
            return str(error)
        return ""

    def load(self) -> Dataset:
        """Read the data set, and files of embeddings of its rows; find files of weights."""
        for path in self.weights:
            known_file(locate(path, self.folder)[0])
        return with_embeddings(load_dataset(self.options, self.folder), self.files, self.folder)


def without_its_need(bundle: Bundle) -> Iterator[Finished]:
    """Yield how stages end whose pre-training failed."""
    return (Finished(step.hash, "its pre-training failed") for step in bundle)


def carry_out(
    bundle: Bundle,
    load: Callable[[], Dataset],
    store: StageStore,
    report: Callable[[str, int, float], None],
    pause: Callable[[float], object] = time.sleep,
    ranks: Ranks | None = None,
) -> list[Finished]:
    """Run stages with the threads that their study fixed; wait where another process is at one.

    ``report`` is told hash, epochs or iterations done, and loss; ``ranks`` brings the processes of
    a stage that takes several devices. Stages that cannot be run as one computation are run one by
    one.
    """
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    keep_freed_memory()
    threads = bundle[0].spec.threads
    torch.set_num_threads(threads)
    with threadpool_limits(threads), giving_back():
        ended = _run(bundle, load, store, report, pause, ranks)
        if ended.error and not ended.full and len(bundle) > 1:
            return [
                replace(_run((step,), load, store, report, pause, ranks), stage_hash=step.hash)
                for step in bundle
            ]
    return [replace(ended, stage_hash=step.hash) for step in bundle]


def _run(
    bundle: Bundle,
    load: Callable[[], Dataset],
    store: StageStore,
    report: Callable[[str, int, float], None],
    pause: Callable[[float], object],
    ranks: Ranks | None,
) -> Finished:
    """Run stages as one computation; return how that ended, without a hash."""
    from nearfar.stages import run

    try:
        for module in changed_modules(dict(bundle[0].spec.modules)):
            raise UserError(f"module {module} changed since the run began: start the run again")
        while missing := {s.hash: s.spec for s in bundle if not store.is_done(s.hash)}:
            dataset = load()
            if dataset.digest != bundle[0].spec.data.digest:
                raise UserError("the data changed since the run began: start the run again")
            try:
                run.run_stages(missing, dataset, store, report, ranks or run.by_itself)
            except StageBusy:
                pause(BUSY_SECONDS)
    except UserError as error:
        return Finished("", str(error), traceback.format_exc())
    except FOREIGN_ERRORS as error:
        if full := full_disk(error):
            return Finished("", full, traceback.format_exc(), full=True)
        return Finished("", first_line(error), traceback.format_exc())
    return Finished("")
