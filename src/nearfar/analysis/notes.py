"""What a reader must know to read the numbers: a line each."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import Any

from nearfar.analysis.compare import Rules, test_of
from nearfar.analysis.comparison import Comparison, training_count
from nearfar.analysis.estimate import MIN_SEEDS, breakdowns_not_excluded
from nearfar.analysis.results import TEST, RunResults
from nearfar.analysis.variance import FRESH
from nearfar.data.lost_classes import lost_words
from nearfar.data.targets import ALL_TARGETS
from nearfar.metrics import METRICS
from nearfar.numbers import count, counted, fixed
from nearfar.plan.search import Choice, point_name

_NAMED = 10
_MUCH_LONGER = 1.5
_COPIES = 0.05
ANOTHER = "those of another recipe"


def notes_on(
    results: RunResults,
    comparisons: Sequence[Comparison],
    rules: Rules,
    baseline: str,
    profile: str,
    left_out: Sequence[str] = (),
) -> list[str]:
    """Return the notes of a summary, the most consequential first.

    ``left_out`` are the arms of the study that its profile leaves out.
    """
    found = [_profile(profile, left_out), _rounds(results, comparisons, rules), _seeds(results)]
    found += [*_lost(results), _unread(rules)]
    if baseline not in results.arms:
        found.append(f"The baseline {baseline} was not run, so nothing is compared with it.")
    found += [*_twins(results, profile), _longer(results, comparisons)]
    found += [_uneven(results, rules), _floor(comparisons)]
    found += [_over_targets(results), _breakdowns(results), _interval(results, comparisons, rules)]
    return [note for note in found if note]


def fallback(choice: Choice) -> str:
    """Say that the chosen point diverged with the final budget and another one stands for it."""
    if not choice.reason:
        return ""
    seeds = f" (seed {choice.seeds[0]})" if len(choice.seeds) == 1 else ""
    if not choice.fallback or choice.chosen is None:
        return f"{choice.arm}{seeds}: {choice.reason}."
    return f"{choice.arm}{seeds}, fallback to {point_name(choice.chosen)}: {choice.reason}."


def straddling(groups: int, copies: str = "") -> str:
    """Say that the data set's own parts share groups.

    Where nobody named groups, they are copies of one thing, ``copies``: image or molecule.
    """
    if not groups:
        return ""
    one, several = ("stands", "stand") if copies else ("has rows", "have rows")
    what = f"{counted(groups, copies or 'group')} {one if groups == 1 else several}"
    return (
        f"{what} in more than one part of the data set's own split: for these, test errors are of "
        "rows whose like was trained on."
    )


def leaking(leaks: Sequence[str]) -> str:
    """Warn of features that are all but a target."""
    if not leaks:
        return ""
    more = f"; and {len(leaks) - _NAMED} more" if len(leaks) > _NAMED else ""
    told = "; ".join(leaks[:_NAMED])
    return (
        f"{told[0].upper()}{told[1:]}{more}. Where that is not known before the target is, these "
        "scores promise too much: leave it out of data: features."
    )


def copied(copies: int, tested: int) -> str:
    """Warn of tested rows that have the features of a row that is learnt from."""
    if copies < _COPIES * tested:
        return ""
    return (
        f"{copies} of {tested} tested rows (first split) have the same features as a row that is "
        "learnt from. If these are one thing measured twice, new rows will fare worse than scores "
        "say: name a group (data: group), so that such rows stay in one part."
    )


def dropped(data: Mapping[str, Any]) -> str:
    """Say how many rows cannot be used, and why; ``data`` is what a run tells of where it began."""
    if not data.get("dropped"):
        return ""
    why = ", ".join(f"{rows} × {reason}" for reason, rows in data.get("reasons", {}).items())
    shown = ""
    for row, message in list(data.get("dropped_rows", {}).items())[:1]:
        shown = f"; the first is row {row}: {message.split(f', row {row}: ', 1)[-1]}"
    are = "is" if data["dropped"] == 1 else "are"
    count = f"{data['dropped']} of {data['read']} rows"
    told = f"{count} cannot be used and {are} left out: {why}{shown}."
    lost = lost_words(data)
    return f"{told} {lost[0].upper()}{lost[1:]}." if lost else told


def latest_tested(data: Mapping[str, Any]) -> str:
    """Say which rows are tested where time divides them; ``data`` as for :func:`dropped`."""
    by_time = data.get("by_time")
    if not by_time:
        return ""
    return (
        f"The latest rows are tested, those from {by_time['test']} on (column "
        f"{by_time['column']}), after training on earlier ones: scores are for rows that follow as "
        "these did."
    )


def lacking(known: Mapping[str, Mapping[str, int]]) -> str:
    """Say how many rows have each of several targets, of which some rows lack one."""
    if not known:
        return ""
    shown = [
        f"{name} {parts['train']}, {parts['validation']} and {parts['test']}"
        for name, parts in list(known.items())[:_NAMED]
    ]
    more = f"; and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return (
        "Some rows lack some of the targets: these are masked in losses, and every number of a "
        "target is of the rows that have it. Rows for training, validation and test, in the first "
        f"split: {'; '.join(shown)}{more}."
    )


def few_tested(rare: Mapping[str, int], *, labels: bool) -> str:
    """Warn of classes, or labels, that few tested rows have."""
    if not rare:
        return ""
    shown = sorted(rare.items(), key=lambda item: (item[1], item[0]))
    few = ", ".join(f"{name} {rows}" for name, rows in shown[:5])
    more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
    what = "with the label" if labels else "of the class"
    return (
        f"Fewer than 20 different rows {what} are tested in all trainings ({few}{more}): what is "
        "measured of them rests on so few rows and may be far from what others would give."
    )


def not_tested(lacking_seeds: Mapping[str, Sequence[int]], seeds: Set[int]) -> str:
    """Warn of classes of which some of the ``seeds`` test no row: class → such seeds."""
    found = {name: len(seeds & set(some)) for name, some in lacking_seeds.items()}
    classes = {name: trainings for name, trainings in found.items() if trainings}
    if not classes:
        return ""
    first = sorted(classes, key=lambda name: (-classes[name], name))[:5]
    named = ", ".join(f"{name} in {classes[name]}" for name in first)
    more = f" and {len(classes) - len(first)} more" if len(classes) > len(first) else ""
    return (
        f"Some of {len(seeds)} trainings test no row of a class ({named}{more}): their means over "
        "classes, such as balanced accuracy, are those of the other classes, and too high where "
        "the lacking ones are hard. Fewer folds or larger test parts have rows of all."
    )


def other_views(sizes: Mapping[str, str]) -> str:
    """Warn of arms that learn from views of another size than the images they are tested on."""
    arms = [f"{arm} ({size})" for arm, size in sizes.items() if size]
    if not arms:
        return ""
    return (
        f"Learnt from views of another size than the images of the test: {', '.join(arms)}. An "
        "encoder's features may shift with the size, and errors rise: leave out the size of the "
        "views, or choose an encoder with crop (resnet18)."
    )


def _profile(profile: str, left_out: Sequence[str]) -> str:
    if profile == "full":
        return ""
    without = f" It leaves out: {', '.join(left_out)}." if left_out else ""
    if profile == "efficient":
        return (
            "Efficient profile: all data and the published question, by recipes that need less "
            f"arithmetic. Published numbers stand beside its own as {ANOTHER}.{without}"
        )
    return (
        f"{profile.capitalize()} profile: smaller budgets than the study's own. Its numbers are "
        f"not set beside published ones.{without}"
    )


def _seeds(results: RunResults) -> str:
    n = len(results.seeds)
    if n >= MIN_SEEDS:
        return ""
    return f"{training_count(n)}: no intervals and no tests; they need at least {MIN_SEEDS}."


def _unread(rules: Rules) -> str:
    """Say that row scores are missing, so that intervals know of trainings alone."""
    if rules.scores is None or not (arms := sorted(rules.scores.unread)):
        return ""
    return (
        f"Predictions of {', '.join(arms)} are missing or do not give the recorded values "
        "(predictions.csv of their stages): their comparisons rest on one value a training."
    )


def _lost(results: RunResults) -> list[str]:
    """One note per arm and condition that lost seeds, with the stages' own reasons."""
    found = []
    for arm in results.distinct:
        for condition in results.conditions:
            seeds = results.seeds_of(arm, condition)
            if seeds.complete or not results.holds(arm, condition):
                continue
            chains = results.stages(arm, condition).values()
            reasons = {row.reason for rows in chains for row in rows if row.status != "done"}
            known = sorted(filter(None, reasons))
            why = "; ".join(known[:2] + [f"{len(known) - 2} more"] * (len(known) > 2))
            place = f" at {condition}" if condition else ""
            line = f"{arm}{place} {seeds.status}: its means and its test are withheld."
            found.append(f"{line} Reason: {why.rstrip('.')}." if why else line)
    return found


