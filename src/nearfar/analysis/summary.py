"""``summary.json``: what the report draws, from the study and its records."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from statistics import fmean, stdev
from typing import Any

import numpy as np

from nearfar.analysis.answer import answer, asked_of
from nearfar.analysis.claims import beside_published, claimed_means, claimed_pairs, judge
from nearfar.analysis.compare import Rules, compare, pairs_of, rivals_of
from nearfar.analysis.comparison import Comparison
from nearfar.analysis.estimate import (
    MIN_SEEDS,
    Estimate,
    estimate_rows,
    estimate_values,
    score_scale,
)
from nearfar.analysis.families import Families, reference_of
from nearfar.analysis.notes import fallback, notes_on
from nearfar.analysis.results import TEST, RunResults, Series
from nearfar.analysis.row_scores import RowScores
from nearfar.analysis.sequential import Looks
from nearfar.analysis.testing import Testing
from nearfar.analysis.variance import single_unit
from nearfar.analysis.which import Recommendation, recommend
from nearfar.metrics import MEASURES, METRICS
from nearfar.metrics.metric import ASKED
from nearfar.plan.search import Choice
from nearfar.records import SEARCH, Record, StageRow
from nearfar.records.conditions import is_pattern
from nearfar.study.published import Claim, Published
from nearfar.study.rounds import MOST, SIZE

SPLITS = ("test", "validation", "train")
MEASURED = [*METRICS, *MEASURES]


def summarise(
    study: Mapping[str, Any],
    records: Iterable[Record],
    stages: Iterable[StageRow],
    *,
    profile: str,
    kind: str,
    rows: Mapping[str, int],
    scores: RowScores | None = None,
    choices: Sequence[Choice] = (),
) -> dict[str, Any]:
    """Return the content of ``summary.json`` (docs/architecture.md), plain values alone.

    ``study`` is a resolved study as a mapping: study, title, question, metric, margin, baseline,
    split.resplit, split.folds, published and claims as in a study file, and ``arms``: by the names
    in the records, each with its ``group``, ``against``, ``target`` and whether its encoder is
    ``pretrained`` elsewhere. ``split.resplit`` says
    whether trainings have splits of their own. ``rows`` counts train, validation and test rows.
    ``scores`` are those of tested rows (:class:`nearfar.analysis.row_scores.KeptScores`).
    ``choices`` are its searches.
    """
    results = RunResults(
        study, records, [row for row in stages if not row.stage.startswith(SEARCH)]
    )
    published = [Published.model_validate(entry) for entry in study.get("published") or ()]
    claims = [Claim.model_validate(claim) for claim in study.get("claims") or ()]
    baseline = results.twins.get(study["baseline"], study["baseline"])
    rules = _rules(study, results, rows, scores)
    rivals = rivals_of(results, baseline)
    comparisons = _compared(results, claims, baseline, rules)
    primary = [c for c in comparisons if c.target in results.primary_targets]
    single = [c for c in primary if not is_pattern(c.condition)]
    asked = asked_of(results, single, baseline, profile, rules.varies)
    arms = _arms(results, rules)
    advice = _advice(results, baseline, rules)
    beside = [row for entry in published for row in beside_published(entry, results, choices)]
    return {
        **_heading(study, results, baseline),
        "profile": profile,
        "kind": kind,
        "reference": rules.families.reference,
        "resplit": rules.varies,
        "folds": rules.folds,
        "rounds": study.get("rounds"),
        "rows": dict(rows),
        "margin": _margin(results, baseline, rules),
        "answer": answer(asked, results, advice) if results.arms else "Nothing was run.",
        "recommended": None if advice is None else advice.to_plain(),
        "twins": results.twins,
        "notes": [
            *notes_on(results, primary, rules, baseline, profile, study.get("left_out") or ()),
            *(note for choice in choices if (note := fallback(choice))),
        ],
        "arms": arms,
        "comparisons": [asdict(comparison) for comparison in comparisons],
        "published": _beside(beside, profile),
        "claims": [judge(claim, primary, profile, results.twins, rivals) for claim in claims],
        "choices": [choice.to_plain() for choice in choices],
    }


def _beside(rows: list[dict[str, Any]], profile: str) -> list[dict[str, Any]]:
    """Return what stands beside published numbers: nothing where budgets are only small."""
    if profile == "efficient":
        return [{**r, "note": "; ".join(filter(None, ["another recipe", r["note"]]))} for r in rows]
    return rows if profile == "full" else []


def _heading(study: Mapping[str, Any], results: RunResults, baseline: str) -> dict[str, Any]:
    """What was asked, and in which terms."""
    return {
        "study": study["study"],
        "title": study.get("title") or study["study"],
        "question": study.get("question") or "",
        "metric": results.metric,
        **_plug_in(results.metric),
        "unit": results.unit,
        "baseline": baseline,
        "target": _target(results, baseline),
        "seeds": results.seeds,
    }


def _rules(
    study: Mapping[str, Any],
    results: RunResults,
    rows: Mapping[str, int],
    scores: RowScores | None,
) -> Rules:
    split = study["split"]
    return Rules(
        varies=bool(split["resplit"]),
        rows=rows,
        margin=study.get("margin"),
        scores=scores,
        folds=split.get("folds") or 0,
        families=Families(reference_of(study.get("axes") or {}), results.conditions),
        testing=Testing(Looks(SIZE, MOST) if study.get("rounds") else None),
    )


def _compared(
    results: RunResults, claims: Sequence[Claim], baseline: str, rules: Rules
) -> list[Comparison]:
    """Compare every arm with its baseline, and whatever claims ask for beside that."""
    ran = set(results.arms)
    asked_for = [pair for pair in claimed_pairs(claims) if set(pair) <= ran]
    rivals = rivals_of(results, baseline)
    own = pairs_of(results, rivals.items())
    pairs = pairs_of(results, [*rivals.items(), *asked_for])
    means = [c for c in claimed_means(claims, rivals, results.twins) if {c[0], c[1]} <= ran]
    return compare(results, pairs, rules, means, set(pairs) - set(own))


def _advice(results: RunResults, baseline: str, rules: Rules) -> Recommendation | None:
    """Recommend an arm under the reference condition, or where the baseline was run first."""
    if not results.conditions:
        return None
    series = _main_series(results, baseline, rules)
    known = {arm: results.seconds(arm, series.condition) for arm in results.distinct}
    costs = {arm: seconds for arm, seconds in known.items() if seconds is not None}
    return recommend(results, series, rules, costs)


def _main_series(results: RunResults, baseline: str, rules: Rules) -> Series:
    """The baseline's primary series under the reference condition, or where it was run first."""
    there = [c for c in results.conditions if results.holds(baseline, c)] or results.conditions
    reference = rules.families.reference
    condition = reference if reference in there else next(iter(there), "")
    return results.primary(condition, _target(results, baseline))


