"""What a classifier takes for what: counts of test rows, one table an arm."""

from collections import Counter
from collections.abc import Sequence
from html import escape

from nearfar.report.load import Run
from nearfar.report.rows import ArmPredictions

SHADES = 9


def confusion_section(run: Run, predicted: Sequence[ArmPredictions]) -> str:
    """Every arm's confusion matrix over the test rows of all its seeds; empty without classes."""
    classes = [str(name) for name in run.summary.get("classes") or []]
    tables = [table for arm in predicted if (table := _table(arm, classes))] if classes else []
    if not tables:
        return ""
    first = tables[0].replace("<details>", "<details open>", 1)
    return (
        '<section id="confusion"><h2>What is taken for what</h2>'
        '<p class="about">Test rows of all seeds: the true class in rows, the predicted one in '
        "columns, in percent of the true class. On the diagonal stands the share found "
        "(recall).</p>" + "".join([first, *tables[1:]]) + "</section>"
    )


def _table(arm: ArmPredictions, classes: list[str]) -> str:
    counts = _counts(arm, classes)
    if not counts:
        return ""
    total = Counter[str]()
    for (truth, _), count in counts.items():
        total[truth] += count
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in classes)
    rows = ""
    for truth in classes:
        shares = [counts[truth, guess] / max(total[truth], 1) for guess in classes]
        cells = "".join(
            f'<td class="n shade{min(round(share * SHADES), SHADES)}" '
            f'title="{escape(f"{truth} taken for {guess}: {counts[truth, guess]}")}">'
            f"{f'{100 * share:.0f}' if share else ''}</td>"
            for guess, share in zip(classes, shares, strict=True)
        )
        rows += f'<tr><th scope="row">{escape(truth)}</th>{cells}</tr>'
    label = escape(arm.label)
    worst = escape(_worst(counts, total))
    return (
        f"<details><summary>{label}{worst}</summary>"
        f'<div class="scroll"><table class="confusion"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def _worst(counts: Counter[tuple[str, str]], total: Counter[str]) -> str:
    wrong = [(n / total[t], t, g) for (t, g), n in counts.items() if t != g]
    if not wrong:
        return ""
    share, truth, guess = max(wrong)
    return f": most often {truth} for {guess} ({100 * share:.0f}%)"


def _counts(arm: ArmPredictions, classes: list[str]) -> Counter[tuple[str, str]]:
    return Counter(
        (classes[int(read.truth[row])], classes[int(read.prediction[row])])
        for read in arm.by_seed.values()
        for row, part in read.parts.items()
        if part == "test"
    )
