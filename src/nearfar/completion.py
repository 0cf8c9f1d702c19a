"""What the shell is offered at the next press of the tab key: studies, profiles, arms."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer


def complete_study(incomplete: str) -> Iterator[tuple[str, str]]:
    """Yield shipped studies with their titles, study files, and folders on the way to such."""
    from nearfar.study.files import shipped_texts

    for name, study in shipped_texts().items():
        if name.startswith(incomplete):
            yield name, str(study.get("title", ""))
    folder = Path(incomplete).parent if incomplete else Path()
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in found:
        name = f"{path}/" if path.is_dir() else str(path)
        hidden = path.name.startswith(".") and not Path(incomplete).name.startswith(".")
        leads = path.is_dir() or path.suffix in {".yaml", ".yml"}
        if leads and name.startswith(incomplete) and not hidden:
            yield name, ""


def complete_profile(incomplete: str) -> Iterator[tuple[str, str]]:
    """Yield profiles, with what each is for."""
    from nearfar.study.profile_names import PROFILES

    yield from ((name, what) for name, what in PROFILES.items() if name.startswith(incomplete))


def complete_arm(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the arms of the study that is named before; none where it cannot be read."""
    from nearfar.errors import UserError
    from nearfar.study.files import find_study, read_study

    try:
        # Behind an option without its value, the study is still among the arguments.
        study = ctx.params.get("study") or next(iter(ctx.args), "")
        arms: Any = read_study(find_study(str(study))).get("arms")
    except (UserError, OSError, ValueError):
        return []
    names = [str(name) for name in arms] if isinstance(arms, dict) else []
    return [name for name in names if name.startswith(incomplete)]