def _target(results: RunResults, baseline: str) -> str:
    """The baseline's target that carries verdicts, the first of several."""
    series = (s for c in results.conditions for s in results.series(baseline, c))
    places = {s.target for s in series if s.metric == results.metric}
    return min(places & set(results.primary_targets), default=results.primary_targets[0])


def _margin(results: RunResults, baseline: str, rules: Rules) -> dict[str, Any] | None:
    """The margin of no relevant difference at the reference, and why it is that."""
    mean = results.mean(baseline, _main_series(results, baseline, rules))
    if rules.margin is not None:
        return {"size": rules.margin, "why": ASKED}
    if mean is None:
        return None
    same = METRICS[results.metric].same
    return {"size": same.size(mean), "why": same.why}


def _arms(results: RunResults, rules: Rules) -> list[dict[str, Any]]:
    return [
        _arm(results, arm, condition, order, rules)
        for order, arm in enumerate(results.distinct)
        for condition in results.conditions
        if results.holds(arm, condition)
    ]


def _arm(results: RunResults, arm: str, condition: str, order: int, rules: Rules) -> dict[str, Any]:
    seeds = results.seeds_of(arm, condition)
    chains = results.stages(arm, condition)
    series = results.series(arm, condition)
    return {
        "arm": arm,
        "also": [twin for twin, first in results.twins.items() if first == arm],
        "condition": condition,
        "group": results.settings.get(arm, {}).get("group") or "",
        "order": order,
        "runs": seeds.runs,
        "done": len(seeds.done),
        "diverged": len(seeds.diverged),
        "failed": len(seeds.failed),
        "status": seeds.status,
        "metrics": [
            _metric(
                s,
                series[s],
                _half_width(results, arm, s, rules),
                whole=seeds.complete and len(series[s]) == len(seeds.done),
            )
            for s in sorted(series, key=_place)
        ],
        "budget": _budget(list(chains.values())),
        "stages": {
            str(seed): [{"stage": row.stage, "hash": row.hash} for row in chain]
            for seed, chain in chains.items()
        },
    }


