"""The store of stages: ``stages/<hash>/``, there as a whole with ``done`` in it, or not there.

A stage is worked on in ``<hash>.partial``, under a lock that ends with its process, and renamed
when it is complete; what a killed process leaves behind is a checkpoint to go on from.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nearfar.errors import UserError, tell
from nearfar.plain_yaml import from_yaml, to_yaml
from nearfar.records.features import FeatureStore
from nearfar.records.files import remove_left, write_atomically
from nearfar.records.locks import Busy, held
from nearfar.records.seals import DONE, Damaged, check_files, check_readable, read_seal, seal

STAGE = "stage.yaml"
_HASH = re.compile("[0-9a-f]{16}")
_SEALED = "sealed: true\n"
"""How ``stage.yaml`` ends where ``done`` has digests: one that has none then is damaged."""

_opened: dict[Path, tuple[tuple[int, ...], bool, str]] = {}
"""Folder of a stage → its ``done`` as it was, whether all files were read, and what was wrong."""


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
        """Return whether the stage is there as a whole, and not damaged as far as is known.

        At the first opening small files are compared with their digests, and the sizes of others.
        """
        return self.damage(stage_hash) == ""

    def damage(self, stage_hash: str, *, deep: bool = False) -> str | None:
        """Return what is wrong with a finished stage, empty if nothing; None where there is none.

        ``deep`` reads all of its files. What was found is remembered until :func:`forget_checks`.
        """
        folder = self.folder(stage_hash)
        try:
            status = (folder / DONE).stat()
        except OSError:
            return None
        mark = (status.st_mtime_ns, status.st_size, status.st_ino)
        before, read, wrong = _opened.get(folder, ((), False, ""))
        if before != mark or (deep and not read and not wrong):
            wrong = _damage(folder, deep=deep)
            _opened[folder] = (mark, deep, wrong)
        return wrong

    def discard(self, stage_hash: str) -> None:
        """Set a damaged stage aside, as ``<hash>.damaged``: the next run makes it again.

        Nothing is left to do where another process has done so meanwhile, or is at work on it.

        Raises:
            OSError: the folder cannot be written to.
        """
        with contextlib.suppress(Busy), self._held(stage_hash):
            if self.folder(stage_hash).exists():
                shutil.rmtree(self._aside(stage_hash), ignore_errors=True)
                self.folder(stage_hash).rename(self._aside(stage_hash))

    def verified(self, stage_hash: str, name: str) -> Path:
        """Return a file of a finished stage, compared with its digest just now.

        Raises:
            UserError: it is damaged, or gone; the stage is no longer there for the next run.
        """
        folder = self.folder(stage_hash)
        try:
            found = read_seal(folder)
            check_files(folder, found, deep=False, names=[name])
            if not (folder / name).is_file():
                raise Damaged(f"{name} is gone")
        except (Damaged, FileNotFoundError) as wrong:
            with contextlib.suppress(OSError):
                self.discard(stage_hash)
            reason = str(wrong) if isinstance(wrong, Damaged) else "it is not there any more"
            raise UserError(
                f"{folder}: {reason}; 'nearfar run' of this study makes the stage again"
            ) from None
        return folder / name

    def read(self, stage_hash: str) -> dict[str, Any]:
        """Return ``stage.yaml`` of a finished stage: ``spec`` and ``outcome``."""
        try:
            return _parsed((self.folder(stage_hash) / STAGE).read_text(encoding="utf-8"))
        except Exception as error:  # a damaged file may be any YAML, or none
            raise UserError(
                f"{self.folder(stage_hash) / STAGE}: cannot be read ({type(error).__name__});"
                " 'nearfar run' of this study makes the stage again"
            ) from None

    def outcome(self, stage_hash: str) -> dict[str, Any] | None:
        """Return how a stage ended, None while it has not."""
        return self.read(stage_hash)["outcome"] if self.is_done(stage_hash) else None

    def discard_damaged(self, stage_hashes: Iterable[str]) -> list[str]:
        """Read all files of finished stages; set aside, and return, those that are damaged.

        Each is told in a line.
        """
        found = []
        for stage_hash in stage_hashes:
            if wrong := self.damage(stage_hash, deep=True):
                folder = self.folder(stage_hash)
                tell(f"{folder}: {wrong}: the stage does not count until it is computed again")
                self.discard(stage_hash)
                found.append(stage_hash)
        return found

    @contextlib.contextmanager
    def referring(self, *, alone: bool = False) -> Iterator[None]:
        """Hold off who removes stages while it is written down which are wanted.

        Args:
            alone: removes stages, and holds off all who begin to want some.
        """
        self.root.parent.mkdir(parents=True, exist_ok=True)
        with held(self.root.parent / ".clean.lock", shared=not alone, waiting=lambda holder: None):
            yield

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
            partials = [self.partial(stage_hash) for stage_hash in stage_hashes]
            for partial in partials:
                partial.mkdir(exist_ok=True)
                (partial / DONE).unlink(missing_ok=True)
            yield partials
            batch = stage_hashes if len(stage_hashes) > 1 else ()
            for partial in partials:
                for left in (*partial.glob("checkpoint*.pt"), *partial.glob(".*.tmp")):
                    left.unlink(missing_ok=True)
                seal(partial, batch)
            self._publish(stage_hashes)

    def _publish(self, stage_hashes: Iterable[str]) -> None:
        for stage_hash in stage_hashes:
            final = self.folder(stage_hash)
            if final.exists():
                shutil.rmtree(final)
            self.partial(stage_hash).rename(final)
            shutil.rmtree(self._aside(stage_hash), ignore_errors=True)
            descriptor = os.open(self.root, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
            self._lock(stage_hash).unlink(missing_ok=True)

    def publish_rest(self, stage_hashes: Iterable[str]) -> None:
        """Publish those stages whose computation a kill ended while it was being published."""
        for stage_hash in stage_hashes:
            partial = self.partial(stage_hash)
            try:
                found = read_seal(partial)
            except (FileNotFoundError, Damaged):
                continue
            if any(map(self.is_done, found.batch)):
                with contextlib.suppress(StageBusy), self._locked(stage_hash):
                    if (partial / DONE).exists():
                        self._publish([stage_hash])

    def remove_all_but(self, used: set[str]) -> tuple[int, int]:
        """Remove stages, finished or begun, but those named and those at work.

        What has another name than a stage is somebody else's, and stays.

        Returns the number of stages and of bytes removed.
        """
        remove_left(self.root)
        present = {path.name.split(".")[0] for path in self.root.glob("[!.]*")}
        present = {name for name in present if _HASH.fullmatch(name)}
        removed, size = 0, 0
        for stage_hash in sorted(present - used):
            with contextlib.suppress(StageBusy), self._locked(stage_hash):
                places = self.folder(stage_hash), self.partial(stage_hash), self._aside(stage_hash)
                for folder in places:
                    if folder.is_dir():
                        files = (file for file in folder.rglob("*") if file.is_file())
                        size += sum(file.stat().st_size for file in files)
                        shutil.rmtree(folder)
                        removed += 1
                self._lock(stage_hash).unlink(missing_ok=True)
        return removed, size

    def partial(self, stage_hash: str) -> Path:
        """Return the folder in which a stage is made, and keeps its checkpoint."""
        return self.root / f"{stage_hash}.partial"

    def _aside(self, stage_hash: str) -> Path:
        return self.root / f"{stage_hash}.damaged"

    def _lock(self, stage_hash: str) -> Path:
        return self.root / f"{stage_hash}.lock"

    def _held(self, stage_hash: str) -> contextlib.AbstractContextManager[None]:
        return held(self._lock(stage_hash))

    @contextlib.contextmanager
    def _locked(self, stage_hash: str) -> Iterator[None]:
        """Hold the stage's lock; the system releases it if this process dies."""
        with contextlib.ExitStack() as lock:
            try:
                lock.enter_context(self._held(stage_hash))
            except Busy:
                raise StageBusy(stage_hash) from None
            yield


