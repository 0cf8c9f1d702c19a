"""Small bars in the cells of tables: shares of a whole, side by side."""

from collections.abc import Sequence
from html import escape

ROOM = 100.0
GAP = 1.0
LEAST = 3.0
"""The width of the smallest share that is drawn, of ``ROOM``."""
VISIBLE = 0.005
"""Smaller shares are not drawn."""


def bar(shares: Sequence[tuple[str, float]], words: str) -> str:
    """Return a bar of ``(class, share of 1)``, in their order; ``words`` say the same.

    An SVG, whose widths need no style of their own: the page's policy admits none.
    """
    drawn, left = "", 0.0
    widths = _widths([share for _, share in shares])
    for (kind, _), width in zip(shares, widths, strict=True):
        if width:
            drawn += (
                f'<rect class="{escape(kind)}" x="{left:.2f}" width="{width:.2f}" height="10"/>'
            )
            left += width + GAP
    return (
        f'<span class="bar" role="img" aria-label="{escape(words)}" title="{escape(words)}">'
        f'<svg viewBox="0 0 {ROOM:.0f} 10" preserveAspectRatio="none" aria-hidden="true">{drawn}'
        "</svg></span>"
    )


def _widths(shares: Sequence[float]) -> list[float]:
    """Widths that fill the room between gaps; those too small to be seen are widened."""
    wide = [max(ROOM * share, LEAST) if share >= VISIBLE else 0.0 for share in shares]
    gaps = GAP * max(sum(width > 0 for width in wide) - 1, 0)
    total = sum(wide)
    return [width * (ROOM - gaps) / total if total else 0.0 for width in wide]
