"""The source's claims and numbers, held against what was measured."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from nearfar.analysis.comparison import Comparison
from nearfar.analysis.results import RunResults, Series
from nearfar.analysis.statistics import reduction_percent
from nearfar.plan.search import Choice, point_name
from nearfar.records.conditions import is_pattern
from nearfar.study.published import Claim, Published


def claimed_pairs(claims: Iterable[Claim]) -> list[tuple[str, str]]:
    """Return (arm, against) of the comparisons that claims ask for beside the study's own."""
    return [(arm, claim.against) for claim in claims if claim.against for arm in claim.arms]


def claimed_means(
    claims: Iterable[Claim], rivals: Mapping[str, str], twins: Mapping[str, str]
) -> list[tuple[str, str, str]]:
    """Return (arm, against, pattern) of the claims about means over several conditions.

    ``rivals`` says what an arm is compared with where the claim does not.
    """
    found = []
    for claim in claims:
        if claim.condition is not None and is_pattern(claim.condition):
            for arm in claim.arms:
                own, rival = _pair(claim, arm, rivals, twins)
                found += [(own, rival, claim.condition)] if rival and rival != own else []
    return found


def _pair(
    claim: Claim, arm: str, rivals: Mapping[str, str], twins: Mapping[str, str]
) -> tuple[str, str]:
    """Return what a claim compares with what, under the names that stand for their twins."""
    rival = claim.against or rivals.get(arm, "")
    return twins.get(arm, arm), twins.get(rival, rival)


def judge(
    claim: Claim,
    comparisons: Sequence[Comparison],
    profile: str,
    twins: Mapping[str, str],
    rivals: Mapping[str, str],
) -> dict[str, str]:
    """Return the claim with its verdict and the reason.

    ``supported``: every comparison it speaks of has the expected verdict. ``not supported``: one
    of them is decided otherwise. ``undecided``: anything else, and every profile but ``full``,
    for a smaller budget says nothing about the source's. An arm that is the same computation as its
    rival is the same. ``rivals`` says what an arm is compared with where the claim does not.
    """
    found: dict[str, list[str]] = {}
    decided_otherwise = False
    for arm in claim.arms:
        own, rival = _pair(claim, arm, rivals, twins)
        if arm == (claim.against or rivals.get(arm)):
            found.setdefault("not compared", []).append(f"{arm} (with itself)")
            continue
        if own == rival:
            found.setdefault("same", []).append(f"{arm} (one computation with its rival)")
            decided_otherwise |= claim.expect != "same"
            continue
        pair = [c for c in comparisons if (c.arm, c.against) == (own, rival)]
        about = [c for c in pair if _is_about(claim, c.condition)]
        if not about:
            found.setdefault("not run", []).append(arm)
        for comparison in about:
            found.setdefault(comparison.verdict, []).append(
                _with_place(arm, comparison, len(about))
            )
            decided_otherwise |= comparison.verdict in {"better", "worse", "same"} - {claim.expect}
    reason = "; ".join(f"{word}: {', '.join(arms)}" for word, arms in found.items())
    if profile != "full":
        verdict = "undecided"
        what = "recipes" if profile == "efficient" else "budgets"
        reason = f"the {profile} profile does not repeat the source's {what}; in it, {reason}"
    elif decided_otherwise:
        verdict = "not supported"
    else:
        verdict = "supported" if set(found) == {claim.expect} else "undecided"
    return {"claim": claim.claim, "verdict": verdict, "reason": reason}


def _is_about(claim: Claim, condition: str) -> bool:
    if claim.condition is None:
        return not is_pattern(condition)
    return condition == claim.condition


def _with_place(arm: str, comparison: Comparison, places: int) -> str:
    details = [comparison.condition] if places > 1 and comparison.condition else []
    if comparison.verdict == "withheld":
        details.append(comparison.reason)
    return f"{arm} ({', '.join(details)})" if details else arm


def beside_published(
    entry: Published, results: RunResults, choices: Iterable[Choice] = ()
) -> list[dict[str, Any]]:
    """Return one row of ``summary.json``'s ``published`` for every number of an entry.

    ``error_percent`` is 100·(measured - published)/published. A point of a search is measured where
    the search was.
    """
    rows = []
    for split, ours, metric, number in entry.numbers():
        series = _series(entry, ours, metric, results)
        if entry.point:
            measured = _searched(entry, metric, choices)
        else:
            measured = results.mean(entry.arm, series) if series else None
        notes = [f"search: {point_name(entry.point)}"] if entry.point else []
        notes += [entry.note] if entry.note else []
        if split != ours:
            notes.append(f"published on {split} rows, measured on {ours} rows")
        seeds = results.seeds_of(entry.arm, entry.condition)
        if not seeds.complete:
            notes.append(seeds.status)
        error = None if measured is None else reduction_percent(number - measured, number)
        rows.append(
            {
                "arm": entry.arm,
                "condition": entry.condition,
                "split": split,
                "metric": metric,
                "unit": series.unit if series else "z" if entry.unit == "z" else "",
                "published": number,
                "measured": measured,
                "error_percent": error,
                "provenance": entry.provenance,
                "note": "; ".join(notes),
            }
        )
    return rows


def _searched(entry: Published, metric: str, choices: Iterable[Choice]) -> float | None:
    """The mean, over the searches of an arm, of one point's validation metric."""
    values = [
        tried.values[metric]
        for choice in choices
        if (choice.arm, choice.condition) == (entry.arm, entry.condition)
        for tried in choice.tries
        if dict(tried.labels) == entry.point and metric in tried.values
    ]
    return fmean(values) if values else None


def _series(entry: Published, split: str, metric: str, results: RunResults) -> Series | None:
    """The measured series that stands beside a number; a metric without unit fits either."""
    targets = [entry.target] if entry.target else results.primary_targets
    fitting = [
        s
        for s in results.series(entry.arm, entry.condition)
        if (s.split, s.metric) == (split, metric) and s.target in targets
    ]
    right = [s for s in fitting if (s.unit == "z") == (entry.unit == "z")]
    unitless = [s for s in fitting if not s.unit] if len({s.unit for s in fitting}) == 1 else []
    chosen = right or unitless
    return chosen[0] if len(chosen) == 1 else None
