"""What the words of the results mean."""

from html import escape

from nearfar.metrics.metric import ASKED
from nearfar.numbers import finite, precise
from nearfar.report.load import Run
from nearfar.report.wording import verdict_name

FRESH = 1.7
"""How often the part of the rows counts where splits vary (``nearfar.analysis.variance``)."""

_WORDS = {
    "mean ± deviation": "over the seeds of an arm; sample deviation (n − 1). Where arms have "
    "different seeds, differences are of those that both have.",
    "better, worse": "the paired difference to the baseline is significant at 5% after Holm’s "
    "adjustment over the comparisons of its family. What the study asks is one family, controls "
    "are another, and so are comparisons that only a claim asks for, those under other conditions "
    "and those of single targets.",
    "undecided": "neither a difference nor its absence is shown. It does not mean that there is "
    "no difference: the line below says how large it can be, from the 95% interval.",
    "chances": "how probable it is that the true difference is better by more than the margin, "
    "within it, or worse, from this estimate and its error alone. Not adjusted: each comparison "
    "speaks for itself.",
    "use this, may be the best": "arms that another one surely beats are left out; with 95%, those "
    "that remain contain the best. Of those within the margin of the best mean, the cheapest is "
    "recommended. Means are compared on the seeds that arms share. Controls are never "
    "recommended: where no arm is shown to be better than one, it "
    "says “if any”.",
    "withheld": "a seed diverged or failed, so there is no mean and no test.",
    "z-scored": "in deviations of the training part’s target.",
}


def explained(run: Run) -> str:
    """How to read the results, a line a word."""
    words = dict(_WORDS)
    if run.summary.get("unit") != "z":
        del words["z-scored"]
    html = ""
    for name, text in words.items():
        html += _line(name, text)
        if name == "mean ± deviation":
            html += _line("95% interval", _interval(run))
        if name == "better, worse":
            html += _line(verdict_name("same"), _same(run))
    return f'<details><summary>How to read this</summary><dl class="words">{html}</dl></details>'


def margin_sentence(run: Run) -> str:
    """Say below which size a difference counts as none, and why; empty if there is no margin."""
    margin = run.summary.get("margin") or {}
    size = finite(margin.get("size"))
    if size is None:
        return ""
    why = str(margin.get("why") or "given")
    if why == ASKED:
        return f"A difference that surely lies within ±{precise(size)} counts as none: {why}."
    return (
        f"Two arms whose difference lies within ±{precise(size)} count as the same ({why}), unless "
        "it is sure that there is one."
    )


def _line(name: str, text: str) -> str:
    return f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>"


def _interval(run: Run) -> str:
    rows = (
        f"What rows contribute counts {FRESH} times, for the training rows that one data set "
        "cannot show."
        if run.summary.get("resplit")
        else "It is about this split: other training rows may give another difference."
    )
    return (
        "from the two parts of the variance of a mean over trainings: the rows that happened to be "
        f"tested, and the noise of training. {rows} It is not adjusted for other comparisons."
    )


def _same(run: Run) -> str:
    """What no relevant difference is, with the size of the margin and why it is that."""
    own = margin_sentence(run)
    shown = "the difference is shown to lie within the margin, by two one-sided tests at 5%, "
    return f"{shown}adjusted as above.{f' {own}' if own else ''}"
