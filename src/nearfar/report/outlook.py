"""What a study finds with how many trainings, as a table and a few sentences in the terminal."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nearfar.numbers import MISSING, duration, fixed, precise
from nearfar.report.wording import count, metric_name

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SHOWN = 6
WIDTH = 99
"""Columns of a terminal that are used where there are more."""

Plain = Mapping[str, Any]


def print_outlook(outlook: Plain, console: "Console") -> None:
    """Print an outlook, plain values of ``nearfar.analysis.outlook.Outlook``; fits 100 columns."""
    from rich.padding import Padding
    from rich.text import Text

    width = min(console.width, WIDTH)
    console.print()
    console.print(_table(outlook), width=width)
    if outlook["waiting"]:
        console.print(_waiting(outlook), width=width)
    for k, sentence in enumerate(sentences(outlook)):
        style = "dim" if not k else ""
        text = Text(sentence, style=style)
        console.print(Padding(text, (0, 0, 1, 1)), width=width)


def sentences(outlook: Plain) -> list[str]:
    """Say what the numbers rest on, what limits them, and whether the margin can be met."""
    return [_meaning(outlook), _source(outlook), _limit(outlook), _margin(outlook)]


def _new_table(title: str, first: str) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column(Text(first), overflow="fold")
    return table


def _table(outlook: Plain) -> "Table":
    from rich.text import Text

    asked, reaches = outlook["asked"], outlook["reaches"]
    guessed = "from arms that are solved" if asked["untested"] else "before any training"
    basis = "from its own run" if outlook["source"] == "run" else guessed
    table = _new_table(
        f"{asked['study']} ({asked['profile']}): what it will find, {basis}",
        f"{_trainings(outlook)} an arm",
    )
    named = _metric(outlook)
    percents = any(reach["percent"] is not None for reach in reaches)
    headers = [f"finds a difference of ({named})", f"the same within ± ({named})", "whole study"]
    if percents:
        headers.insert(1, f"% of the error of {asked['reference_arm']}")
    for header in headers:
        table.add_column(Text(header), justify="right", max_width=26)
    for reach in reaches:
        cells = [str(reach["n"]), precise(reach["finds"])]
        if percents:
            known = reach["percent"]
            cells.append(MISSING if known is None else f"{fixed(known, 1)}%")
        minutes = reach["minutes"]
        time = "unknown" if minutes is None else f"about {duration(60 * minutes)}"
        table.add_row(*cells, precise(reach["same"]), time)
    return table


def _waiting(outlook: Plain) -> "Table":
    """The comparisons of a run: verdict, what would decide, and what is found with how many."""
    from rich.text import Text

    table = _new_table("comparisons of the question", "arm")
    for header in ("against", "verdict", "would decide"):
        table.add_column(header, overflow="fold")
    for reach in outlook["reaches"]:
        table.add_column(f"{reach['n']} find", justify="right", no_wrap=True)
    for row in outlook["waiting"]:
        words = [row["arm"], row["against"], row["verdict"], _decided(row)]
        table.add_row(*map(Text, words), *map(precise, row["finds"]))
    return table


def _decided(row: Plain) -> str:
    """How many trainings would decide what is undecided, if mean and spread stay."""
    if row["verdict"] != "undecided":
        return ""
    if row["undecidable"]:
        return "only more rows"
    needed = row["trainings_to_decide"]
    return MISSING if needed is None else f"at least {count(needed)}"


def _meaning(outlook: Plain) -> str:
    comparisons = outlook["asked"]["comparisons"]
    over = "" if comparisons == 1 else f" over the question's {comparisons} comparisons"
    middle = "; medians over comparisons" if len(outlook["waiting"]) > 1 else ""
    here = "; for this split" if outlook["design"] == "fixed" else ""
    decides = f"; would decide: {_trainings(outlook)}, if mean and spread stay"
    return (
        f"found, or counted as the same: with a probability of 80%, at 5%{over}{middle}{here}"
        f"{decides if outlook['waiting'] else ''}"
    )


def _source(outlook: Plain) -> str:
    source, arms = outlook["source"], _listed(outlook["arms"])
    if source == "run":
        asked = outlook["asked"]
        return (
            f"Variances are those of the study's own run, with {asked['trainings']} "
            f"{_trainings(outlook)} an arm; so is the time that its stages took."
        )
    what = {
        "pairs": f"the differences of arms that are solved ({arms}), the median pair of them",
        "single": f"the one arm that is solved ({arms}), as if another one correlated with it by "
        "one half",
        "constant": f"the scores of a constant prediction ({arms}) alone, as no arm is solved: "
        "these vary more than differences of arms do, so it is likely too gloomy",
    }[source]
    untested = outlook["asked"]["untested"]
    begun, after, known = "No arm has been trained.", "a run", "before training"
    if untested:
        begun, known = f"The run so far tested no difference ({untested}).", "yet"
        after = "a run that tests one"
    return (
        f"{begun} What rows contribute is guessed from {what}. Training noise is not known "
        f"{known}: it is assumed to be as large as what the rows contribute to one training. "
        f"After {after}, the same command goes by that run's own variances."
    )


def _limit(outlook: Plain) -> str:
    limit, asked = outlook["limit"], outlook["asked"]
    trainings, hidden = _trainings(outlook), limit["hidden"]
    told = "limit" if outlook["source"] == "run" else "are likely to limit"
    here = f"With {asked['trainings']} {trainings} an arm, as the study has them,"
    first = (
        f"{here} the rows {told} what is found."
        if limit["by_rows"]
        else f"{here} their number and noise {told} what is found, more than the rows."
    )
    if hidden is None:
        return f"{first} Rows contribute nothing that stays: more {trainings} go on helping."
    size = _with_unit(hidden, outlook)
    if limit["measured"]:
        return (
            f"{first} With any number of {trainings} on these rows, differences below {size} stay "
            "hidden; only more rows show them."
        )
    return (
        f"{first} If what a row contributes comes again whenever it is tested, which is the worst "
        f"case, differences below {size} stay hidden with any number of {trainings} on these rows."
    )


def _margin(outlook: Plain) -> str:
    margin, reaches = outlook["margin"], outlook["reaches"]
    size, trainings = precise(margin), _trainings(outlook)
    if not outlook["margin_reached"]:
        last = reaches[-1]
        return (
            f"A margin of ±{size} is out of reach with {last['n']} {trainings} an arm: equal arms "
            f"would count as the same only within ±{_with_unit(last['same'], outlook)}."
        )
    enough = next(reach["n"] for reach in reaches if reach["same"] <= margin)
    return (
        f"Equal arms count as the same within the margin of ±{size} from {enough} {trainings} on."
    )


def _trainings(outlook: Plain) -> str:
    return "seeds" if outlook["design"] == "fixed" else "trainings"


def _metric(outlook: Plain) -> str:
    asked = outlook["asked"]
    return ", ".join(filter(None, [metric_name(asked["metric"]), asked["unit"]]))


def _with_unit(size: float, outlook: Plain) -> str:
    return f"{precise(size)} {outlook['asked']['unit']}".strip()


def _listed(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
