"""The first sentence of an answer: which arm to use, and how sure it is that this is the best."""

from collections.abc import Sequence

from nearfar.analysis.comparison import training_count
from nearfar.analysis.estimate import MIN_SEEDS
from nearfar.analysis.results import RunResults, Series
from nearfar.analysis.which import Recommendation
from nearfar.analysis.words import extreme, listed, mean_size, measure
from nearfar.metrics import METRICS
from nearfar.numbers import number
from nearfar.records.conditions import shortened

SURE = "95% confidence"


def advised(advice: Recommendation | None, results: RunResults) -> str:
    """Return what to do, in one sentence."""
    if advice is None:
        return "There is no arm to use: only controls finished all their seeds."
    series = results.primary(advice.condition, advice.target)
    size = mean_size(advice.arm, series, results)
    named = f"test {measure(results.metric, advice.target)}"
    if len(results.primary_targets) > 1:
        named += f" on {advice.target}"
    if len(results.distinct) == 1:
        return f"{advice.arm} reaches a mean {named} of {size}."
    place = shortened(advice.condition, results.conditions) if len(results.conditions) > 1 else ""
    head = f"Under {place}, use {advice.arm}" if place else f"Use {advice.arm}"
    its, most = f"its mean {named}, {size},", extreme(results)
    if advice.arm == advice.leader and not _has_best_mean(advice.arm, results, series):
        most += " on the trainings that arms share"
    if advice.unbeaten:
        few = [c for c in advice.unbeaten if len(results.values(c, series)) < MIN_SEEDS]
        return _not_even_controls(advice, few, head, f"{its} is the {most} among the others")
    if not advice.best:
        why = _untested(len(results.values(advice.arm, series)))
        apart = ", controls aside" if _has_controls(results, series) else ""
        return f"{head} for now: {its} is the {most}{apart}; nothing is decided yet ({why})."
    if len(advice.best) + len(advice.left_out) == 1:
        apart = " but controls" if _has_controls(results, series) else ""
        return f"{head}: no other arm{apart} has a mean {named} to set beside its {size}."
    others = [other for other in advice.best if other != advice.arm]
    if not others:
        return f"{head}: {its} is the {most}, and with {SURE} it is the best arm."
    among = f"with {SURE} the best arm is {listed(['this one', *others], last=' or ')}."
    if advice.arm == advice.leader:
        return f"{head}: {its} is the {most}; {among}"
    lead = number(results.mean(advice.leader, series))
    return (
        f"{head}: {its} is within the margin of the {most} ({advice.leader}, {lead}), and it costs "
        f"less; {among}"
    )


def _has_best_mean(arm: str, results: RunResults, series: Series) -> bool:
    """Whether no arm but controls has a better mean over trainings of its own."""
    sign = 1 if METRICS[results.metric].better == "lower" else -1
    others = (results.mean(a, series) for a in results.distinct if not results.is_control(a))
    own = results.mean(arm, series)
    return own is None or all(sign * own <= sign * mean for mean in others if mean is not None)


def _has_controls(results: RunResults, series: Series) -> bool:
    controls = (a for a in results.distinct if results.is_control(a))
    return any(results.mean(control, series) is not None for control in controls)


def _not_even_controls(advice: Recommendation, few: Sequence[str], head: str, reason: str) -> str:
    """Say that controls may be as good; ``few`` of these have too few trainings for a test."""
    controls = f"the control{'s' if len(advice.unbeaten) > 1 else ''} {listed(advice.unbeaten)}"
    if few:
        whose = "" if len(few) == len(advice.unbeaten) else f" of {listed(few)}"
        controls += f" (fewer than {MIN_SEEDS} trainings{whose}: too few for a test)"
    return (
        f"No arm is shown to be better than {controls}; if one is to be used, "
        f"{head[0].lower()}{head[1:]}: {reason}."
    )


def _untested(n: int) -> str:
    if n < MIN_SEEDS:
        return f"{training_count(n)}: a test needs at least {MIN_SEEDS}"
    return "no test was possible"