def forget_checks() -> None:
    """Check stages anew at their next opening, as a command does that begins."""
    _opened.clear()


def _damage(folder: Path, *, deep: bool) -> str:
    """Return what is wrong with a finished stage."""
    try:
        found = read_seal(folder)
        check_files(folder, found, deep=deep, names=[STAGE])
        if found.files is None:
            _check_old(folder, deep=deep)
    except (Damaged, FileNotFoundError) as wrong:
        return str(wrong) or f"{DONE} is gone"
    return ""


def _check_old(folder: Path, *, deep: bool) -> None:
    """Look at a stage whose ``done`` was written before there were digests.

    Raises:
        Damaged: ``stage.yaml`` is gone, cannot be read, or says that there were digests; or
            another file has not its format.
    """
    kind = ""
    try:
        text = (folder / STAGE).read_text(encoding="utf-8")
        if deep:
            said, outcome = _parsed(text).values()
            kind = str(said.get("kind", "")) if outcome["status"] == "done" else ""
    except Exception as error:
        raise Damaged(f"{STAGE} cannot be read ({type(error).__name__})") from None
    if text.endswith(_SEALED):
        raise Damaged(f"{DONE} has lost its digests")
    if deep:
        check_readable(folder, kind)


def _parsed(text: str) -> dict[str, dict[str, Any]]:
    """Return what ``stage.yaml`` says; whatever a damaged one makes of this is raised."""
    plain = from_yaml(text)
    return {key: dict(plain[key]) for key in ("spec", "outcome")}


def write_stage(folder: Path, spec: dict[str, Any], outcome: dict[str, Any]) -> None:
    """Write ``stage.yaml``."""
    text = to_yaml({"spec": spec, "outcome": outcome})
    write_atomically(folder / STAGE, f"{text}{_SEALED}")
