"""Results from workers elsewhere become files of the run, whole and compared with their digests."""

from __future__ import annotations

import time
from collections.abc import Mapping

from nearfar.execution.executors.sent import CHECKPOINTS, Files, Kept, Results, check_digests
from nearfar.plan.groups import Bundle
from nearfar.records.files import write_atomically
from nearfar.records.seals import DONE, Damaged
from nearfar.records.stages import StageBusy, StageStore

BUSY_SECONDS = 0.5


def take_results(results: Results, store: StageStore) -> None:
    """Publish stages that a worker finished, and keep the features that it made.

    Raises:
        Damaged: files did not arrive whole; nothing of them is published.
        DiskFull: there is no room for them.
    """
    for stage_hash, files in results.stages.items():
        check_digests(stage_hash, files)
    missing = {one: files for one, files in results.stages.items() if not store.is_done(one)}
    while missing:
        try:
            _publish(missing, store)
        except StageBusy:  # another command works on the same stage: it may end it, or give it up
            time.sleep(BUSY_SECONDS)
        missing = {one: files for one, files in missing.items() if not store.is_done(one)}
    for name, files in results.features.items():
        if not store.features.has(name):
            for file in (f"{name}.json", f"{name}.npy"):
                write_atomically(store.features.root / file, files[file])


def _publish(stages: Mapping[str, Files], store: StageStore) -> None:
    with store.working_on(*stages) as partials:
        for partial, files in zip(partials, stages.values(), strict=True):
            for left in partial.iterdir():
                left.unlink()
            for name, content in files.items():
                if name != DONE:
                    write_atomically(partial / name, content)


def take_checkpoint(kept: Kept, bundle: Bundle, store: StageStore) -> None:
    """Keep the checkpoint of a stage at work, for whoever goes on with it.

    Raises:
        Damaged: it is of no stage of the bundle, or has a name that checkpoints do not have.
        DiskFull: there is no room for it.
    """
    partial = store.partial(kept.stage_hash)
    for name, content in kept.files.items():
        path = partial / name
        if kept.stage_hash not in {step.hash for step in bundle} or not path.match(CHECKPOINTS):
            raise Damaged(f"{name} is no checkpoint of the bundle")
        write_atomically(path, content)
