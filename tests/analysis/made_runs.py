"""Runs made up number by number."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from given_scores import GivenScores
from numpy.typing import NDArray

from nearfar.analysis.summary import summarise
from nearfar.analysis.variance import Tested
from nearfar.records import Record, StageRow

ROWS = {"train": 902, "validation": 113, "test": 113}
STD = 2.0  # own unit per z unit
BASE = [0.260, 0.255, 0.241, 0.246, 0.280, 0.262, 0.251, 0.239, 0.248, 0.271]
LOST = None
EASE = {"test": 1.0, "validation": 0.9, "train": 0.5}  # of the test value


def shifted(by: float, noise: float, seeds: int = 10) -> list[float]:
    """The baseline's values moved by ``by`` of them, with noise of mean 0 on the difference."""
    steps = np.linspace(-1, 1, seeds)[[(3 * i) % seeds for i in range(seeds)]]
    return [b * (1 + by) + noise * float(s) for b, s in zip(BASE, steps, strict=False)]


class MadeRun:
    """Collects arms of a study that never ran."""

    def __init__(
        self, metric: str = "mae", *, resplit: bool = True, folds: int = 0, **study: Any
    ) -> None:
        self.study: dict[str, Any] = {
            "study": "made",
            "title": "Made up",
            "question": "Does pre-training help?",
            "metric": metric,
            "baseline": "L1",
            "split": {"resplit": resplit, "folds": folds},
            "arms": {},
            **study,
        }
        self.records: list[Record] = []
        self.stages: list[StageRow] = []

    def arm(
        self,
        name: str,
        values: Sequence[float | None],
        *,
        group: str = "own",
        against: str | None = None,
        pretrained: bool = False,
        condition: str = "",
        target: str = "y",
        status: str = "diverged",
        others: Mapping[str, Sequence[float]] | None = None,
        twin_of: str = "",
        brings_weights: bool = False,
        seconds: float = 4.0,
    ) -> "MadeRun":
        """Add an arm: its primary test values by seed, None for a seed that ended in ``status``.

        Its stages are those of ``twin_of``, where that is given; a fit takes ``seconds``.
        """
        self.study["arms"][name] = {
            "group": group,
            "against": against,
            "pretrained": brings_weights,
        }
        numbers = {self.study["metric"]: values, **(others or {})}
        for seed, value in enumerate(values):
            ended = "done" if value is not None else status
            reason = "" if value is not None else "the loss became infinite"
            for stage in ["pretrain:rnc", "fit"] if pretrained else ["fit"]:
                at = "done" if stage != "fit" else ended
                cost = (100, 700, 10.0, 5000) if stage != "fit" else (50, 400, seconds, 201)
                why = reason if at != "done" else ""
                shared = "p" if stage != "fit" else f"f-{twin_of or name}-{condition}"
                row = (name, seed, condition, stage, f"{shared}{seed}", at, why, *cost, "cpu")
                self.stages.append(StageRow(*row))
            for metric, by_seed in numbers.items():
                number = by_seed[seed]
                if value is None or number is None:
                    continue
                for split, ease in EASE.items():
                    for unit, scale in (("z", 1.0), ("log mol/L", STD)):
                        key = (name, seed, condition, split, target, metric, unit)
                        self.records.append(Record(*key, number * ease * scale, f"f{seed}"))
        return self

    def scores(self, n_rows: int = 120, spread: float = 0.02, noise: float = 0.05) -> GivenScores:
        """Row scores whose means are the values, by the study's own split.

        Seed s tests fold s of ``folds``, later seeds those of other permutations; re-splits test a
        tenth of the rows, a fixed split the first 40. A score is the value + a row's effect on the
        arm, of standard deviation ``spread``, + ``noise`` that each training draws, both centred.
        """
        tested = _tested_rows(self.study["split"], n_rows)
        draw = np.random.default_rng(1)
        effects: dict[str, Any] = {}
        found: dict[tuple[str, str, str], dict[int, Tested]] = {}
        for r in self.records:
            if (r.split, r.metric, r.unit) != ("test", self.study["metric"], "z"):
                continue
            if r.arm not in effects:
                effects[r.arm] = draw.normal(0, spread, n_rows)
            rows = tested(r.seed)
            off = effects[r.arm][rows] + draw.normal(0, noise, len(rows))
            place = found.setdefault((r.arm, r.condition, r.target), {})
            place[r.seed] = Tested(rows, r.value + off - off.mean())
        return GivenScores(n_rows, found, metric=self.study["metric"])

    def summary(self, profile: str = "full", **more: Any) -> dict[str, Any]:
        """Summarise what was collected."""
        given = {"profile": profile, "kind": "molecule", "rows": ROWS, **more}
        return summarise(self.study, self.records, self.stages, **given)


def _tested_rows(split: Mapping[str, Any], n_rows: int) -> Callable[[int], NDArray[np.int64]]:
    """Seed → the rows that it tests, ascending."""
    folds: int = split["folds"]

    def rows(seed: int) -> NDArray[np.int64]:
        if not split["resplit"]:
            return np.arange(40)
        if not folds:
            return np.sort(np.random.default_rng(seed).permutation(n_rows)[: n_rows // 10])
        turn = np.random.default_rng(seed // folds).permutation(n_rows)
        return np.sort(np.array_split(turn, folds)[seed % folds])

    return rows


def pretrained(run: MadeRun, name: str, by: float, noise: float, seeds: int = 10) -> MadeRun:
    """Add a pre-trained arm that is ``by`` off the baseline on average."""
    return run.arm(name, shifted(by, noise, seeds), group="published", pretrained=True)


def esol() -> MadeRun:
    """L1 and a pre-trained arm, with published numbers and a claim."""
    run = MadeRun(
        published=[
            {
                "arm": "L1",
                "provenance": "one unseeded split",
                "unit": "z",
                "test": {"mae": 0.247, "rmse": 0.326},
                "validation": {"mae": 0.224},
            }
        ],
        claims=[{"claim": "RnC beats L1", "arms": ["RnC"], "expect": "better"}],
    )
    run.arm("L1", BASE, group="published", others={"rmse": [1.3 * v for v in BASE]})
    return pretrained(run, "RnC", 0.1, 0.01)


def verdicts(summary: dict[str, Any]) -> dict[str, str]:
    """Arm → verdict."""
    return {c["arm"]: c["verdict"] for c in summary["comparisons"]}
