"""Which point of the ``choose`` axes an arm gets, by validation rows alone."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from nearfar.metrics import METRICS

Outcome = Mapping[str, Any]


@dataclass(frozen=True)
class Try:
    """One point of a search: ``values`` are its validation metrics, empty unless it is done.

    Of several trainings, with a seed each, these are means; ``each`` are the values of the metric
    that decides, a seed after the other. One that was ``pruned`` has not all its seeds, and one
    that came to no value of that metric with some seed has none of the later ones.
    """

    labels: Mapping[str, str]
    status: str
    values: Mapping[str, float]
    epochs: int
    seconds: float
    each: tuple[float, ...] = ()

    @classmethod
    def of(cls, labels: Mapping[str, str], chain: Sequence[Outcome | None]) -> "Try":
        """Return how a chain of stages came out; ``pending`` while one of them has not ended."""
        ended = [outcome for outcome in chain if outcome is not None]
        status = "pending" if len(ended) < len(chain) else str(ended[-1]["status"])
        return cls(
            labels,
            status,
            _validation(ended[-1]["metrics"]) if status == "done" else {},
            sum(int(outcome["epochs"]) for outcome in ended),
            sum(float(outcome["seconds"]) for outcome in ended),
        )

    @classmethod
    def over(cls, tries: Sequence["Try"], seeds: int, metric: str, *, pruned: bool) -> "Try":
        """Return what several trainings of a point, a seed each, come to together."""
        states = {tried.status for tried in tries}
        lacking = len(tries) < seeds and not any(tried.lacks(metric) for tried in tries)
        status = next((s for s in ("failed", "diverged", "pending") if s in states), "done")
        if status == "done" and lacking:
            status = "pruned" if pruned else "pending"
        known = [tried.values for tried in tries] if status in {"done", "pruned"} else []
        shared = set.intersection(*map(set, known)) if known else set()
        return cls(
            tries[0].labels,
            status,
            {m: fmean(v[m] for v in known) for m in tries[0].values if m in shared},
            sum(tried.epochs for tried in tries),
            sum(tried.seconds for tried in tries),
            tuple(tried.values[metric] for tried in tries if metric in tried.values),
        )

    def lacks(self, metric: str) -> bool:
        """Whether training ended well and the metric has no value on the validation rows.

        So it is with the rank correlation of equal predictions, whatever the rows are.
        """
        return self.status == "done" and metric not in self.values

    def to_plain(self) -> dict[str, Any]:
        """Return the point as ``summary.json`` has it."""
        return {
            "labels": dict(self.labels),
            "values": dict(self.values),
            "status": self.status,
            "epochs": self.epochs,
            "seconds": round(self.seconds, 3),
            **({"each": list(self.each)} if self.each else {}),
        }


@dataclass(frozen=True)
class Choice:
    """What was chosen for an arm and these seeds, or that it is not known yet (``chosen`` None).

    ``metric`` is what decides: the study's, or another one where that has no value, and ``reason``
    says so. ``fallback`` says that a better point diverged on the final budget; ``reason`` which.
    ``epochs`` and ``seconds`` are what the search cost beside the stages that the chosen point uses
    too. ``space`` are the axes, by name, where points were proposed one after the other,
    ``importance`` the share of each in how the metric varies. Where points were trained with
    several seeds, ``trainings`` says with how many ``seeds``, how many trainings were ``done`` and
    ``saved``, and below which p-value points were given up (``prune``).
    """

    arm: str
    condition: str
    seeds: tuple[int, ...]
    metric: str
    tries: tuple[Try, ...]
    chosen: Mapping[str, str] | None = None
    fallback: bool = False
    reason: str = ""
    epochs: int = 0
    seconds: float = 0.0
    space: Mapping[str, Any] = field(default_factory=dict)
    trainings: Mapping[str, float] = field(default_factory=dict)
    importance: Mapping[str, float] = field(default_factory=dict)

    def to_plain(self) -> dict[str, Any]:
        """Return the choice as ``summary.json`` has it."""
        axes: dict[str, list[str]] = defaultdict(list)
        for tried in self.tries:
            for axis, label in tried.labels.items():
                axes[axis] += [label] if label not in axes[axis] else []
        return {
            "arm": self.arm,
            "condition": self.condition,
            "seeds": list(self.seeds),
            "metric": self.metric,
            "axes": dict(axes),
            "points": [tried.to_plain() for tried in self.tries],
            "chosen": None if self.chosen is None else dict(self.chosen),
            "fallback": self.fallback,
            "reason": self.reason,
            "epochs": self.epochs,
            "seconds": round(self.seconds, 3),
            **({"space": dict(self.space)} if self.space else {}),
            **({"trainings": dict(self.trainings)} if self.trainings else {}),
            **({"importance": dict(self.importance)} if self.importance else {}),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Choice":
        """Return the choice that ``to_plain`` described."""
        tries = [
            Try(**{**point, "each": tuple(point.get("each", ()))}) for point in plain["points"]
        ]
        kept = {key: value for key, value in plain.items() if key not in {"axes", "points"}}
        return cls(**{**kept, "seeds": tuple(plain["seeds"]), "tries": tuple(tries)})


def ranked(tries: Sequence[Try], metric: str) -> list[int]:
    """Return the places of the points with a value, best first; of equals, the one named first.

    Behind them stand those that were given up before they were done.
    """
    sign = 1 if METRICS[metric].better == "lower" else -1
    done = [k for k, tried in enumerate(tries) if metric in tried.values]
    return sorted(done, key=lambda k: (tries[k].status == "pruned", sign * tries[k].values[metric]))


def point_name(labels: Mapping[str, str]) -> str:
    """Return ``hidden=64, optimizer=adam``."""
    return ", ".join(f"{axis}={label}" for axis, label in labels.items())


def _validation(metrics: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the validation metrics, mean over targets; of two units, the scaled one."""
    found: dict[str, list[float]] = defaultdict(list)
    for entry in metrics:
        if entry["split"] == "validation" and entry["unit"] in {"", "z"}:
            found[entry["metric"]].append(float(entry["value"]))
    return {metric: fmean(values) for metric, values in found.items()}
