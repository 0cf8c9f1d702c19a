"""The first sentence of an answer: which arm to use, and how sure it is that this is the best."""

from nearfar.analysis.comparison import training_count
from nearfar.analysis.estimate import MIN_SEEDS
from nearfar.analysis.results import RunResults
from nearfar.analysis.which import Recommendation
from nearfar.analysis.words import extreme, listed, mean_size, measure, spelled
from nearfar.numbers import number
from nearfar.records.conditions import shortened


def advised(advice: Recommendation | None, results: RunResults) -> str:
    """Return what to do, in one sentence."""
    if advice is None:
        return "There is no arm to use: only controls finished all their seeds."
    series = results.primary(advice.condition, advice.target)
    size = mean_size(advice.arm, series, results)
    named = f"test {measure(results.metric, advice.target)}"
    if len(results.distinct) == 1:
        return f"{advice.arm} reaches a mean {named} of {size}."
    place = shortened(advice.condition, results.conditions) if len(results.conditions) > 1 else ""
    head = f"Under {place}, use {advice.arm}" if place else f"Use {advice.arm}"
    its, most = f"its mean {named}, {size},", extreme(results)
    if advice.unbeaten:
        return _not_even_controls(advice, head, f"{its} is the {most} among the others")
    if not advice.best:
        why = _untested(len(results.values(advice.arm, series)))
        return f"{head} for now: {its} is the {most}, but nothing is decided ({why})."
    others = [other for other in advice.best if other != advice.arm]
    if advice.arm != advice.leader:
        lead = number(results.mean(advice.leader, series))
        return (
            f"{head}: {its} cannot be told from the {most} ({advice.leader}, {lead}), and of the "
            f"{spelled(len(advice.best))} arms that contain the best one with 95% it is the "
            "cheapest so near."
        )
    if not others:
        return f"{head}: {its} is the {most}, and it is the best arm with 95%."
    rivals = listed(others, last=" or ")
    return f"{head}: {its} is the {most}; with 95% the best arm is this one, {rivals}."


def _not_even_controls(advice: Recommendation, head: str, reason: str) -> str:
    controls = f"the control{'s' if len(advice.unbeaten) > 1 else ''} {listed(advice.unbeaten)}"
    return (
        f"No arm is shown to be better than {controls}; if one is to be used, "
        f"{head[0].lower()}{head[1:]}: {reason}."
    )


def _untested(n: int) -> str:
    if n < MIN_SEEDS:
        return f"{training_count(n)}: a test needs at least {MIN_SEEDS}"
    return "no test was possible"
