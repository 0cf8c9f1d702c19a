"""The answer in a few sentences: what to use first, then what the verdicts say."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from nearfar.analysis.advice import advised
from nearfar.analysis.comparison import Comparison, outlook, possible, sized, training_count
from nearfar.analysis.estimate import ALPHA, MIN_SEEDS
from nearfar.analysis.results import RunResults
from nearfar.analysis.statistics import Verdict
from nearfar.analysis.which import Recommendation
from nearfar.analysis.words import SHOWN, extreme, listed, measure, spelled
from nearfar.metrics import METRICS
from nearfar.numbers import p_value
from nearfar.records.conditions import shortened

REST: tuple[Verdict, ...] = ("worse", "same", "undecided", "withheld")
VERBS: dict[Verdict, tuple[str, str]] = {
    "better": ("is better", "are better"),
    "worse": ("is worse", "are worse"),
    "same": ("makes no relevant difference", "make no relevant difference"),
    "undecided": ("is undecided", "are undecided"),
    "withheld": ("is withheld", "are withheld"),
}
"""What one arm, or several, are or do."""


@dataclass(frozen=True)
class Asked:
    """What the study asks: whether ``contenders`` beat their baselines on the primary metric.

    ``noun`` says what a contender is; ``comparisons`` are the study's own, without those that only
    a claim asks for.
    """

    noun: str
    contenders: Sequence[str]
    comparisons: Sequence[Comparison]
    baseline: str
    profile: str
    resplit: bool


def answer(asked: Asked, results: RunResults, advice: Recommendation | None) -> str:
    """Return a few plain sentences for a reader who sees nothing else: what to do comes first."""
    about = [c for c in asked.comparisons if c.arm in asked.contenders]
    if not _winners(results):
        states = (f"{arm} {_first_status(results, arm)}" for arm in results.distinct)
        return f"No arm finished all its seeds: {listed(states)}."
    use = advised(advice, results)
    if about:
        before = _of_advised(asked, about, advice)
        verdicts = _verdicts(asked, about, before)
        sides = _two_sided([*before, *about], advice)
        return " ".join(filter(None, (use, verdicts, sides, _over_places(results))))
    return f"{use} {_nothing_to_compare(asked, results)}"


def asked_of(
    results: RunResults,
    comparisons: Sequence[Comparison],
    baseline: str,
    profile: str,
    resplit: bool,
) -> Asked:
    """Return what the study asks: about pre-trained arms, or all but controls if there are none."""
    others = [arm for arm in results.distinct if arm != baseline]
    tried = [arm for arm in others if not results.is_control(arm)]
    pretrained = [arm for arm in tried if results.pretrained(arm)]
    first: dict[tuple[str, str, str], Comparison] = {}
    for c in comparisons:
        first.setdefault((c.arm, c.condition, c.target), c)
    noun = "pre-trained arm" if pretrained else "arm"
    contenders = pretrained or tried or others
    return Asked(noun, contenders, list(first.values()), baseline, profile, resplit)


def _nothing_to_compare(asked: Asked, results: RunResults) -> str:
    if asked.baseline not in results.arms:
        return f"Nothing is compared, for the baseline {asked.baseline} was not run."
    if len(results.distinct) == 1:
        return "There is no other arm to compare it with."
    return f"No other arm was run under the same conditions as the baseline {asked.baseline}."


def _of_advised(
    asked: Asked, about: Sequence[Comparison], advice: Recommendation | None
) -> list[Comparison]:
    """Return how the arm to use compares, where it is not what the study asks about."""
    places = {(c.condition, c.target) for c in about}
    if advice is None or len(places) > 1:
        return []
    mine = [c for c in asked.comparisons if c.arm == advice.arm and c not in about]
    there = [c for c in mine if (c.condition, c.target) in places]
    return [c for c in there if c.verdict != "withheld" and c.n >= MIN_SEEDS]


def _two_sided(told: Sequence[Comparison], advice: Recommendation | None) -> str:
    """Say why it may be sure which arm is best, and yet undecided whether it is better.

    Only where the arm itself beats its rival on one side: else another arm beats that.
    """
    if advice is None:
        return ""
    level = ALPHA / max(len(advice.best) + len(advice.left_out) - 1, 1)
    mine = [c for c in told if c.arm == advice.arm and c.against in advice.left_out]
    if not any(
        c.verdict == "undecided" and c.p is not None and _improves(c) and c.p / 2 <= level
        for c in mine
    ):
        return ""
    return (
        "Which arm is the best is asked on one side, by how much it may be worse; a verdict is "
        "two-sided, and so takes more to be decided."
    )


def _improves(c: Comparison) -> bool:
    sign = 1 if METRICS[c.metric].better == "lower" else -1
    return c.difference is not None and sign * c.difference < 0


def _verdicts(asked: Asked, about: list[Comparison], before: Sequence[Comparison]) -> str:
    judged = [c for c in about if c.verdict != "withheld"]
    lost = "" if judged else _all_withheld(asked, about, "else " if before else "")
    bodies = [_one(c) for c in before]
    told = [*before]
    if any(c.n >= MIN_SEEDS for c in judged):
        told += about
        if len({(c.condition, c.target) for c in about}) > 1:
            bodies.append(_many_places(asked, about))
        else:
            bodies.append(_one(about[0]) if len(about) == 1 else _many(asked, about))
    sentence = _sentence(asked, told, "; ".join(bodies)) if told else ""
    return " ".join(filter(None, (sentence, lost)))


def _sentence(asked: Asked, told: Sequence[Comparison], body: str) -> str:
    """Say on what, and of smaller budgets whether they can decide."""
    split = "" if asked.resplit else " and for this split"
    sentence = f"on test {measure(told[0].metric, told[0].target)}{split}, {body}."
    if asked.profile == "full":
        return _capital(sentence)
    undecided = sum(c.verdict == "undecided" for c in told)
    verb = {0: "says", len(told): "cannot decide"}.get(undecided, "cannot decide all of it")
    seeds = training_count(max(c.n for c in told))
    how = "other recipes" if asked.profile == "efficient" else "smaller budgets"
    return f"The {asked.profile} profile, with {seeds} and {how}, {verb}: {sentence}"


def _all_withheld(asked: Asked, about: list[Comparison], more: str) -> str:
    reasons = {c.reason for c in about}
    baseline = f"baseline {asked.baseline}: "
    if len(reasons) == 1 and (reason := reasons.pop()).startswith(baseline):
        lost = reason.removeprefix(baseline)
        return f"Nothing {more}can be compared: the baseline {asked.baseline} {lost} seeds."
    lost = listed(f"{_name(c, about)} ({c.reason})" for c in about)
    return f"Nothing {more}can be compared, for seeds were lost: {lost}."


def _one(c: Comparison) -> str:
    change = f"{_change(c)}{_interval(c)}, {training_count(c.n)}"
    if c.verdict == "same":
        return f"there is no relevant difference between {c.arm} and {c.against} ({change})"
    if c.verdict == "undecided":
        why = c.reason if c.p is None else outlook(c)
        return (
            f"it is not decided whether {c.arm} is better than {c.against}: "
            f"it is {c.bound or change} ({why})"
        )
    p = f", {p_value(c.p_holm)}" if c.p_holm is not None else ""
    return f"{c.arm} is {c.verdict} than {c.against} ({change}{p})"


def _many(asked: Asked, about: list[Comparison]) -> str:
    against = {c.against for c in about}
    rival = next(iter(against)) if len(against) == 1 else "its own baseline"
    better = [c for c in about if c.verdict == "better"]
    count = f"{spelled(len(about))} {asked.noun}s"
    who = listed(f"{_name(c, about)} ({_change(c)}{_interval(c)})" for c in better)
    if len(better) == len(about):
        return f"each of the {count} is better than {rival}: {who}"
    if not better:
        open_end = any(c.verdict in {"undecided", "withheld"} for c in about)
        none = "neither" if len(about) == 2 else "none"
        shown = "shown to be " if open_end else ""
        head = f"{none} of the {count} is {shown}better than {rival}: "
    elif len(better) == 1:
        head = f"one of the {count} is better than {rival}: {who}; "
    else:
        rivals = rival if len(against) == 1 else "their own baselines"
        head = f"{spelled(len(better))} of the {count} are better than {rivals}: {who}; "
    return head + "; ".join(filter(None, (_group(verdict, about) for verdict in REST)))


def _group(verdict: Verdict, about: Sequence[Comparison]) -> str:
    chosen = [c for c in about if c.verdict == verdict]
    if not chosen:
        return ""
    names = listed(f"{_name(c, about)}{_detail(c)}" for c in chosen)
    return f"{names} {VERBS[verdict][len(chosen) > 1]}"


def _detail(c: Comparison) -> str:
    if c.verdict == "undecided":
        return f" ({c.bound})" if c.bound else ""
    return f" ({c.reason if c.verdict == 'withheld' else _change(c)})"


def _many_places(asked: Asked, about: list[Comparison]) -> str:
    """Several conditions or targets: count the verdicts and say where they fell."""
    conditions, targets = {c.condition for c in about}, {c.target for c in about}
    spread = [f"{len(conditions)} conditions"] if len(conditions) > 1 else []
    spread += [f"{len(targets)} targets"] if len(targets) > 1 else []
    parts = [] if any(c.verdict == "better" for c in about) else ["none is better"]
    for verdict in ("better", *REST):
        chosen = [c for c in about if c.verdict == verdict]
        if chosen:
            places = listed(_placed(c, conditions, len(targets) > 1) for c in chosen)
            where = f" ({places})" if verdict != "undecided" else ""
            parts.append(f"{spelled(len(chosen))} {VERBS[verdict][len(chosen) > 1]}{where}")
    pairs = f"{len(about)} comparisons of {_plural(asked.noun, about)} with the baseline"
    return f"of {pairs} over {' and '.join(spread)}, {', '.join(parts)}"


def _over_places(results: RunResults) -> str:
    """The best means under several conditions or of several targets; empty for one."""
    winners = _winners(results)
    if len(winners) < 2:
        return ""
    named = measure(results.metric, results.primary_targets[0])
    return f"The {extreme(results)} mean test {named} is that of {_won(winners, results)}."


def _winners(results: RunResults) -> dict[tuple[str, str], str]:
    """The arm with the best mean in every condition and target that has one."""
    sign = 1 if METRICS[results.metric].better == "lower" else -1
    winners = {}
    for condition in results.conditions:
        for target in results.primary_targets:
            series = results.primary(condition, target)
            means = results.shared_means(results.distinct, series)
            if means:
                winners[condition, target] = min(means, key=lambda arm: sign * means[arm])
    return winners


def _won(winners: Mapping[tuple[str, str], str], results: RunResults) -> str:
    several = len(results.primary_targets) > 1
    if len(winners) > SHOWN:
        counts = Counter(winners.values()).most_common()
        often = listed(f"{arm} ({count} times)" for arm, count in counts)
        return f"{often}, over {len(winners)} conditions"
    places: dict[str, list[str]] = {}
    for (condition, target), arm in winners.items():
        short = shortened(condition, results.conditions)
        place = [short] if short else []
        place += [f"on {target}"] if several else []
        places.setdefault(arm, []).append(" ".join(place) or "without a condition")
    return "; ".join(f"{arm} ({listed(where)})" for arm, where in places.items())


def _first_status(results: RunResults, arm: str) -> str:
    lost = (results.seeds_of(arm, c) for c in results.conditions if results.holds(arm, c))
    return next((seeds.status for seeds in lost if not seeds.complete), "has no such number")


def _change(c: Comparison) -> str:
    """``12.0% lower``; the plain difference for a metric whose percentages mean little."""
    return _sided(c.difference, c) if c.difference else "equal"


def _sided(difference: float, c: Comparison) -> str:
    return f"{_sizes(c, difference)} {'lower' if difference < 0 else 'higher'}"


def _sizes(c: Comparison, *differences: float) -> str:
    """Differences without their sign, smallest first: in % of the baseline, else as they are."""
    sizes = [sized(c, difference) for difference in sorted(differences, key=abs)]
    return " to ".join(size for size, _ in sizes) + sizes[0][1]


def _interval(c: Comparison) -> str:
    if c.low is None or c.high is None:
        return ""
    low, high = possible(c, c.low), possible(c, c.high)
    if low < 0 < high:
        return f", 95% interval {_sided(low, c)} to {_sided(high, c)}"
    side = "lower" if low < 0 else "higher"
    return f", 95% interval {_sizes(c, low, high)} {side}"


def _placed(c: Comparison, conditions: Collection[str], with_target: bool) -> str:
    place = shortened(c.condition, conditions)
    words = [c.arm, *([f"at {place}"] if place else [])]
    return " ".join([*words, *([f"on {c.target}"] if with_target else [])])


def _name(c: Comparison, about: Sequence[Comparison]) -> str:
    """The arm, with its rival where arms have different ones."""
    alike = len({other.against for other in about}) == 1
    return c.arm if alike else f"{c.arm} against {c.against}"


def _plural(noun: str, about: Sequence[Comparison]) -> str:
    return f"the {noun}" if len({c.arm for c in about}) == 1 else f"{noun}s"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
