"""A study that is resolved, whose data are read and whose stages are planned."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from nearfar.data import Dataset
from nearfar.errors import UserError
from nearfar.execution.rounds import Rounds
from nearfar.execution.search_storage import SearchStorage
from nearfar.execution.where import HERE, Where
from nearfar.plan.chain import ExternalEncoder, Step
from nearfar.plan.environment import Environment
from nearfar.plan.other_runs import OtherRuns
from nearfar.plan.plan import AskedFor, Plan, make_plan
from nearfar.records.run import RunFolder
from nearfar.study.load import Resolved


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line; ``budget`` is in seconds, and for rounds alone.

    ``seeds`` asks for the first so many, ``only_seeds`` for these alone. ``name`` is that of the
    run's folder, None for ``<study>-<profile>``, or the next one that is free. With ``no_modules``
    a study that names modules is refused. ``storage`` names where searches are kept as well.
    """

    study: str
    profile: str | None = None
    arms: list[str] | None = None
    seeds: int | None = None
    settings: tuple[str, ...] = ()
    out: Path = Path("runs")
    jobs: int | None = None
    device: str = "auto"
    track: tuple[str, ...] = ()
    until_decided: bool = False
    budget: float | None = None
    only_seeds: tuple[int, ...] = ()
    name: str | None = None
    no_modules: bool = False
    where: Where = HERE
    storage: str | None = None


@dataclass
class Prepared:
    """A study that is resolved, whose data are read and whose stages are planned.

    ``found`` is the state of the run folder that it goes on from.
    ``loading`` are the seconds that reading the data took.
    ``asked`` says which trainings were asked for; ``notes`` why its folder is called as it is.
    ``left`` are stages that failed before and are not asked for again, and why they did.
    """

    resolved: Resolved
    dataset: Dataset
    plan: Plan
    folder: RunFolder
    environment: Environment
    loading: float = 0.0
    rounds: Rounds | None = None
    asked: AskedFor | None = None
    notes: list[str] = field(default_factory=list)
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    found: str = ""
    where: Where = HERE
    storage: SearchStorage | None = None
    not_kept: str = ""

    @property
    def device(self) -> str:
        """cpu or cuda."""
        return self.environment.device

    @property
    def reasons(self) -> dict[str, str]:
        """Why stages failed, by their hashes."""
        now = {stage_hash: reason for stage_hash, (reason, _) in self.failures.items()}
        return {**self.left, **now}

    @property
    def missing(self) -> dict[str, Step]:
        """The stages that have still to be carried out."""
        store, left = self.folder.store, self.left
        steps = self.plan.steps.items()
        return {a: step for a, step in steps if a not in left and not store.is_done(a)}

    def keep_searches(self) -> None:
        """Keep in the storage, where one was named, which points of searches have ended.

        Where that fails, ``not_kept`` says why: nothing hangs on it, and the next time all is kept.
        """
        if self.storage is None:
            return
        facts = (self.dataset.digest, str(self.resolved.study.split), self.device)
        try:
            self.storage.keep(self.folder.path.name, self.plan.choices, *facts)
            self.not_kept = ""
        except UserError as error:
            self.not_kept = str(error)

    def guess(self) -> Plan:
        """Return the plan in which first points stand for those that are still to be chosen."""
        return self._planned(guess=True)

    def plan_on(self) -> bool:
        """Plan what follows from the choices that can be made now; return whether it is more."""
        before = set(self.plan.steps)
        self.plan = self._planned()
        return bool(set(self.plan.steps) - before)

    def _planned(self, *, guess: bool = False) -> Plan:
        outcome = self.folder.store.outcome
        given = (self.resolved, self.dataset.digest, self.environment, outcome)
        external = external_encoders(self.folder, self.resolved, self.dataset)
        asked = self.asked if self.rounds is None else self.rounds
        failed, files = set(self.reasons), self.dataset.file_contents
        return make_plan(
            *given, external=external, failed=failed, guess=guess, asked=asked, files=files
        )


def external_encoders(folder: RunFolder, resolved: Resolved, dataset: Dataset) -> ExternalEncoder:
    """Return where a run finds the encoders of other runs in the same folder."""
    return OtherRuns(folder.path.parent, resolved.study.profile, dataset)
