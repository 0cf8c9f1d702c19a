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
    """One point of a search: ``values`` are its validation metrics, empty unless it is done."""

    labels: Mapping[str, str]
    status: str
    values: Mapping[str, float]
    epochs: int
    seconds: float

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


@dataclass(frozen=True)
class Choice:
    """What was chosen for an arm and these seeds, or that it is not known yet (``chosen`` None).

    ``fallback`` says that a better point diverged on the final budget; ``reason`` which. ``epochs``
    and ``seconds`` are what the search cost beside the stages that the chosen point uses too.
    ``space`` are the axes, by name, where points were proposed one after the other.
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
            "points": [
                {
                    "labels": dict(tried.labels),
                    "values": dict(tried.values),
                    "status": tried.status,
                    "epochs": tried.epochs,
                    "seconds": round(tried.seconds, 3),
                }
                for tried in self.tries
            ],
            "chosen": None if self.chosen is None else dict(self.chosen),
            "fallback": self.fallback,
            "reason": self.reason,
            "epochs": self.epochs,
            "seconds": round(self.seconds, 3),
            **({"space": dict(self.space)} if self.space else {}),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Choice":
        """Return the choice that ``to_plain`` described."""
        tries = [
            Try(*(point[key] for key in ("labels", "status", "values", "epochs", "seconds")))
            for point in plain["points"]
        ]
        kept = {key: value for key, value in plain.items() if key not in {"axes", "points"}}
        return cls(**{**kept, "seeds": tuple(plain["seeds"]), "tries": tuple(tries)})


def ranked(tries: Sequence[Try], metric: str) -> list[int]:
    """Return the places of the points that are done, best first; of equals, the one named first."""
    sign = 1 if METRICS[metric].better == "lower" else -1
    done = [k for k, tried in enumerate(tries) if metric in tried.values]
    return sorted(done, key=lambda k: sign * tries[k].values[metric])


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
