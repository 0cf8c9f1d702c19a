"""What a classifier takes for what: counts of test rows and, for images, the rows themselves."""

from collections import Counter
from collections.abc import Sequence
from html import escape

from nearfar.report.page.panel import ASSETS, PageContext, Section
from nearfar.report.page.rows import ArmPredictions, Shown
from nearfar.report.page.sections.classes import shade

MOST_PAIRS = 6
MOST_PICTURES = 8
MANY_CLASSES = 20

Counts = Counter[tuple[str, str]]


def confusion_section(predicted: Sequence[ArmPredictions], shown: Shown, *, pictured: bool) -> str:
    """Every arm's confusions over the test rows of all its seeds; empty without classes.

    ``pictured``: the rows are images, so that the most frequent confusions can be seen.
    """
    rows = shown if pictured else None
    parts = [part for arm in predicted if (part := _arm(arm, rows))]
    if not parts:
        return ""
    first = parts[0].replace("<details>", "<details open>", 1)
    return (
        '<p class="about">Test rows of all seeds: the true class in rows, the predicted one in '
        "columns, in percent of the true class. On the diagonal stands the share found "
        "(recall).</p>" + "".join([first, *parts[1:]])
    )


def _arm(arm: ArmPredictions, shown: Shown | None) -> str:
    counts = _counts(arm) if arm.classes else Counts()
    if not counts:
        return ""
    total = Counter[str]()
    for (truth, _), count in counts.items():
        total[truth] += count
    wrong = [(n / total[t], t, g) for (t, g), n in counts.items() if t != g]
    wrong.sort(key=lambda item: (-item[0], item[1:]))
    worst = ""
    if wrong:
        share, truth, guess = wrong[0]
        worst = escape(f": most often {truth} for {guess} ({100 * share:.0f}%)")
    return (
        f"<details><summary>{escape(arm.label)}{worst}</summary>"
        f"{_pairs(arm, wrong[:MOST_PAIRS], counts, total, shown)}"
        f"{_matrix(arm.classes, counts, total)}</details>"
    )


def _pairs(
    arm: ArmPredictions,
    wrong: Sequence[tuple[float, str, str]],
    counts: Counts,
    total: Counter[str],
    shown: Shown | None,
) -> str:
    """The most frequent confusions, and places among the shown rows for the page to picture."""
    rows_of = {} if shown is None else _shown_rows(arm, shown)
    body = ""
    for share, truth, guess in wrong:
        rows = rows_of.get((truth, guess), [])[:MOST_PICTURES]
        places = " ".join(map(str, rows))
        body += (
            f'<tr><th scope="row">{escape(truth)}</th><td>{escape(guess)}</td>'
            f'<td class="n">{100 * share:.1f}%'
            f"<small>{counts[truth, guess]:,} of {total[truth]:,}</small></td>"
            + (f'<td class="thumbs" data-rows="{places}"></td></tr>' if shown else "</tr>")
        )
    if not body:
        return ""
    head = '<th>true</th><th>taken for</th><th class="n">share</th>'
    head += "<th>some of them</th>" if shown else ""
    return (
        '<div class="scroll pairs"><table class="pairs">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _shown_rows(arm: ArmPredictions, shown: Shown) -> dict[tuple[str, str], list[int]]:
    """Places of the shown rows that some seed tested and took for another class."""
    found: dict[tuple[str, str], list[int]] = {}
    for read in arm.by_seed.values():
        for place, row in enumerate(shown.ids):
            if read.parts.get(row) == "test" and read.truth[row] != read.prediction[row]:
                key = (arm.classes[int(read.truth[row])], arm.classes[int(read.prediction[row])])
                if place not in found.setdefault(key, []):
                    found[key].append(place)
    return found


def _matrix(classes: Sequence[str], counts: Counts, total: Counter[str]) -> str:
    head = "".join(f'<th scope="col"><span>{escape(name)}</span></th>' for name in classes)
    rows = ""
    for truth in classes:
        cells = ""
        for guess in classes:
            count = counts[truth, guess]
            if not count:
                cells += "<td></td>"
                continue
            share = count / total[truth]
            title = escape(f"{truth} taken for {guess}: {count}")
            cells += f'<td class="{shade(share)}" title="{title}">{100 * share:.0f}</td>'
        rows += f'<tr><th scope="row">{escape(truth)}</th>{cells}</tr>'
    kind = "confusion dense" if len(classes) > MANY_CLASSES else "confusion"
    if len(classes) > MANY_CLASSES and max(map(len, classes)) > 2:
        kind += " upright"
    return (
        f'<div class="scroll {kind}" tabindex="0"><table class="{kind}">'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _counts(arm: ArmPredictions) -> Counts:
    """Counts of (truth, guess) over the test rows of all seeds, by name."""
    found = Counts()
    for counts in arm.confusions():
        for truth, guess in zip(*counts.nonzero(), strict=True):
            found[arm.classes[truth], arm.classes[guess]] += int(counts[truth, guess])
    return found


def _body(page: PageContext) -> str:
    return confusion_section(page.predicted, page.shown, pictured=bool(page.run.samples.thumbnails))


CONFUSION = Section(
    "confusion", "Confusion", "What is taken for what", _body, script=ASSETS / "confusion.js"
)
