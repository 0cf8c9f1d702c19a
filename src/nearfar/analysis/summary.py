"""``summary.json``: what the report draws, from the study and its records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import TYPE_CHECKING, Any

from nearfar.analysis.answer import answer, asked_of
from nearfar.analysis.claims import beside_published, claimed_means, claimed_pairs, judge
from nearfar.analysis.compare import MARGIN, Comparison, RowDifferences, Rules, compare, pairs_of
from nearfar.analysis.notes import fallback, notes_on
from nearfar.analysis.results import RunResults, Series
from nearfar.analysis.statistics import MIN_SEEDS, Estimate, corrected_mean, mean_over_seeds
from nearfar.metrics import MEASURES, METRICS
from nearfar.plan.search import Choice
from nearfar.records import SEARCH, Record, StageRow
from nearfar.records.conditions import is_pattern, joined
from nearfar.study.published import Claim, Published

if TYPE_CHECKING:
    pass

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
    row_differences: RowDifferences | None = None,
    choices: Sequence[Choice] = (),
) -> dict[str, Any]:
    """Return the content of ``summary.json`` (docs/architecture.md), plain values alone.

    ``study`` is a resolved study as a mapping: study, title, question, metric, margin, baseline,
    split.resplit, published and claims as in a study file, and ``arms``: by the names in the
    records, each with its ``group``, ``against`` and ``target``. ``rows`` counts train, validation
    and test rows. ``row_differences`` is what comparisons on a fixed split need
    (:func:`nearfar.analysis.row_scores.kept_row_differences`). ``choices`` are its searches.
    """
    results = RunResults(
        study, records, [row for row in stages if not row.stage.startswith(SEARCH)]
    )
    published = [Published.model_validate(entry) for entry in study.get("published") or ()]
    claims = [Claim.model_validate(claim) for claim in study.get("claims") or ()]
    resplit, baseline = bool(study["split"]["resplit"]), study["baseline"]
    rules = Rules(resplit, rows, study.get("margin"), row_differences)
    comparisons = _compared(results, claims, baseline, rules)
    primary = [c for c in comparisons if c.target in results.primary_targets]
    single = [c for c in primary if not is_pattern(c.condition)]
    asked = asked_of(results, single, baseline, profile, resplit)
    beside = [row for entry in published for row in beside_published(entry, results, choices)]
    return {
        "study": study["study"],
        "title": study.get("title") or study["study"],
        "question": study.get("question") or "",
        "profile": profile,
        "kind": kind,
        "metric": results.metric,
        **_plug_in(results.metric),
        "unit": results.unit,
        "baseline": baseline,
        "target": _target(results, baseline),
        "seeds": results.seeds,
        "reference": _reference(study.get("axes") or {}),
        "resplit": resplit,
        "rows": dict(rows),
        "margin": _margin(results, baseline, rules),
        "answer": answer(asked, results) if results.arms else "Nothing was run.",
        "notes": [
            *notes_on(results, primary, rules, baseline, profile),
            *(note for choice in choices if (note := fallback(choice))),
        ],
        "arms": _arms(results, rules),
        "comparisons": [asdict(comparison) for comparison in comparisons],
        "published": beside if profile == "full" else [],
        "claims": [judge(claim, primary, profile) for claim in claims],
        "choices": [choice.to_plain() for choice in choices],
    }


def _compared(
    results: RunResults, claims: Sequence[Claim], baseline: str, rules: Rules
) -> list[Comparison]:
    """Compare every arm with its baseline, and whatever claims ask for beside that."""
    ran = set(results.arms)
    asked_for = [pair for pair in claimed_pairs(claims) if set(pair) <= ran]
    pairs = pairs_of(results, baseline, asked_for)
    means = [c for c in claimed_means(claims, pairs) if {c[0], c[1]} <= ran]
    return compare(results, pairs, rules, means)


def _reference(axes: Mapping[str, Mapping[str, Any]]) -> str:
    """The condition of the first values of all its axes: it stands for the others where asked."""
    first = {
        name: str(next(iter(axis["values"])))
        for name, axis in axes.items()
        if axis["role"] in {"condition", "score"}
    }
    return joined(first)


def _target(results: RunResults, baseline: str) -> str:
    """The baseline's target that carries verdicts, the first of several."""
    series = (s for c in results.conditions for s in results.series(baseline, c))
    places = {s.target for s in series if s.metric == results.metric}
    return min(places & set(results.primary_targets), default=results.primary_targets[0])


def _margin(results: RunResults, baseline: str, rules: Rules) -> float | None:
    """The margin of equivalence; by default of the first condition and target."""
    if rules.margin is not None:
        return rules.margin
    if baseline not in results.arms:
        return None
    condition = next((c for c in results.conditions if results.holds(baseline, c)), "")
    mean = results.mean(baseline, results.primary(condition, _target(results, baseline)))
    return None if mean is None else MARGIN * abs(mean)


def _arms(results: RunResults, rules: Rules) -> list[dict[str, Any]]:
    return [
        _arm(results, arm, condition, order, rules)
        for order, arm in enumerate(results.arms)
        for condition in results.conditions
        if results.holds(arm, condition)
    ]


def _arm(results: RunResults, arm: str, condition: str, order: int, rules: Rules) -> dict[str, Any]:
    seeds = results.seeds_of(arm, condition)
    chains = results.stages(arm, condition)
    series = results.series(arm, condition)
    return {
        "arm": arm,
        "condition": condition,
        "group": results.settings.get(arm, {}).get("group") or "",
        "order": order,
        "runs": seeds.runs,
        "done": len(seeds.done),
        "diverged": len(seeds.diverged),
        "failed": len(seeds.failed),
        "status": seeds.status,
        "metrics": [
            _metric(s, series[s], seeds.complete, len(seeds.done), rules)
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
    series: Series, values: Mapping[int, float], complete: bool, done: int, rules: Rules
) -> dict[str, Any]:
    numbers = list(values.values())
    whole = complete and len(numbers) == done
    estimate = mean_over_seeds(numbers) if whole and len(numbers) > 1 else None
    low, high = _interval(series.split, numbers, rules) if whole else (None, None)
    return {
        "split": series.split,
        "target": series.target,
        "metric": series.metric,
        "unit": series.unit,
        "mean": fmean(numbers) if whole else None,
        "std": estimate.std if estimate else None,
        "n": len(numbers),
        "low": low,
        "high": high,
        "values": {str(seed): value for seed, value in sorted(values.items())},
    }


def _interval(
    split: str, numbers: Sequence[float], rules: Rules
) -> tuple[float, float] | tuple[None, None]:
    """The 95% interval of a mean; none under three seeds.

    On re-splits it carries the correction for overlap, with the rows of its own part; there is
    none for training rows, which re-splits share almost wholly. On a fixed split it is Student's
    over seeds: what other seeds would give on these very rows.
    """
    if len(numbers) < MIN_SEEDS:
        return None, None
    estimate: Estimate | None = mean_over_seeds(numbers)
    if rules.resplit:
        evaluated = 0 if split == "train" else rules.rows.get(split, 0)
        estimate = corrected_mean(numbers, evaluated, rules.rows["train"]) if evaluated else None
    return estimate.interval() if estimate else (None, None)


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
