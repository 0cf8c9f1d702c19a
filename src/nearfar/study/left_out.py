"""What a profile leaves out: ``NAME: null`` among its arms, stages, axes or targets."""

from collections.abc import Mapping
from typing import Any

from nearfar.study.resolved import arm_of

BLOCKS = ("arms", "stages", "axes", "targets")
LEFT_OUT = "left_out"
"""The key of a resolved study that names the arms which its profile leaves out."""


def without_left_out(merged: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return a study, over which ``patch`` was laid, without what is null there.

    Published numbers and claims about arms that are left out are gone too.
    """
    text, out = dict(merged), {block: _nulls(patch.get(block)) for block in BLOCKS}
    for block, names in out.items():
        if names and isinstance(text.get(block), dict):
            text[block] = {name: v for name, v in text[block].items() if name not in names}
    arms = out["arms"]
    if not arms:
        return text
    text[LEFT_OUT] = [*(text.get(LEFT_OUT) or ()), *arms]
    for block in ("published", "claims"):
        if isinstance(text.get(block), list):
            known = [*(text.get("arms") or ()), *arms]
            text[block] = [one for one in text[block] if not _speaks_of(one, arms, known)]
    return text


def _nulls(block: Any) -> list[str]:
    given = block if isinstance(block, dict) else {}
    return [name for name, value in given.items() if value is None]


def _speaks_of(entry: Any, arms: list[str], known: list[str]) -> bool:
    """Whether a published number or a claim is about one of the arms, at any value of an axis."""
    if not isinstance(entry, dict):
        return False
    claimed = entry.get("arms")
    named = [
        entry.get("arm"),
        entry.get("against"),
        *(claimed if isinstance(claimed, list) else []),
    ]
    return any(arm_of(str(name), known) in arms for name in named)
