"""Searches kept in a storage of Optuna's as well: a journal file, or PostgreSQL.

A search is a function of its seed and of the run's stages, and nothing in a storage decides
anything: it gets the points in their order, each when all before it have ended. So a run that was
killed goes on there where it was, and the storage can be read meanwhile, by Optuna's dashboard too.
"""

import hashlib
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nearfar.errors import UserError
from nearfar.metrics import METRICS
from nearfar.plan.importance import trial_of
from nearfar.plan.search import Choice, Try
from nearfar.study.axis import Axis

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

POSTGRESQL = "postgresql"
DRIVERS = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary"}
"""Module of a driver of PostgreSQL → what installs it; of several the first is taken."""
KEY = "nearfar"
"""The attribute of a study in which it says which search it holds."""
_ENDED = ("done", "diverged", "pruned")


def without_password(text: str) -> str:
    """Return a text in which the passwords of addresses are dots."""
    return re.sub(r"(\w://[^/\s:@]*:)[^\s/]*@", r"\1…@", text)


class SearchStorage:
    """Where searches are kept as well; ``place`` is a file, or an address of PostgreSQL.

    Raises:
        UserError: there is no such kind of storage, or what it needs is not installed.
    """

    def __init__(self, place: str) -> None:
        self.place, self.shown = place, without_password(place) or "''"
        self._storage: BaseStorage | None = None
        if find_spec("optuna") is None:
            raise UserError(
                f"--storage {self.shown}: needs Optuna, which is not installed: "
                "pip install 'nearfar[optuna]'"
            )
        if "://" in place:
            self._check_address()
        else:
            self._check_file(Path(place))

    def _check_address(self) -> None:
        scheme, _, driver = urlsplit(self.place).scheme.partition("+")
        if scheme != POSTGRESQL:
            raise UserError(
                f"--storage {self.shown}: a file (Optuna's journal), or postgresql://USER@HOST/"
                "DATABASE is expected"
            )
        named = [driver] if driver else list(DRIVERS)
        found = next((name for name in named if find_spec(name) is not None), None)
        if found is None:
            raise UserError(
                f"--storage {self.shown}: needs {named[0]}, which is not installed: "
                f"pip install '{DRIVERS.get(named[0], named[0])}'"
            )
        self.place = f"{POSTGRESQL}+{found}://{self.place.partition('://')[2]}"

    def _check_file(self, path: Path) -> None:
        if not self.place.strip() or path.is_dir() or not path.absolute().parent.is_dir():
            raise UserError(
                f"--storage {self.shown}: a file in a folder that is there is expected, or "
                "postgresql://USER@HOST/DATABASE"
            )

    def open(self) -> None:
        """Open the storage, which is made where there is none.

        Raises:
            UserError: that fails.
        """
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with self._told():
            if "://" in self.place:
                self._storage = optuna.storages.RDBStorage(self.place)
            else:
                backend = optuna.storages.journal.JournalFileBackend(self.place)
                self._storage = optuna.storages.JournalStorage(backend)

    def keep(self, study: str, choices: Sequence[Choice], *facts: str) -> None:
        """Keep the points that have ended since; ``facts`` tell equal searches of others apart.

        Raises:
            UserError: the storage cannot be written, or has other points of this search.
        """
        for choice in choices:
            if choice.space and not _undecided(choice):
                with self._told():
                    self._keep_one(study, choice, facts)

    def _keep_one(self, study: str, choice: Choice, facts: Sequence[str]) -> None:
        import optuna

        seeds = choice.trainings.get("seeds", 1), choice.trainings.get("prune", 0.0)
        known = json.dumps([*facts, choice.space, choice.metric, *seeds], sort_keys=True)
        digest = hashlib.sha256(known.encode()).hexdigest()[:8]
        place = f"{choice.arm}, {choice.condition}" if choice.condition else choice.arm
        better = METRICS[choice.metric].better
        kept = optuna.create_study(
            storage=self._storage,
            study_name=f"{study}: {place}, seed {choice.seeds[0]} ({digest})",
            direction="minimize" if better == "lower" else "maximize",
            load_if_exists=True,
        )
        if KEY not in kept.user_attrs:
            kept.set_metric_names([choice.metric])
            kept.set_user_attr(KEY, {"arm": choice.arm, "condition": choice.condition})
        axes = {name: Axis.model_validate(axis) for name, axis in choice.space.items()}
        trials = kept.get_trials(deepcopy=False)
        for number, tried in enumerate(_ended(choice.tries)):
            trial = _trial(axes, tried, choice.metric)
            if number >= len(trials):
                kept.add_trial(trial)
            elif trials[number].params != trial.params:
                raise UserError(
                    f"--storage {self.shown}: point {number + 1} of {kept.study_name!r} is another "
                    "one there, by another version or another kind of processor: name another "
                    "storage"
                )
        if choice.chosen is not None and "chosen" not in kept.user_attrs:
            kept.set_user_attr("chosen", dict(choice.chosen))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Let what goes wrong in the storage be a line."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except UserError:
            raise
        except Exception as error:
            words = without_password(" ".join(str(error).split()))[:200] or type(error).__name__
            kind = "PostgreSQL" if "://" in self.place else "a file, or as a journal of Optuna's"
            raise UserError(f"--storage {self.shown}: cannot be used as {kind} ({words})") from None


def _undecided(choice: Choice) -> bool:
    """Whether points are done and none has a value of the metric, for which another may stand."""
    lacking = [tried for tried in choice.tries if tried.lacks(choice.metric)]
    return bool(lacking) and not any(choice.metric in tried.values for tried in choice.tries)


def _ended(tries: Sequence[Try]) -> Iterator[Try]:
    """Yield the points before the first that has not ended."""
    for tried in tries:
        if tried.status not in _ENDED:
            return
        yield tried


def _trial(axes: dict[str, Axis], tried: Try, metric: str) -> "FrozenTrial":
    from optuna.trial import TrialState

    states = {
        "done": TrialState.COMPLETE,
        "pruned": TrialState.PRUNED,
        "diverged": TrialState.FAIL,
    }
    state = TrialState.FAIL if tried.lacks(metric) else states[tried.status]
    known = {"epochs": tried.epochs, "seconds": round(tried.seconds, 3)}
    return trial_of(
        axes,
        tried.labels,
        state=state,
        value=tried.values[metric] if state is TrialState.COMPLETE else None,
        intermediate_values=dict(enumerate(tried.each)),
        user_attrs={**known, "metrics": dict(tried.values)},
    )