def _place(series: Series) -> tuple[int, str, int, bool]:
    return (
        SPLITS.index(series.split) if series.split in SPLITS else len(SPLITS),
        series.target,
        MEASURED.index(series.metric) if series.metric in MEASURED else len(MEASURED),
        series.unit != "z",
    )


def _plug_in(metric: str) -> dict[str, str]:
    """Return which direction is better of a metric that does not come with nearfar."""
    return {} if metric in METRICS.built_in else {"better": METRICS[metric].better}


def _metric(
    series: Series, values: Mapping[int, float], half_width: float | None, *, whole: bool
) -> dict[str, Any]:
    numbers = list(values.values())
    mean = fmean(numbers) if whole else None
    sure = None if mean is None else half_width
    return {
        "split": series.split,
        "target": series.target,
        "metric": series.metric,
        "unit": series.unit,
        "mean": mean,
        "std": stdev(numbers) if whole and len(numbers) > 1 else None,
        "n": len(numbers),
        "low": None if mean is None or sure is None else mean - sure,
        "high": None if mean is None or sure is None else mean + sure,
        "values": {str(seed): value for seed, value in sorted(values.items())},
    }


def _half_width(results: RunResults, arm: str, series: Series, rules: Rules) -> float | None:
    """Half the 95% interval of a mean; None under three seeds.

    Of tested rows it comes from their scores in this metric. Without them, where splits vary, all
    spread is taken to be owed to rows; there is none for training rows, which splits share almost
    wholly. On a fixed split it is then Student's over seeds: what other seeds would give on these
    rows, and None where all seeds gave the same, or where these rows are known to be one group.
    """
    values = results.values(arm, series)
    numbers, n = list(values.values()), len(values)
    if n < MIN_SEEDS:
        return None
    found = _by_row_scores(results, arm, series, rules)
    if found is not None:
        return found
    if _is_of_one_group(arm, series, rules):
        return None
    if rules.varies:
        evaluated = 0 if series.split == "train" else rules.rows.get(series.split, 0)
        rotation = rules.folds if series.split == TEST else 0
        spread = estimate_values(numbers, evaluated, rules.n_rows, rotation) if evaluated else None
    elif max(numbers) > min(numbers):
        spread = Estimate(fmean(numbers), stdev(numbers) / math.sqrt(n), n - 1.0, n)
    else:
        spread = None
    return spread.half_width() if spread else None


def _is_of_one_group(arm: str, series: Series, rules: Rules) -> bool:
    if rules.scores is None or series.split != TEST:
        return False
    tested = rules.scores.tested(arm, series.condition, series.target)
    return bool(tested and single_unit([*tested.values()], rules.scores.groups))


def _by_row_scores(results: RunResults, arm: str, series: Series, rules: Rules) -> float | None:
    """Half the interval of a mean from scores of tested rows; None where they are not at hand.

    Scores are in z where the metric is recorded so; in another unit they are brought by the means.
    """
    if rules.scores is None or series.split != TEST:
        return None
    values = results.values(arm, series)
    tested = rules.scores.tested(arm, series.condition, series.target, series.metric)
    if tested is None or not set(values) <= set(tested):
        return None
    trainings = [tested[seed] for seed in values]
    scores = np.concatenate([training.scores for training in trainings])
    if not scores.any() and math.isinf(METRICS[series.metric].most):
        return None  # no error at all says nothing of how large one would be
    found = estimate_rows(
        trainings, rules.n_rows, rules.scores.groups, score_scale(scores), rules.folds
    )
    scored = results.values(arm, replace(series, unit="z")) or values
    mean, base = fmean(values.values()), fmean(scored.values())
    if found is None or (mean != base and not base):
        return None
    return found.half_width() * (1.0 if mean == base else abs(mean / base))


def _budget(chains: Sequence[Sequence[StageRow]]) -> dict[str, float] | None:
    """Means over seeds of the whole chain's cost; parameters are those of its largest stage."""
    if not chains:
        return None
    return {
        "epochs": fmean(sum(row.epochs for row in chain) for chain in chains),
        "steps": fmean(sum(row.steps for row in chain) for chain in chains),
        "seconds": fmean(sum(row.seconds for row in chain) for chain in chains),
        "parameters": fmean(max(row.parameters for row in chain) for chain in chains),
    }