def _uneven(results: RunResults, rules: Rules) -> str:
    total = len(results.seeds)
    fewer, lost = {}, set()
    for arm in results.distinct:
        seeds = [results.seeds_of(arm, c) for c in results.conditions]
        if (runs := max(part.runs for part in seeds)) < total:
            fewer[arm] = f"{arm} ({runs} of {total})"
            lost |= set() if all(part.complete for part in seeds) else {arm}
    if not fewer:
        return ""
    if rules.testing.looks is not None:
        why = {
            "being decided or hopeless": [fewer[arm] for arm in fewer if arm not in lost],
            "having lost trainings": [fewer[arm] for arm in fewer if arm in lost],
        }
        told = (f"{reason}: {', '.join(arms)}" for reason, arms in why.items() if arms)
        return f"Took no part in later rounds, {'; '.join(told)}."
    which = "Arms have different seeds"
    if len(fewer) < len(results.distinct):
        which = "Fewer seeds than the others"
    pairs = "" if set(fewer) == lost else " Pairs are compared on common seeds."
    return f"{which}: {', '.join(fewer.values())}.{pairs}"


def _rounds(results: RunResults, comparisons: Sequence[Comparison], rules: Rules) -> str:
    """Say how far a study in rounds is, and what its numbers hold for."""
    looks = rules.testing.looks
    if looks is None:
        return ""
    done = len(results.seeds) // looks.size
    arms = list(dict.fromkeys(c.arm for c in comparisons if c.open))
    state = (
        f"Still open: {', '.join(arms)}; the same command goes on." if arms else "Nothing is open."
    )
    return (
        f"Round {done} of at most {looks.most // looks.size}, {looks.size} trainings each. {state} "
        "p-values and intervals hold for all looks at once (repeated confidence intervals): they "
        "are wider than those of a single look. Chances are of this look alone."
    )


