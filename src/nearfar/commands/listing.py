"""`nearfar studies` and `nearfar show`."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from nearfar.report.console import InertConsole as Console

DAYS_FROM = 2880
"""Minutes from which an expected time is given in days: such a study is for a GPU."""
LISTED = ("full", "efficient", "quick")
"""The profiles whose expected times are listed."""


def list_studies() -> None:
    """Print the shipped studies, a line each, with expected times."""
    from nearfar.study.files import shipped_texts
    from nearfar.study.profile_names import PROFILES

    console = Console()
    table = Table(box=None, header_style="bold")
    for column in ("study", "what it asks", *LISTED):
        table.add_column(column)
    for name, study in shipped_texts().items():
        minutes = study.get("minutes", {})
        times = [_duration(minutes.get(profile)) for profile in LISTED]
        table.add_row(name, study.get("question") or study.get("title", ""), *times)
    console.print(table)
    for profile in LISTED:
        console.print(Text.assemble((profile, "bold"), f": {PROFILES[profile]}"))
    for name, study in shipped_texts().items():
        arms = ((study.get("profiles") or {}).get("efficient") or {}).get("arms") or {}
        left_out = [arm for arm, changes in arms.items() if changes is None]
        if left_out:
            console.print(f"{name}, efficient, leaves out: {', '.join(left_out)}")


def _duration(minutes: float | None) -> str:
    if minutes is None:
        return "?"
    if minutes >= DAYS_FROM:
        return f"{minutes / 1440:.0f} days"
    return f"{minutes / 60:.1f} h" if minutes >= 90 else f"{minutes:g} min"


def show_study(
    name: str, profile: str | None, settings: tuple[str, ...], *, no_modules: bool = False
) -> None:
    """Print a resolved study as YAML."""
    from nearfar.plain_yaml import to_yaml
    from nearfar.study.load import load_study

    text = load_study(name, profile, settings, no_modules=no_modules).text
    print(to_yaml(text), end="")
