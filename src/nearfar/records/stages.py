"""The store of stages: ``stages/<hash>/``, there as a whole with ``done`` in it, or not there.

A stage is worked on in ``<hash>.partial``, under a lock that ends with its process, and renamed
when it is complete; what a killed process leaves behind is a checkpoint to go on from.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nearfar.records.features import FeatureStore
from nearfar.records.files import write_atomically
from nearfar.records.plain_yaml import from_yaml, to_yaml


class StageBusy(Exception):  # noqa: N818 - a state, not a mistake
    """Another process is at work on this stage, or has just finished it."""


@dataclass(frozen=True)
class StageStore:
    """The folder ``root`` that holds one folder for each stage."""

    root: Path

    @property
    def features(self) -> FeatureStore:
        """What encoders of these stages made of all rows."""
        return FeatureStore(self.root.parent / "features")

    def folder(self, stage_hash: str) -> Path:
        """Return the folder of a finished stage."""
        return self.root / stage_hash

    def is_done(self, stage_hash: str) -> bool:
        """Return whether the stage is there as a whole."""
        return (self.folder(stage_hash) / "done").exists()

    def read(self, stage_hash: str) -> dict[str, Any]:
        """Return ``stage.yaml`` of a finished stage: ``spec`` and ``outcome``."""
        text = (self.folder(stage_hash) / "stage.yaml").read_text(encoding="utf-8")
        stage: dict[str, Any] = from_yaml(text)
        return stage

    def outcome(self, stage_hash: str) -> dict[str, Any] | None:
        """Return how a stage ended, None while it has not."""
        return self.read(stage_hash)["outcome"] if self.is_done(stage_hash) else None

    @contextlib.contextmanager
    def working_on(self, *stage_hashes: str) -> Iterator[list[Path]]:
        """Give a folder to make each stage in; publish them at the end, keep them on an error.

        Stages of one computation are published together: after a kill, either none of them is
        there, or :meth:`publish_rest` finds all of them complete.

        Raises:
            StageBusy: another process holds one of them, or has finished it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as locks:
            for stage_hash in sorted(stage_hashes):
                locks.enter_context(self._locked(stage_hash))
                if self.is_done(stage_hash):
                    raise StageBusy(stage_hash)
            partials = [self._partial(stage_hash) for stage_hash in stage_hashes]
            for partial in partials:
                partial.mkdir(exist_ok=True)
                (partial / "done").unlink(missing_ok=True)
            yield partials
            batch_key = "\n".join(stage_hashes) if len(stage_hashes) > 1 else ""
            for partial in partials:
                for left in (*partial.glob("checkpoint*.pt"), *partial.glob(".*.tmp")):
                    left.unlink(missing_ok=True)
                write_atomically(partial / "done", batch_key)
            self._publish(stage_hashes)

    def _publish(self, stage_hashes: Iterable[str]) -> None:
        for stage_hash in stage_hashes:
            final = self.folder(stage_hash)
            if final.exists():
                shutil.rmtree(final)
            self._partial(stage_hash).rename(final)
            descriptor = os.open(self.root, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
            self._lock(stage_hash).unlink(missing_ok=True)

    def publish_rest(self, stage_hashes: Iterable[str]) -> None:
        """Publish those stages whose computation a kill ended while it was being published."""
        for stage_hash in stage_hashes:
            mark = self._partial(stage_hash) / "done"
            if mark.exists() and any(map(self.is_done, mark.read_text("utf-8").split())):
                with contextlib.suppress(StageBusy), self._locked(stage_hash):
                    if mark.exists():
                        self._publish([stage_hash])

    def remove_all_but(self, used: set[str]) -> tuple[int, int]:
        """Remove stages, finished or begun, but those named and those at work.

        Returns the number of stages and of bytes removed.
        """
        present = {path.name.split(".")[0] for path in self.root.glob("[!.]*")}
        removed, size = 0, 0
        for stage_hash in sorted(present - used):
            with contextlib.suppress(StageBusy), self._locked(stage_hash):
                for folder in (self.folder(stage_hash), self._partial(stage_hash)):
                    if folder.is_dir():
                        files = (file for file in folder.rglob("*") if file.is_file())
                        size += sum(file.stat().st_size for file in files)
                        shutil.rmtree(folder)
                        removed += 1
                self._lock(stage_hash).unlink(missing_ok=True)
        return removed, size

    def _partial(self, stage_hash: str) -> Path:
        return self.root / f"{stage_hash}.partial"

    def _lock(self, stage_hash: str) -> Path:
        return self.root / f"{stage_hash}.lock"

    @contextlib.contextmanager
    def _locked(self, stage_hash: str) -> Iterator[None]:
        """Hold the stage's lock; the system releases it if this process dies."""
        path = self._lock(stage_hash)
        with path.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StageBusy(stage_hash) from None
            if not _is_at(path, lock.fileno()):
                raise StageBusy(stage_hash)
            yield


def _is_at(path: Path, descriptor: int) -> bool:
    """Return whether an open file is still the one at ``path``: another process may remove it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def write_stage(folder: Path, spec: dict[str, Any], outcome: dict[str, Any]) -> None:
    """Write ``stage.yaml``."""
    write_atomically(folder / "stage.yaml", to_yaml({"spec": spec, "outcome": outcome}))
