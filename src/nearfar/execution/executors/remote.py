"""A worker elsewhere: it carries out a bundle in a folder of its own, and sends what comes of it.

Nothing here knows who runs it: whoever does sends a task and hands on the messages.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nearfar.errors import UserError, first_line
from nearfar.execution.events import Finished, Progress, Started
from nearfar.execution.executors.sent import (
    CHECKPOINTS,
    Files,
    Kept,
    Message,
    Results,
    Shipment,
    Task,
    Told,
    check_digests,
    feature_files,
    files_of,
)
from nearfar.execution.here import carried_out_here
from nearfar.execution.provenance import installed_packages
from nearfar.extensions import use_modules
from nearfar.plan.groups import Bundle
from nearfar.records.files import write_atomically
from nearfar.records.seals import DONE, Damaged
from nearfar.records.stages import StageStore
from nearfar.version import __version__
from nearfar.weight_files import known_file

REPORT_SECONDS = 1.0
KEPT_BYTES_A_SECOND = 10e6
"""Checkpoints are sent no faster than that, and none sooner than ``KEPT_SECONDS`` after another."""
KEPT_SECONDS = 10.0

_ready: dict[str, str] = {}
"""Token of a run → why its modules cannot be used here; empty where they can."""


def folder_of(token: str) -> Path:
    """Return the folder of a run on this machine."""
    return Path(tempfile.gettempdir()) / f"nearfar-worker-{token}"


def remove_folder(token: str) -> None:
    """Remove what a run has left on this machine."""
    shutil.rmtree(folder_of(token), ignore_errors=True)


def carried_out_elsewhere(
    task: Task, shipment: Shipment, fetch: Callable[[Any], Files]
) -> Iterator[list[Message]]:
    """Carry out a bundle; yield what happens, files among it.

    Args:
        task: the bundle and what it goes on from.
        shipment: what all bundles need.
        fetch: gets the files that a task only refers to.
    """
    bundle = task.bundle
    yield [Started(step.hash) for step in bundle]
    store = StageStore(folder_of(shipment.token) / "stages")
    try:
        if refused := misfit(bundle) or _made_ready(shipment):
            raise UserError(refused)
        _take(task, store, fetch)
    except (UserError, Damaged, OSError) as error:
        reason = str(error) if isinstance(error, UserError) else first_line(error)
        yield [Finished(step.hash, reason) for step in bundle]
        return
    yield from _messages(bundle, shipment, store)


def _messages(bundle: Bundle, shipment: Shipment, store: StageStore) -> Iterator[list[Message]]:
    """Yield what happens while a bundle is carried out, and at last its files."""
    checkpoints, said, last = _Checkpoints(store, bundle), _Said(), 0.0
    before = _features(store)
    ended: list[Finished] = []
    hashes = [step.hash for step in bundle]
    try:
        with contextlib.redirect_stderr(said):
            for event in carried_out_here(bundle, lambda: shipment.dataset, store):
                messages: list[Message] = [*said.taken(), *checkpoints.new()]
                if isinstance(event, Finished):
                    ended.append(event)
                elif isinstance(event, Progress) and time.monotonic() - last > REPORT_SECONDS:
                    last = time.monotonic()
                    messages.append(event)
                if messages:
                    yield messages
        stages = {one: files_of(store.folder(one)) for one in hashes if store.is_done(one)}
        made = sorted(_features(store) - before)
        features = {name: feature_files(store.features, name) for name in made}
    finally:
        # Before they are sent: who is told of them may need them here at once, and look for them.
        for one in hashes:
            for folder in (store.folder(one), store.partial(one)):
                shutil.rmtree(folder, ignore_errors=True)
    yield [*said.taken(), Results(stages, features), *ended]


def _features(store: StageStore) -> set[str]:
    names = {path.stem for path in store.features.root.glob("[!.]*.npy")}
    return {name for name in names if store.features.has(name)}


def misfit(bundle: Bundle) -> str:
    """Return why this machine cannot carry out a bundle; empty where it can."""
    import platform

    import torch

    wanted = bundle[0].spec.environment
    installed = dict(installed_packages())
    others = sorted({pair for step in bundle for pair in step.spec.environment.packages})
    for package, here, asked in (
        ("nearfar", __version__, wanted.nearfar),
        ("torch", str(torch.__version__), wanted.torch),
        *((name, installed.get(name, "none"), version) for name, version in others),
    ):
        if here != asked:
            return (
                f"{platform.node()} has {package} {here}, and this run is planned with {asked}: "
                "install the same there"
            )
    if wanted.device == "cuda" and not torch.cuda.is_available():
        return f"{platform.node()}: torch finds no GPU there"
    return ""


def _made_ready(shipment: Shipment) -> str:
    """Put modules and weights where this process finds them; return why that cannot be."""
    if shipment.token in _ready:
        return _ready[shipment.token]
    folder = folder_of(shipment.token)
    folder.mkdir(mode=0o700, exist_ok=True)
    for number, (ending, content) in enumerate(shipment.weights):
        path = folder / "weights" / f"{number}{ending}"
        if not path.is_file() or path.stat().st_size != len(content):
            write_atomically(path, content)
        known_file(path)
    for name, source in shipment.modules:
        if source is not None:
            write_atomically(folder / "modules" / f"{name}.py", source)
    try:
        use_modules([name for name, _ in shipment.modules], folder / "modules")
        _ready[shipment.token] = ""
    except UserError as error:
        _ready[shipment.token] = str(error)
    return _ready[shipment.token]


def _take(task: Task, store: StageStore, fetch: Callable[[Any], Files]) -> None:
    """Write what a bundle goes on from.

    Raises:
        Damaged: the files of a stage did not arrive whole.
    """
    for stage_hash, reference in task.needed.items():
        if not store.is_done(stage_hash):
            files = fetch(reference)
            check_digests(stage_hash, files)
            for name, content in sorted(files.items(), key=lambda item: item[0] == DONE):
                write_atomically(store.folder(stage_hash) / name, content)
    for name, reference in task.features.items():
        if not store.features.has(name):
            for file, content in fetch(reference).items():
                write_atomically(store.features.root / file, content)
    for stage_hash, files in task.kept.items():
        for name, content in files.items():
            write_atomically(store.partial(stage_hash) / name, content)


@dataclass
class _Checkpoints:
    """Which checkpoints of a bundle are newer than those that were sent."""

    store: StageStore
    bundle: Bundle
    sent: dict[Path, int] = field(default_factory=dict)
    due: float = field(default_factory=lambda: time.monotonic() + KEPT_SECONDS)

    def new(self) -> Iterator[Kept]:
        """Yield those that are worth sending now."""
        if time.monotonic() < self.due:
            return
        size = 0
        for step in self.bundle:
            for path in self.store.partial(step.hash).glob(CHECKPOINTS):
                with contextlib.suppress(FileNotFoundError):
                    changed = path.stat().st_mtime_ns
                    if self.sent.get(path) != changed:
                        self.sent[path] = changed
                        content = path.read_bytes()
                        size += len(content)
                        yield Kept(step.hash, {path.name: content})
        self.due = time.monotonic() + max(KEPT_SECONDS, size / KEPT_BYTES_A_SECOND)


class _Said:
    """Stands in for standard error, and gives what was written."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> int:
        self.parts.append(text)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> list[Told]:
        """Return what was written since."""
        parts, self.parts = self.parts, []
        return [Told("".join(parts))] if parts else []
