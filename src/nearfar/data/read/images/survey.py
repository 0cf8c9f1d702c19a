"""What the headers of all pictures say, before any is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from nearfar.data.read.images.pictures import Arrays, Pictures
from nearfar.data.read.images.stored import BadImageError, Form, Look, look


@dataclass
class Survey:
    """Counts of pictures; those that cannot be read are in none."""

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    """Height and width, upright."""
    kinds: Counter[str] = field(default_factory=Counter)
    """What the channels are, as ``Look`` says."""
    pages: Counter[int] = field(default_factory=Counter)

    def add(self, seen: Look, count: int = 1) -> None:
        """Take in pictures of which one looks so."""
        self.sizes[seen.height, seen.width] += count
        self.kinds[seen.kind] += count
        self.pages[seen.pages] += count

    @property
    def typical_side(self) -> int:
        """The median of the shorter sides."""
        sides = sorted(Counter(min(size) for size in self.sizes.elements()).elements())
        return sides[len(sides) // 2] if sides else 1

    @property
    def longest_side(self) -> int:
        """The longest side of any picture."""
        return max((max(size) for size in self.sizes), default=1)


def survey(pictures: Pictures, rows: Iterable[int], form: Form) -> Survey:
    """Look at the headers of the pictures of ``rows``."""
    found, chosen = Survey(), list(rows)
    if isinstance(pictures, Arrays):
        if chosen:
            found.add(look(pictures.pixels[0], form), len(chosen))
        return found
    for _, encoded in pictures.of(chosen):
        if encoded is None:
            continue
        try:
            found.add(look(encoded, form))
        except BadImageError:  # told when it is decoded
            continue
    return found
