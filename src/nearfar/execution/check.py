"""Whether all files of runs and stages are what was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from nearfar.errors import UserError
from nearfar.records.run import STUDY, RunFolder
from nearfar.records.seals import DONE, Damaged, differences, read_seal
from nearfar.records.stages import StageStore, forget_checks
from nearfar.records.taking import verify_stage


@dataclass
class Checked:
    """How many stages, runs and features there are, and a line for each that is damaged."""

    stages: int = 0
    runs: int = 0
    features: int = 0
    without: int = 0
    damaged: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """All of it in a line."""
        found = f"{len(self.damaged)} damaged" if self.damaged else "nothing is damaged"
        old = ""
        if self.without:
            old = (
                f"; {self.without} of before there were digests: their files can be read, and are"
                " otherwise not vouched for"
            )
        counts = f"{self.stages} stages, {self.runs} runs, the features of {self.features}"
        return f"checked {counts}: {found}{old}"


def check(path: Path) -> Checked:
    """Read every file of a run and its stages, or of all in a folder of runs; change nothing.

    Raises:
        UserError: the folder is neither.
    """
    forget_checks()
    checked = Checked()
    if (path / STUDY).exists() or (path / DONE).exists():
        folder = RunFolder(path)
        _check_run(folder, checked)
        try:
            hashes = folder.hashes()
        except UserError:  # what is wrong was told
            hashes = set()
        for stage_hash in sorted(hashes):
            if (folder.store.folder(stage_hash) / DONE).exists():
                _check_stage(folder.store, stage_hash, checked)
        return checked
    runs = sorted({file.parent for name in (STUDY, DONE) for file in path.glob(f"*/{name}")})
    store = StageStore(path / "stages")
    if not (runs or store.root.is_dir()):
        raise UserError(
            f"{path}: is no folder of runs, and no run: it has no stages and no run in it"
        )
    for run in runs:
        _check_run(RunFolder(run), checked)
    for mark in sorted(store.root.glob(f"*/{DONE}")):
        if "." not in mark.parent.name:
            _check_stage(store, mark.parent.name, checked)
    for values in sorted(store.features.root.glob("*.npy")):
        checked.features += 1
        try:
            store.features.check(values.stem)
        except (Damaged, FileNotFoundError) as wrong:
            checked.damaged.append(f"{values}: {wrong if isinstance(wrong, Damaged) else 'a half'}")
    return checked


def _check_stage(store: StageStore, stage_hash: str, checked: Checked) -> None:
    from nearfar.execution.merge import described

    folder = store.folder(stage_hash)
    checked.stages += 1
    try:
        sealed = read_seal(folder)
        wrong = [f"{name} {what}" for name, what in differences(folder, sealed, deep=True)]
        if not wrong:
            verify_stage(store, stage_hash, described)
    except Damaged as error:
        wrong = [str(error)]
    else:
        checked.without += sealed.files is None
    checked.damaged += [f"{folder}: {line}" for line in wrong]


def _check_run(folder: RunFolder, checked: Checked) -> None:
    checked.runs += 1
    checked.damaged += [f"{folder.path}: {name} {what}" for name, what in folder.damaged().items()]
    if not (folder.path / DONE).exists():
        checked.without += 1
