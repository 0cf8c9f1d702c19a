"""The store of stages: ``stages/<hash>/``, there as a whole with ``done`` in it, or not there.

A stage is worked on in ``<hash>.partial``, under a lock that dies with its process, and renamed
when it is complete; what a killed process leaves behind is a checkpoint to go on from.
"""

import contextlib
import csv
import fcntl
import io
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

    def folder(self, address: str) -> Path:
        """Return the folder of a finished stage."""
        return self.root / address

    def is_done(self, address: str) -> bool:
        """Return whether the stage is there as a whole."""
        return (self.folder(address) / "done").exists()

    def read(self, address: str) -> dict[str, Any]:
        """Return ``stage.yaml`` of a finished stage: ``spec`` and ``outcome``."""
        text = (self.folder(address) / "stage.yaml").read_text(encoding="utf-8")
        stage: dict[str, Any] = from_yaml(text)
        return stage

    def outcome(self, address: str) -> dict[str, Any] | None:
        """Return how a stage ended, None while it has not."""
        return self.read(address)["outcome"] if self.is_done(address) else None

    @contextlib.contextmanager
    def working_on(self, *addresses: str) -> Iterator[list[Path]]:
        """Give a folder to make each stage in; publish them at the end, keep them on an error.

        Stages of one computation are published together: after a kill, either none of them is
        there, or :meth:`publish_rest` finds all of them complete.

        Raises:
            StageBusy: another process holds one of them, or has finished it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as locks:
            for address in sorted(addresses):
                locks.enter_context(self._locked(address))
                if self.is_done(address):
                    raise StageBusy(address)
            partials = [self._partial(address) for address in addresses]
            for partial in partials:
                partial.mkdir(exist_ok=True)
                (partial / "done").unlink(missing_ok=True)
            yield partials
            company = "\n".join(addresses) if len(addresses) > 1 else ""
            for partial in partials:
                for left in (*partial.glob("checkpoint*.pt"), *partial.glob(".*.tmp")):
                    left.unlink(missing_ok=True)
                write_atomically(partial / "done", company)
            self._publish(addresses)

    def _publish(self, addresses: Iterable[str]) -> None:
        for address in addresses:
            final = self.folder(address)
            if final.exists():
                shutil.rmtree(final)
            self._partial(address).rename(final)
            descriptor = os.open(self.root, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
            self._lock(address).unlink(missing_ok=True)

    def publish_rest(self, addresses: Iterable[str]) -> None:
        """Publish those stages whose computation a kill ended while it was being published."""
        for address in addresses:
            mark = self._partial(address) / "done"
            if mark.exists() and any(map(self.is_done, mark.read_text("utf-8").split())):
                with contextlib.suppress(StageBusy), self._locked(address):
                    if mark.exists():
                        self._publish([address])

    def remove_all_but(self, used: set[str]) -> tuple[int, int]:
        """Remove stages, finished or begun, but those named and those at work.

        Returns the number of stages and of bytes removed.
        """
        present = {path.name.split(".")[0] for path in self.root.glob("[!.]*")}
        removed, size = 0, 0
        for address in sorted(present - used):
            with contextlib.suppress(StageBusy), self._locked(address):
                for folder in (self.folder(address), self._partial(address)):
                    if folder.is_dir():
                        files = (file for file in folder.rglob("*") if file.is_file())
                        size += sum(file.stat().st_size for file in files)
                        shutil.rmtree(folder)
                        removed += 1
                self._lock(address).unlink(missing_ok=True)
        return removed, size

    def _partial(self, address: str) -> Path:
        return self.root / f"{address}.partial"

    def _lock(self, address: str) -> Path:
        return self.root / f"{address}.lock"

    @contextlib.contextmanager
    def _locked(self, address: str) -> Iterator[None]:
        """Hold the stage's lock; it is given back by the system if this process dies."""
        path = self._lock(address)
        with path.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StageBusy(address) from None
            if not _is_at(path, lock.fileno()):
                raise StageBusy(address)
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


def write_rows(path: Path, header: list[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV of plain values, floats with nine significant digits."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([f"{value:.9g}" if isinstance(value, float) else value for value in row])
    write_atomically(path, text.getvalue())