def _floor(comparisons: Sequence[Comparison]) -> str:
    arms = list(dict.fromkeys(c.arm for c in comparisons if c.undecidable))
    if not arms:
        return ""
    return (
        f"More trainings on these rows are unlikely to decide: {', '.join(arms)}. What the rows "
        "contribute to the error is large for differences of this size; more rows would tell."
    )


def _twins(results: RunResults, profile: str) -> list[str]:
    """Say which arms are one computation, and so one row of every table."""
    return [
        f"{arm}: the same as {first} in this profile."
        if profile != "full"
        else f"{arm}: the same computation as {first}."
        for arm, first in results.twins.items()
    ]


def _longer(results: RunResults, comparisons: Sequence[Comparison]) -> str:
    """Say which arms were better after much longer training than what they are better than.

    Of arms that are trained by steps: others have no budget that could be evened. Being ahead of a
    control, such as an encoder that is not trained, is what training is for.
    """
    found = {}
    for c in comparisons:
        if c.verdict not in {"better", "worse"}:
            continue
        first, other = (c.arm, c.against) if c.verdict == "better" else (c.against, c.arm)
        if results.is_control(other):
            continue
        long, short = (_seconds(results, arm, c.condition) for arm in (first, other))
        if long and short and long >= _MUCH_LONGER * short:
            found[first, other] = f"{first} {fixed(long / short, 1)} times as long as {other}"
    if not found:
        return ""
    more = f", and {len(found) - _NAMED} more such" * (len(found) > _NAMED)
    return (
        f"Better after longer training: {'; '.join([*found.values()][:_NAMED])}{more} (seconds a "
        "training, pre-training counted). Part of such a lead may be the longer training."
    )


def _seconds(results: RunResults, arm: str, condition: str) -> float | None:
    """Return the median seconds that an arm trained for; None if no stage of it takes steps."""
    chains = results.stages(arm, condition).values()
    if not any(row.steps for chain in chains for row in chain):
        return None
    return results.seconds(arm, condition)


def _breakdowns(results: RunResults) -> str:
    """Say how many breakdowns cannot be excluded of arms whose training is a descent."""
    trained = [
        results.seeds_of(arm, condition).runs
        for arm in results.distinct
        for condition in results.conditions
        if any(row.steps for chain in results.stages(arm, condition).values() for row in chain)
    ]
    n = min(filter(None, trained), default=0)
    if n < MIN_SEEDS:
        return ""
    rate = fixed(100 * breakdowns_not_excluded(n), 0)
    return (
        f"A training by gradient descent may break down now and then. Where none of {n} did, "
        f"breakdowns in up to {rate}% of trainings cannot be excluded (95%), and the means and "
        "intervals know nothing of them."
    )


def _over_targets(results: RunResults) -> str:
    """Say what the number is that carries the verdicts where there are several targets."""
    if ALL_TARGETS not in results.targets:
        return ""
    names = [target for target in results.targets if target != ALL_TARGETS]
    label = METRICS[results.metric].label
    if not names:
        return f"{label} over {ALL_TARGETS} is of all labels of all rows together."
    shown = ", ".join(names[:_NAMED]) + f" and {len(names) - _NAMED} more" * (len(names) > _NAMED)
    scaled = ", each scaled by its own deviation" if results.unit == "z" else ""
    return (
        f"{label} over {ALL_TARGETS} is the mean of those of {shown}{scaled}; it carries the "
        "verdicts. Each target is compared by itself too, with p-values adjusted among those "
        "comparisons."
    )


def _interval(results: RunResults, comparisons: Sequence[Comparison], rules: Rules) -> str:
    if len(results.seeds) < MIN_SEEDS:
        return ""
    tests = dict.fromkeys((c.family, test_of(results, c)) for c in comparisons if c.p is not None)
    families = Counter(family for family, _ in tests)
    text = "Intervals are 95% and unadjusted: each speaks for itself alone. "
    if families and max(families.values()) > 1:
        named = ", ".join(f"{family} ({size})" for family, size in families.items())
        text += (
            f"Verdicts use p-values adjusted within each family of comparisons (Holm): {named}. "
        )
    if rules.varies:
        return text + (
            "Trainings on one data set share most of their rows: what these contribute to the "
            f"variance counts {fixed(FRESH, 1)} times, for what one data set cannot show; "
            "the noise of training counts once."
        )
    return text + (
        "One fixed split: verdicts are for this split; those of differences count that the test "
        f"part has only {count(rules.rows[TEST])} rows."
    )
