"""MLflow: a run for each arm, and below it one for each seed and condition."""

import logging
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field

from nearfar.track.base import NotSent, TrackedRun, Tracker, kept_id
from nearfar.track.tensorboard import flat

URI_FROM = "MLFLOW_TRACKING_URI"
KEY = "nearfar.key"
PARENT = "mlflow.parentRunId"
"""MLflow's own tag, by which its page shows runs below others."""
MOST_METRICS, MOST_PARAMETERS, LONGEST = 1000, 100, 500
LONGEST_NAME = 240
"""What MLflow's servers take at once, and of a parameter's value."""


class MLflow(Tracker):
    """Log runs to MLflow: where ``MLFLOW_TRACKING_URI`` says, else to ``track/mlflow/mlflow.db``.

    An arm is a run, and its seeds (under each condition) are runs below it. The arm's run has the
    means over its seeds where there are no conditions. A run that is sent again replaces itself.

    Args:
        folder: where to keep files.
        experiment: the experiment of the runs.
    """

    package = "mlflow"
    start_seconds = 90.0

    def __init__(
        self,
        folder: Any,
        *,
        experiment: Annotated[str, Field(min_length=1, max_length=250)] = "nearfar",
    ) -> None:
        super().__init__(folder)
        self.experiment = experiment

    @property
    def uri(self) -> str:
        """Where runs are logged to; it may hold a password."""
        return os.environ.get(URI_FROM) or _sqlite(self._database)

    @property
    def _database(self) -> Path:
        return Path(self.folder).resolve() / "mlflow.db"

    def load(self) -> None:
        """See ``Tracker.load``: MLflow imports pandas and polars."""
        # MLflow would tell its makers that it is used.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        # Of its seven trials, each after twice the time, the last would be after two minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        import mlflow.tracking  # noqa: F401

        # And the terminal that it makes tables; its import has set the levels of its loggers.
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)

    def send(self, message: Any) -> None:
        """Log one run, whole, below that of its arm.

        Raises:
            NotSent: it did not work out; says why without the address.
        """
        self.load()
        from mlflow.tracking import MlflowClient

        try:
            self._make_database()
            self._log(MlflowClient(tracking_uri=self.uri), message)
        except Exception as error:  # of MLflow, of its database, of the network
            said = f"{type(error).__name__}: {self._without_secrets(error)}"
            own = "" if os.environ.get(URI_FROM) else f" (without {self.folder} all is sent anew)"
            raise NotSent(said + own) from None

    def _make_database(self) -> None:
        """Make the database of the run folder: whole or not at all, as it takes seconds."""
        if os.environ.get(URI_FROM) or self._database.exists():
            return
        from mlflow.tracking import MlflowClient

        self._database.parent.mkdir(parents=True, exist_ok=True)
        # MLflow keeps what it knows of a database by its name: each trial has its own.
        beside = self._database.with_name(f".mlflow-{secrets.token_hex(4)}.db")
        try:
            MlflowClient(tracking_uri=_sqlite(beside)).search_experiments(max_results=1)
            beside.replace(self._database)
        finally:
            beside.unlink(missing_ok=True)

    def _without_secrets(self, error: Exception) -> str:
        """Return the first line of an error, without the address, which may hold a password."""
        said, parts = str(error).split("\n", 1)[0], urlsplit(self.uri)
        for secret in filter(None, (self.uri, parts.netloc, parts.password)):
            said = said.replace(secret, "…")
        return said[:200]

    def _log(self, client: Any, run: TrackedRun) -> None:
        experiment = self._experiment(client)
        arm = f"{run.study}-{run.profile} · {run.arm}"
        about = {"study": run.study, "profile": run.profile, "group": run.group, "arm": run.arm}
        parent = self._parent(client, experiment, arm, about)
        key = kept_id(self.folder, run.name)
        for left in _runs(client, experiment, key):
            client.delete_run(left.info.run_id)
        tags = {KEY: key, PARENT: parent, "status": run.status, **about, **_place(run)}
        run_id = client.create_run(experiment, tags=tags, run_name=run.name).info.run_id
        try:
            _log_parameters(client, run_id, run.config)
            _log_metrics(client, run_id, _points(run))
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id, "FINISHED" if run.status == "done" else "FAILED")
        _log_means(client, experiment, parent)

    def _experiment(self, client: Any) -> str:
        """Return the id of the experiment, which is made where there is none."""
        from mlflow.exceptions import MlflowException

        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            own = not os.environ.get(URI_FROM)
            place = (Path(self.folder).resolve() / "artifacts").as_uri() if own else None
            try:
                return str(client.create_experiment(self.experiment, artifact_location=place))
            except MlflowException:  # another process was sooner
                found = client.get_experiment_by_name(self.experiment)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _parent(self, client: Any, experiment: str, name: str, about: Mapping[str, str]) -> str:
        """Return the id of the arm's run, which is made where there is none."""
        key = kept_id(self.folder, name)
        for found in _runs(client, experiment, key):
            return str(found.info.run_id)
        tags = {KEY: key, **about}
        run_id = str(client.create_run(experiment, tags=tags, run_name=name).info.run_id)
        _log_parameters(client, run_id, about)
        return run_id


