"""A run folder: what belongs to one study and profile, beside the store of stages."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from nearfar.errors import UserError, tell
from nearfar.plain_yaml import from_yaml, to_yaml
from nearfar.records.files import remove_left, write_atomically
from nearfar.records.locks import held, tell_of_local_locks
from nearfar.records.places import folder_to_write
from nearfar.records.run_plan import RunPlan
from nearfar.records.samples import write_samples
from nearfar.records.seals import DONE, Damaged, Seal, check_files, differences, read_seal, seal
from nearfar.records.stages import StageStore, forget_checks
from nearfar.records.tables import StageRow, read_stages

STUDY = "study.yaml"
STAGES = "stages.csv"
SCHEMA = "inputs.json"
"""The form of the inputs of the run's models."""
MADE_BY_REPORT = frozenset({"results.csv", STAGES, "summary.json", "report.html", "embeddings.npz"})
"""Files that `nearfar report` makes of stages and the others; those `nearfar run` alone makes."""
RUN_FILES = frozenset({*MADE_BY_REPORT, "plan.json", "provenance.json", "samples.parquet", SCHEMA})
"""Files that `nearfar run` writes whenever it is called."""
MOST_NAMED = 10
"""Run folders that a message names, at most."""
_told: set[str] = set()
_worked_on: set[Path] = set()
"""Run folders whose locks this process holds."""


def _runs_near(path: Path) -> str:
    """Return which run folders there are in a folder, beside it or in ``runs`` there."""
    here = path.parent if path.parent.is_dir() else Path()
    found = [
        *(path.glob("*/study.yaml") if path.is_dir() else ()),
        *here.glob("*/study.yaml"),
        *(here / "runs").glob("*/study.yaml"),
    ]
    runs = {str(one.parent): one.parent.name for one in sorted(found)}
    alike = [run for run, name in runs.items() if name.startswith(path.name)]
    guess = f"did you mean {alike[0]}? " if len(alike) == 1 else ""
    more = f" and {len(runs) - MOST_NAMED} more" if len(runs) > MOST_NAMED else ""
    return f"{guess}found here: {', '.join(list(runs)[:MOST_NAMED]) or 'none'}{more}"


def folder_for_runs(path: Path, option: str) -> Path:
    """Return a folder, there or to be made, that runs can be written to; see ``folder_to_write``.

    Raises:
        UserError: it is a run itself, or cannot be written to; names the option.
    """
    path = folder_to_write(path, option)
    if is_run(path):
        raise UserError(f"{option} {path}: is a run; runs lie beside it, in {path.parent}")
    return path


def is_run(path: Path) -> bool:
    """Tell whether a folder holds a run's own files."""
    return (path / STUDY).is_file() and (path / "plan.json").is_file()


def check_holds_runs(path: Path) -> None:
    """Refuse a folder that is no OUT of runs.

    Raises:
        UserError: it has neither stages nor runs in it.
    """
    if not ((path / "stages").is_dir() or any(path.glob(f"*/{STUDY}"))):
        what = "it has no stages and no run in it"
        if is_run(path):
            what = f"it is a run, and its stages lie beside it: name {path.parent}"
        raise UserError(f"{path}: is no folder of runs: {what}")


