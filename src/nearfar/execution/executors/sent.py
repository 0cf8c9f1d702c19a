"""What goes between the command and workers elsewhere: data, tasks, files, and what happens.

Everything is named by its content or by the hash of a stage, and compared with its digest where it
arrives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nearfar.data import Dataset
from nearfar.data.read.locate import locate
from nearfar.execution.events import Finished, Progress, Started
from nearfar.execution.worker import StudySource
from nearfar.extensions.modules import file_of
from nearfar.plan.groups import Bundle
from nearfar.plan.specs import ScoreSpec, spec_of, start_of
from nearfar.records.features import FeatureStore
from nearfar.records.seals import DONE, Damaged, Seal
from nearfar.records.stages import StageStore

Files = Mapping[str, bytes]
"""Name → content."""
CHECKPOINTS = "checkpoint*.pt"


@dataclass(frozen=True)
class Shipment:
    """What every worker of a run needs, sent once: the rows, the study's modules and weights.

    ``token`` names the run's folder on each machine. ``modules`` are names of installed ones, and
    those of files with their content; ``weights`` are endings and contents of files.
    """

    token: str
    dataset: Dataset
    modules: tuple[tuple[str, bytes | None], ...] = ()
    weights: tuple[tuple[str, bytes], ...] = ()

    @classmethod
    def of(cls, source: StudySource, dataset: Dataset, token: str) -> Shipment:
        """Read what a study names beside its data."""
        modules: list[tuple[str, bytes | None]] = []
        for name in source.modules:
            path = file_of(name, source.folder)
            modules.append((name, None) if path is None else (path.stem, path.read_bytes()))
        places = [locate(path, source.folder)[0] for path in source.weights]
        weights = tuple((place.suffix, place.read_bytes()) for place in places)
        return cls(token, dataset, tuple(modules), weights)


@dataclass(frozen=True)
class Task:
    """A bundle, and what is there already that it goes on from.

    ``needed`` are finished stages and ``features`` those that it would have to make, each as
    something that gives their files when it is asked; ``kept`` are checkpoints by stage.
    """

    bundle: Bundle
    needed: Mapping[str, Any] = field(default_factory=dict)
    features: Mapping[str, Any] = field(default_factory=dict)
    kept: Mapping[str, Files] = field(default_factory=dict)


@dataclass(frozen=True)
class Kept:
    """The checkpoint of a stage at work, worth more than the machine that wrote it."""

    stage_hash: str
    files: Files


@dataclass(frozen=True)
class Results:
    """Finished stages, and features that were made meanwhile, with all their files."""

    stages: Mapping[str, Files]
    features: Mapping[str, Files] = field(default_factory=dict)


@dataclass(frozen=True)
class Told:
    """What a worker wrote to standard error."""

    text: str


Message = Started | Progress | Finished | Kept | Results | Told


def needed_by(bundle: Bundle, store: StageStore) -> list[str]:
    """Return the finished stages that a bundle reads: the one it starts from, and what that did."""
    found: list[str] = []
    stage_hash = bundle[0].needs
    while stage_hash is not None:
        found.append(stage_hash)
        spec = spec_of(stage_hash, store)
        if isinstance(spec, ScoreSpec):
            stage_hash = spec.fit
        else:
            start = start_of(spec)
            stage_hash = None if start is None else start.stage
    return found


def files_of(folder: Path, pattern: str = "*") -> dict[str, bytes]:
    """Return the files of a folder that match, hidden ones left out; none where it is not there."""
    paths = sorted(folder.glob(pattern))
    return {path.name: path.read_bytes() for path in paths if not path.name.startswith(".")}


def feature_files(store: FeatureStore, name: str) -> dict[str, bytes]:
    """Return the two files of features."""
    return {f"{name}{end}": (store.root / f"{name}{end}").read_bytes() for end in (".npy", ".json")}


def check_digests(stage_hash: str, files: Files) -> None:
    """Compare the files of a stage with the digests in its ``done``.

    Raises:
        Damaged: one of them differs, is gone, or is not named there.
    """
    try:
        sealed = Seal.from_text(files[DONE].decode()).files
    except (Damaged, KeyError, ValueError, TypeError, AttributeError):
        raise Damaged(f"{DONE} of {stage_hash} did not arrive whole") from None
    found = {
        name: (len(content), hashlib.sha256(content).hexdigest())
        for name, content in files.items()
        if name != DONE
    }
    if found != sealed:
        wrong = [
            name
            for name in {*found, *(sealed or {})}
            if found.get(name) != (sealed or {}).get(name)
        ]
        raise Damaged(f"{', '.join(sorted(wrong))} of {stage_hash} did not arrive whole")