def _sqlite(path: Path) -> str:
    return f"sqlite:///{path}"


def _place(run: TrackedRun) -> dict[str, str]:
    found = {"seed": str(run.seed), "condition": run.condition, "search": run.search}
    return {name: value for name, value in found.items() if value}


def _runs(client: Any, experiment: str, key: str) -> list[Any]:
    return list(client.search_runs([experiment], f"tags.`{KEY}` = '{key}'"))


def _named(name: str) -> str:
    """Return a name that MLflow takes: of its characters, and a path without detours."""
    parts = re.sub(r"[^\w\-. /]", "_", name)[:LONGEST_NAME].split("/")
    return "/".join("_" * max(1, len(part)) if part in ("", ".", "..") else part for part in parts)


def _names(given: Iterable[str]) -> dict[str, str]:
    """Return a name that MLflow takes for each, equal ones with a number behind them."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(given):
        own, number = _named(name), 2
        while own in taken:
            own, number = f"{_named(name)}_{number}", number + 1
        taken.add(own)
        found[name] = own
    return found


def _points(run: TrackedRun) -> Iterator[tuple[str, float, int]]:
    """Yield (name, value, step): curves, then the final numbers."""
    for stage in run.stages:
        for step, split, metric, value in stage.points:
            yield f"{stage.place}/{split}/{metric}", value, step
    for name, value in run.summary.items():
        yield name, value, 0


def _log_metrics(client: Any, run_id: str, points: Iterator[tuple[str, float, int]]) -> None:
    from time import time

    from mlflow.entities import Metric

    now = int(time() * 1000)
    numbers = list(points)
    names = _names(name for name, _, _ in numbers)
    found = [Metric(names[name], float(value), now, step) for name, value, step in numbers]
    for begin in range(0, len(found), MOST_METRICS):
        client.log_batch(run_id, metrics=found[begin : begin + MOST_METRICS])


def _log_parameters(client: Any, run_id: str, settings: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    given = dict(flat(dict(settings)))
    names = _names(given)
    found = [Param(names[name], str(value)[:LONGEST]) for name, value in given.items()]
    for begin in range(0, len(found), MOST_PARAMETERS):
        client.log_batch(run_id, params=found[begin : begin + MOST_PARAMETERS])


def _is_final(name: str) -> bool:
    """Return whether a metric is a final number: curves stand under the name of their stage."""
    return "/" not in name or name.split("/")[0] in ("train", "validation", "test")


def _log_means(client: Any, experiment: str, parent: str) -> None:
    """Give an arm's run the means over its seeds, where these are under no condition."""
    below = client.search_runs([experiment], f"tags.`{PARENT}` = '{parent}'")
    counted = [run for run in below if not {"condition", "search"} & run.data.tags.keys()]
    done = [run for run in counted if run.info.status == "FINISHED"]
    client.set_tag(parent, "seeds", str(len(counted)))
    if not done or len(done) < len(counted):
        client.set_terminated(parent, "FINISHED" if done else "FAILED")
        return
    names = set.intersection(*(set(run.data.metrics) for run in done))
    means = {name: sum(run.data.metrics[name] for run in done) / len(done) for name in names}
    final = (item for item in sorted(means.items()) if _is_final(item[0]))
    _log_metrics(client, parent, ((name, value, len(done)) for name, value in final))
    client.set_terminated(parent, "FINISHED")
