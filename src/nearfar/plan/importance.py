"""Which axes of a search mattered: the share of each in how the metric varies, by fANOVA."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nearfar.plan.search import Choice
from nearfar.study.axis import Axis

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

LEAST = 8
"""Points that have to be done before anything is said of axes."""


def importance_of(choice: Choice) -> dict[str, float]:
    """Return axis → its share, largest first; empty of a grid, of one axis, or of few points.

    The importance of Hutter, Hoos and Leyton-Brown, "An Efficient Approach for Assessing
    Hyperparameter Importance" (ICML 2014), as Optuna evaluates it on the points that did not
    diverge.
    """
    done = [tried for tried in choice.tries if choice.metric in tried.values]
    values = tuple(tried.values[choice.metric] for tried in done)
    if len(choice.space) < 2 or len(done) < LEAST or len(set(values)) < 2:
        return {}
    labels = tuple(tuple(tried.labels[axis] for axis in choice.space) for tried in done)
    return dict(_evaluated(_Space(choice.space), labels, values))


class _Space:
    """Axes that can be looked up."""

    def __init__(self, plain: Mapping[str, Any]) -> None:
        self.axes = {name: Axis.model_validate(axis) for name, axis in plain.items()}
        self._key = repr(plain)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Space) and self._key == other._key


@lru_cache(maxsize=1024)
def _evaluated(
    space: _Space, labels: tuple[tuple[str, ...], ...], values: tuple[float, ...]
) -> tuple[tuple[str, float], ...]:
    import optuna

    study = optuna.create_study()
    for row, value in zip(labels, values, strict=True):
        study.add_trial(trial_of(space.axes, dict(zip(space.axes, row, strict=True)), value=value))
    try:
        found = optuna.importance.get_param_importances(
            study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0)
        )
    except (ValueError, RuntimeError):
        return ()
    return tuple((axis, float(share)) for axis, share in found.items())


def trial_of(axes: Mapping[str, Axis], labels: Mapping[str, str], **ended: Any) -> "FrozenTrial":
    """Return a point as Optuna keeps it; ``ended`` says how it came out."""
    import optuna

    from nearfar.plan.proposals import distribution_of

    ranges = {name: distribution_of(axis, steps=False) for name, axis in axes.items()}
    params = {name: axis.number_of(labels[name]) for name, axis in axes.items()}
    return optuna.trial.create_trial(params=params, distributions=ranges, **ended)
