"""What the shell is offered at the next press of the tab key: studies, profiles, arms."""

import os
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import typer

_BARE = re.compile(r"""([\s!"#$&'()*;<>?\[\\\]^`{|}~])""")
"""What means something to a shell."""


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


class Offer(str):
    """A name as it is to stand on the command line, which begins as what was typed means.

    What was typed comes without backslashes, and Typer drops what does not begin like it.
    """

    __slots__ = ("name",)
    name: str

    def __new__(cls, name: str) -> Self:
        """Take a name as it is; the text is what the shell needs."""
        offer = super().__new__(cls, _in_shell(name))
        offer.name = name
        return offer

    def startswith(self, *given: Any) -> bool:
        """Whether the name begins so."""
        return self.name.startswith(*given)


def complete_arm(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the arms of the study or run that is named before; none where it cannot be read."""
    from nearfar.errors import UserError

    try:
        # Behind an option without its value, the study is still among the arguments.
        named = ctx.params.get("study") or ctx.params.get("folder") or next(iter(ctx.args), "")
        names = _arms_of(str(named))
    except (UserError, OSError, ValueError):
        return []
    return [Offer(name) for name in names if name.startswith(incomplete)]


def _arms_of(named: str) -> list[str]:
    """Return the arms of a study as its file has them, or of a run as its tables do."""
    from nearfar.records.run import STUDY, RunFolder
    from nearfar.study.files import find_study, read_study

    if (Path(named) / STUDY).is_file():
        rows = [row for row in RunFolder(Path(named)).stage_rows() if row.stage == "fit"]
        names = (f"{row.arm} · {row.condition}" if row.condition else row.arm for row in rows)
        return list(dict.fromkeys(names))
    arms: Any = read_study(find_study(named)).get("arms")
    return [str(name) for name in arms] if isinstance(arms, dict) else []


def _in_shell(name: str) -> str:
    """Return a name as it is to stand on the command line: bash leaves spaces and the like bare.

    Other shells put quotes where they belong; so does bash within a quote that was begun.
    """
    if "complete_bash" not in [os.environ[key] for key in os.environ if key.endswith("_COMPLETE")]:
        return name
    try:
        shlex.split(os.environ.get("COMP_WORDS", ""))
    except ValueError:  # a quote is open
        return name
    return _BARE.sub(r"\\\1", name)


def one_of(*names: str) -> Callable[[str], list[str]]:
    """Return what offers the names that there are, as far as they begin as what was typed."""

    def offered(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return offered
