"""By which metric a point is chosen, where the study's own has no value on validation rows."""

from collections.abc import Callable, Mapping, Sequence

from nearfar.metrics import METRICS, label_of
from nearfar.plan.proposals import Space, Values, proposed
from nearfar.plan.search import Choice, Try

STAND_INS = ("nll", "accuracy", "rmse", "mae", "sse")
"""What decides among points of which none has a value of the metric: the first that is there."""


def deciding(tries: Sequence[Try], metric: str) -> str:
    """Return the metric that decides among points: the study's ``metric``, or what stands for it.

    That is another one where all ``tries`` have ended and none has a value of it, as no point has
    an AUROC on validation rows of one class.
    """
    lacking = [tried for tried in tries if tried.lacks(metric)]
    if not lacking or any(not (t.lacks(metric) or t.status == "diverged") for t in tries):
        return metric
    known = {name for tried in lacking for name in tried.values}
    return next((name for name in STAND_INS if name in known), metric)


def decided(
    space: Space, seed: int, metric: str, tried: Callable[[Values, int], Try]
) -> tuple[str, str]:
    """Return what decides among the points of a search, and why it is not the study's ``metric``.

    The points that are drawn first say so, which no outcome has a part in.
    """
    first: list[Try] = []

    def look(values: Values, number: int) -> None:
        first.append(tried(values, number))

    proposed(space, seed, METRICS[metric].better, look)
    found = deciding(first, metric)
    return found, stands_for(found, metric, f"the first {len(first)} points")


def stands_for(found: str, metric: str, points: str) -> str:
    """Say that another metric decides; empty where it is the study's."""
    if found == metric:
        return ""
    lacking = f"none of {points} has a value of {label_of(metric)} on the validation rows"
    return f"{lacking}, so {label_of(found)} decides"


def without_values(choice: Choice) -> str:
    """Say why the first point is taken where none can be ranked."""
    if all(tried.status == "diverged" for tried in choice.tries):
        return "every point diverged"
    return f"no point has a value of {label_of(choice.metric)} on the validation rows"


def trainings(
    space: Space, trained: Mapping[str, set[int]], tries: Sequence[Try]
) -> dict[str, float]:
    """Return what several seeds of a point cost and what giving points up saved."""
    if space.seeds == 1:
        return {}
    saved = sum(space.seeds - len(tried.each) for tried in tries if tried.status == "pruned")
    done = sum(map(len, trained.values()))
    return {"seeds": space.seeds, "prune": space.prune, "done": done, "saved": saved}
