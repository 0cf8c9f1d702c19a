"""What a run found, for programs and notebooks: ``nearfar.Result``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearfar.errors import UserError, nearest
from nearfar.records import SEARCH, read_results
from nearfar.records.places import path_of
from nearfar.records.run import RunFolder
from nearfar.records.splits import read_splits
from nearfar.report import documents
from nearfar.report.load import comparison_of, metric_of, read_run, recommended, within

if TYPE_CHECKING:
    import pandas as pd

    from nearfar.models.estimator import Estimator
    from nearfar.report.load import Run

_OF_COMPARISON = ("difference", "low", "high", "p_holm", "p_better", "p_same", "p_worse")


class Result:
    """What a run found. Nothing is read before it is asked for, and nothing is trained.

    Made by :func:`nearfar.run`, :func:`nearfar.compare` and :func:`nearfar.load_run`. The numbers
    are those of ``report.html`` in the run's folder, :attr:`path`; ``z`` is the unit of targets
    scaled to mean 0 and deviation 1 over the training rows.

    Example::

        result = nearfar.load_run("runs/mine-quick")
        print(result.answer)
        result.table[["arm", "mean", "low", "high", "verdict"]]
        result.model().predict(rows)
    """

    def __init__(self, path: Path, told: Sequence[str] = ()) -> None:
        self.path = Path(path)
        self._told = list(told)

    @cached_property
    def _run(self) -> Run:
        return read_run(self.path)

    @property
    def summary(self) -> dict[str, Any]:
        """``summary.json`` of the run: means, comparisons, claims, choices."""
        return self._run.summary

    @property
    def answer(self) -> str:
        """What to use, and one or two sentences that answer the study's question."""
        return str(self.summary.get("answer") or "")

    @property
    def notes(self) -> list[str]:
        """What a reader of the numbers should know: budgets, divergence, rare classes.

        Of :func:`nearfar.compare` also what to be careful of in the data, which comes first.
        """
        notes = [str(note) for note in self.summary.get("notes") or []]
        known = "\n".join(notes).casefold()
        told = [
            fact for fact in self._told if fact.removeprefix("careful: ").casefold() not in known
        ]
        return [*told, *notes]

    @property
    def winner(self) -> str | None:
        """The arm that the run recommends; None where only controls have a mean."""
        advice = self.summary.get("recommended") or {}
        return str(advice["arm"]) if advice.get("arm") else None

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for every arm (and condition): its primary metric on test rows, and its verdict.

        Columns: ``arm``, ``condition``, ``group``, ``status``, ``target``, ``metric``, ``unit``,
        ``mean``, ``std`` (sample deviation over seeds), ``n`` (seeds), ``low`` and ``high`` (95%
        interval of the mean, which ends where the metric does), ``own_unit`` and ``own_mean`` (in
        the target's own unit), ``against``, ``difference``, ``difference_low``,
        ``difference_high``, ``p_holm``, ``p_better``, ``p_same``, ``p_worse``, ``verdict``,
        ``use``, ``epochs``, ``steps``,
        ``seconds`` and ``parameters`` (means over seeds of the whole chain). What was not measured
        is missing.
        """
        import pandas as pd

        arms = sorted(self.summary["arms"], key=lambda arm: arm.get("order", 0))
        return pd.DataFrame([self._line(arm) for arm in arms])

    def _line(self, arm: Mapping[str, Any]) -> dict[str, Any]:
        metric, scaled = self.summary["metric"], self.summary.get("unit") == "z"
        entry = metric_of(arm, "test", metric, scaled=scaled) or {}
        own = metric_of(arm, "test", metric, scaled=False) or {}
        comparison = comparison_of(self._run, arm) or {}
        told = {key: comparison.get(key) for key in _OF_COMPARISON}
        interval = {f"difference_{key}": told.pop(key) for key in ("low", "high")}
        budget = arm.get("budget") or {}
        return {
            "arm": arm["arm"],
            **{key: arm.get(key) for key in ("condition", "group", "status")},
            "target": self._run.target_of(arm),
            "metric": metric,
            "unit": self.summary.get("unit"),
            **{key: entry.get(key) for key in ("mean", "std", "n", "low", "high")},
            "own_unit": own.get("unit"),
            "own_mean": own.get("mean"),
            "against": comparison.get("against"),
            "difference": told.pop("difference"),
            **interval,
            **told,
            "verdict": comparison.get("verdict"),
            "use": recommended(self._run, arm),
            **{key: budget.get(key) for key in ("epochs", "steps", "seconds", "parameters")},
        }

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """A row for every metric of every arm and condition: ``mean``, ``std``, ``n``, interval."""
        import pandas as pd

        own = ("split", "target", "metric", "unit", "mean", "std", "n", "low", "high")
        rows = [
            {"arm": arm["arm"], "condition": arm.get("condition"), **{k: m.get(k) for k in own}}
            for arm in self.summary["arms"]
            for m in map(within, arm.get("metrics") or [])
        ]
        return pd.DataFrame(rows, columns=["arm", "condition", *own])

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """A row for every comparison of an arm with what it is compared with.

        Columns as ``comparisons`` of ``summary.json`` (docs/architecture.md): ``arm``, ``against``,
        ``condition``, ``target``, ``metric``, ``unit``, ``n``, ``family``, ``difference`` (arm
        minus ``against``), ``low``, ``high``, ``p``, ``p_holm``, the chances ``p_better``,
        ``p_same``, ``p_worse``, ``margin``, ``verdict``, ``reason``, ``bound`` and others.
        """
        import pandas as pd

        plain = [
            {key: value for key, value in entry.items() if not isinstance(value, dict)}
            for entry in self.summary.get("comparisons") or []
        ]
        return pd.DataFrame(plain)

    @cached_property
    def results(self) -> pd.DataFrame:
        """Every single number: arm, seed, condition, split, target, metric, unit, value, stage."""
        import pandas as pd

        return pd.DataFrame([vars(row) for row in read_results(self.path / "results.csv")])

    @cached_property
    def splits(self) -> pd.DataFrame:
        """``id``, ``seed`` and ``part`` of every row in every finished training.

        ``id`` is the number of the row in its source, from 1; parts are train, validation, test and
        ``left out``. Where rows have names, such as files of images, ``name`` stands behind ``id``.

        Raises:
            UserError: no training is finished.
        """
        import pandas as pd

        return pd.DataFrame(read_splits(self.path))

    @property
    def failures(self) -> dict[str, str]:
        """Why arms have no numbers: arm → the reason of its first stage that failed or diverged.

        Raises:
            UserError: the table of stages is damaged.
        """
        found: dict[str, str] = {}
        for row in RunFolder(self.path).stage_rows():
            if row.status in {"failed", "diverged"} and not row.stage.startswith(SEARCH):
                found.setdefault(row.arm, f"{row.status}: {row.reason}")
        return found

    @property
    def report(self) -> Path:
        """The page of the run, one HTML file that works offline."""
        return self.path / "report.html"

    def model(
        self,
        arm: str | None = None,
        *,
        seed: int | None = None,
        device: str = "cpu",
        modules: bool = False,
    ) -> Estimator:
        """Return what the run recommends as an estimator that predicts, as ``nearfar.load`` does.

        Its predictions are the means over the seeds' models, in the target's own unit. They are
        those that ``nearfar predict`` writes; ``save`` keeps it in a folder of its own.

        Args:
            arm: another arm, by its name in :attr:`table`, with its condition if there are any:
                ``MoCo · labels=0.1``.
            seed: one seed's model alone.
            device: ``cpu``, ``cuda`` or ``auto``, where it is to compute.
            modules: whether modules of your own that the study names may be imported: code.

        Raises:
            UserError: no such arm or seed, an arm that failed or diverged, or models that are not
                there any more.

        Example::

            model = nearfar.compare(table.drop(columns="price"), table["price"]).model()
            model.predict(new_table), model.predict_interval(new_table)
        """
        from nearfar.models import FinishedModel
        from nearfar.models.estimator import Estimator
        from nearfar.train.device import pick_device

        try:
            found = FinishedModel.from_run(self.path, arm, seed=seed, modules=modules)
            return Estimator(found, pick_device(device))
        except UserError as error:
            raise UserError(_in_python(str(error))) from None

    def to_markdown(self) -> str:
        """Return the table and the answer in GitHub's Markdown, all texts escaped.

        Numbers are means over seeds in the unit that the heading names.
        """
        return documents.to_markdown(self.path)

    def to_latex(self) -> str:
        """Return the table in LaTeX, for the package booktabs, all texts escaped.

        Numbers are means over seeds in the unit that the heading names.
        """
        return documents.to_latex(self.path)

    def arm(self, name: str) -> pd.Series[Any]:
        """Return the row of :attr:`table` of one arm.

        Raises:
            UserError: no arm has this name.
        """
        rows = self.table[self.table["arm"] == name]
        if rows.empty:
            raise UserError(f"no arm is called {name!r}; {nearest(name, self.table['arm'])}")
        return rows.iloc[0]

    def __repr__(self) -> str:
        failed = f", failed: {', '.join(self.failures)}" if self.failures else ""
        return f"<nearfar.Result {self.path}: {self.answer or 'no answer'}{failed}>"

    def _repr_html_(self) -> str:
        return documents.to_html(self.path)


def _in_python(message: str) -> str:
    """Return a message of ``nearfar predict`` as it reads where options are arguments."""
    said = message.removeprefix("--").replace(
        "predict imports them with --modules", "modules=True imports them"
    )
    return said.replace("name one with --arm", "name one with arm=").replace("--seed", "seed=")


def load_run(path: str | Path) -> Result:
    """Return what a run found, from its folder: nothing is trained, no data are read.

    Args:
        path: a run folder, ``OUT/<study>-<profile>``.

    Raises:
        UserError: there is no finished run.

    Example::

        nearfar.load_run("runs/mine-quick").answer
    """
    place = path_of(path, "run")
    if (place / "config.json").is_file() and not (place / "study.yaml").is_file():
        raise UserError(f"{path}: is a model and no run: nearfar.load({str(path)!r}) reads it")
    folder = RunFolder.open(place).path
    read_run(folder)
    return Result(folder)