@dataclass(frozen=True)
class RunFolder:
    """``OUT/<study>-<profile>``; its stages lie in ``OUT/stages``."""

    path: Path

    @property
    def store(self) -> StageStore:
        """The stages that this and other runs in the same OUT share."""
        return StageStore(self.path.parent / "stages")

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Return the run folder at ``path``; its stages are checked anew.

        Raises:
            UserError: there is none.
        """
        forget_checks()
        if not any((path / name).exists() for name in (STUDY, DONE)):
            raise UserError(f"{path}: not a run folder; {_runs_near(path)}")
        return cls(path)

    def study(self) -> dict[str, Any] | None:
        """Return the resolved study, None where it has not been written.

        Where it is damaged, that of the copy in ``done``, which is told.

        Raises:
            UserError: it is damaged, and there is no copy.
        """
        text = self._study_text()
        if text is None:
            return None
        try:
            study = from_yaml(text)
        except Exception:  # what a damaged file holds may be any YAML, or none
            study = None
        if not isinstance(study, dict):
            raise UserError(
                f"{self.path / STUDY}: is damaged; put it back, or remove {self.path}: 'nearfar"
                " run' then makes it anew, with the stages that are there"
            )
        return study

    def _study_text(self) -> str | None:
        """Return the text of ``study.yaml``, or of its copy where the file is not what it was."""
        file, sealed = self.path / STUDY, self._sealed()
        copy = sealed.copies.get(STUDY)
        if copy is not None:
            try:
                check_files(self.path, Seal(files={STUDY: (sealed.files or {})[STUDY]}), deep=True)
            except (Damaged, KeyError) as wrong:
                _tell_once(f"{self.path}: {wrong}: taken from the copy in {DONE}")
                return copy
        try:
            return file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            return ""

    def _sealed(self) -> Seal:
        """Return what ``done`` says; it vouches for nothing where it is not there, or damaged."""
        try:
            return read_seal(self.path)
        except (FileNotFoundError, Damaged):
            return Seal()

    def state(self) -> str:
        """Return what changes when somebody adds to the run; empty where there is no study yet.

        Of its study, and of the plan and the table that say what came of it: another command that
        was asked for more wrote the study before it trained, and these when it had.
        """
        text = self._study_text()
        if text is None:
            return ""
        digest = hashlib.sha256(text.encode())
        for name in ("plan.json", STAGES):
            with contextlib.suppress(OSError):
                digest.update(hashlib.sha256((self.path / name).read_bytes()).digest())
        return digest.hexdigest()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Hold the run's lock: nobody else adds to it meanwhile; wait for it, which is told.

        Where this process holds it already, nothing is waited for.
        """
        place = self.path.resolve()
        if place in _worked_on:
            yield
            return
        self.path.mkdir(parents=True, exist_ok=True)
        tell_of_local_locks(self.path)

        def waiting(holder: str) -> None:
            tell(f"{self.path}: another nearfar works on this run ({holder}): waiting for its end")

        with held(self.path / ".run.lock", waiting=waiting):
            remove_left(self.path)
            _worked_on.add(place)
            try:
                yield
            finally:
                _worked_on.discard(place)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Hold a short lock while files of the run are written; then ``done`` says what they are.

        Until then there is no ``done``, as the files are not of one state.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with held(self.path / ".write.lock", waiting=lambda holder: None):
            (self.path / DONE).unlink(missing_ok=True)
            yield
            seal(self.path, copied=[STUDY])

    def damaged(self) -> dict[str, str]:
        """Return what is wrong with files of the run, by name; all of them are read."""
        try:
            sealed = read_seal(self.path)
            if sealed.files is None:  # of a run there never was a `done` without digests
                return {DONE: "is damaged"}
            return dict(differences(self.path, sealed, deep=True))
        except FileNotFoundError:
            return {}
        except Damaged:
            return {DONE: "is damaged"}

    def mend(self, made: frozenset[str] = MADE_BY_REPORT) -> None:
        """Tell of damaged files that are ``made`` anew, or thrown away; refuse others.

        Raises:
            UserError: a file is damaged that is not made anew.
        """
        for name, wrong in self.damaged().items():
            if name == "embeddings.npz":
                (self.path / name).unlink(missing_ok=True)
            elif name not in made | {STUDY, DONE}:
                raise self._damaged(name)
            if name != STUDY:
                tell(f"{self.path / name} {wrong}: it is made anew")
        if (study := self.study()) is not None and STUDY in self.damaged():
            with self.writing():
                self.write_study(study)

    def check(self, name: str) -> None:
        """Compare a file with its digest, if there is one.

        Raises:
            UserError: it is damaged.
        """
        files = self._sealed().files or {}
        if name in files:
            try:
                check_files(self.path, Seal(files={name: files[name]}), deep=True)
            except Damaged:
                raise self._damaged(name) from None

    def stage_rows(self) -> list[StageRow]:
        """Read ``stages.csv``; empty where there is none.

        Raises:
            UserError: it is damaged.
        """
        self.check(STAGES)
        try:
            return read_stages(self.path / STAGES)
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, KeyError):
            raise self._damaged(STAGES) from None

    def hashes(self) -> set[str]:
        """Return the stages that the run refers to, by its table and its plan.

        Raises:
            UserError: both are damaged, or one is and the other is not there.
        """
        found: set[str] = set()
        wrong: UserError | None = None
        for read in (self._hashes_in_table, self._hashes_in_plan):
            try:
                found |= read()
            except UserError as error:
                wrong = error
        if wrong is not None and not found:
            raise wrong
        return found

    def _hashes_in_table(self) -> set[str]:
        return {row.hash for row in self.stage_rows()}

    def _hashes_in_plan(self) -> set[str]:
        if not (self.path / "plan.json").exists():
            return set()
        return {planned.hash for cell in self.plan().cells for planned in cell.chain}

    def write_study(self, study: dict[str, Any]) -> None:
        """Write the resolved study."""
        write_atomically(self.path / STUDY, to_yaml(study))

    def plan(self) -> RunPlan:
        """Return what the run consists of.

        Raises:
            UserError: it does not say so, or what it says is damaged.
        """
        plain = self.read_json("plan.json")
        if not plain:
            raise UserError(
                f"{self.path}: has no plan.json; the command that made this run writes it"
            )
        try:
            return RunPlan.from_plain(plain)
        except (KeyError, TypeError, AttributeError):
            raise self._damaged("plan.json") from None

    def write_plan(self, plan: RunPlan) -> None:
        """Write what the run consists of."""
        self.write_json("plan.json", plan.to_plain())

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        """Write ``summary.json``, ``plan.json``, ``provenance.json`` or ``inputs.json``."""
        text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
        write_atomically(self.path / name, text + "\n")

    def read_json(self, name: str) -> dict[str, Any]:
        """Read what ``write_json`` wrote; empty where there is no such file.

        Raises:
            UserError: the file is damaged.
        """
        file = self.path / name
        if not file.exists():
            return {}
        self.check(name)
        try:
            value = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            raise self._damaged(name) from None
        if not isinstance(value, dict):
            raise self._damaged(name)
        return value

    def _damaged(self, name: str) -> UserError:
        remedy = "'nearfar run' of the study writes it"
        if name in MADE_BY_REPORT:
            remedy = f"'nearfar report {quote(str(self.path))}' makes it anew"
        return UserError(f"{self.path / name}: is damaged; {remedy}")

    def write_samples(self, columns: dict[str, list[Any]]) -> None:
        """Write ``samples.parquet``: what a page shows of every row, in the data set's order."""
        write_samples(self.path, columns)


def _tell_once(line: str) -> None:
    if line not in _told:
        _told.add(line)
        tell(line)
