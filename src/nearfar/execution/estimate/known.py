"""Rehearsals that were made before, kept in the user's cache folder."""

import contextlib
import functools
import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nearfar.data.read.locate import cache_home
from nearfar.execution.estimate.rehearsal import Measured
from nearfar.execution.processes import cores
from nearfar.execution.provenance import processor
from nearfar.records.files import write_atomically

MOST = 1000
"""Kinds of stage that are kept; the oldest are forgotten."""


@dataclass(frozen=True)
class Fixed:
    """What is the same for all studies: see ``crowded`` and the seconds of a map for each row."""

    crowded: float
    map_seconds: float


class Known:
    """What was measured on this machine with this code, by the key of a kind of stage."""

    def __init__(self) -> None:
        self.path = cache_home() / "timings" / f"{machine()}.json"
        self._found: dict[str, Any] = {}
        self.fixed: Fixed | None = None
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            found = json.loads(self.path.read_text(encoding="utf-8"))
            self.fixed, self._found = Fixed(**found["fixed"]), dict(found["kinds"])

    def measured(self, key: str) -> list[Measured]:
        """Return the rehearsals of a kind of stage, on more and more rows; none if unreadable."""
        try:
            return [Measured.from_plain(plain) for plain in self._found.get(key, ())]
        except (TypeError, AttributeError):
            return []

    def keep(self, measured: Mapping[str, list[Measured]], fixed: Fixed) -> None:
        """Keep rehearsals; a folder that cannot be written to is no mistake."""
        whole = {key: [m for m in some if m.ended] for key, some in measured.items()}
        new = {key: [m.to_plain() for m in some] for key, some in whole.items() if some}
        older = {key: some for key, some in self._found.items() if key not in new}
        self._found = dict(list({**older, **new}.items())[-MOST:])
        with contextlib.suppress(OSError):
            write_atomically(self.path, json.dumps({"fixed": asdict(fixed), "kinds": self._found}))


@functools.cache
def machine() -> str:
    """Return what tells this machine, and this code, from others: 24 hexadecimal digits."""
    code = sorted(Path(__file__).parents[2].rglob("*.py"))
    states = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in code]
    here = platform.node(), processor(), cores(), platform.python_version()
    return hashlib.sha256(repr((here, states)).encode()).hexdigest()[:24]
