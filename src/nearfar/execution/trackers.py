"""Which trackers a run has."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nearfar.errors import UserError, nearest
from nearfar.study.overlay import by_name
from nearfar.study.schema import Study
from nearfar.track import TRACKERS, Tracker


def with_trackers(track: Any, names: Iterable[str]) -> Any:
    """Return the ``track`` block with more trackers, by name.

    Raises:
        UserError: there is no such tracker.
    """
    for name in names:
        if name not in TRACKERS:
            raise UserError(f"--track: unknown value {name!r}; {nearest(name, TRACKERS)}")
        track = {name: {}, **(by_name(track) or {})}
    return track


def trackers_of(study: Study, run: Path) -> dict[str, Tracker]:
    """Return the trackers of a study, which keep their files in the run folder, under track/."""
    chosen = {} if study.track is None else dict(study.track)
    return {
        name: TRACKERS[name](run.resolve() / "track" / name, **dict(options))
        for name, options in chosen.items()
        if options is not None
    }
