"""What the names of the arrays in a file mean: images or labels, and of which part."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from nearfar.data.read.names import part_called

Role = Literal["images", "labels", "names"]

_WORDS: dict[str, Role] = {
    **dict.fromkeys(("x", "image", "images", "img", "imgs", "data", "pixels"), "images"),
    **dict.fromkeys(("picture", "pictures", "input", "inputs", "photos"), "images"),
    **dict.fromkeys(("y", "label", "labels", "lbl", "target", "targets"), "labels"),
    **dict.fromkeys(("class", "classes", "category", "categories"), "labels"),
}
_NAME_WORDS = frozenset({"name", "names"})
_FILLERS = frozenset({"set"})
_SHORT = {"tr": "train", "te": "test", "testing": "test"}
_JOINED = re.compile(r"^(x|y)(train|test|val|valid|validation|dev)$")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")


@dataclass(frozen=True)
class Meaning:
    """What the name of an array says; ``part`` is None where it says none."""

    role: Role
    part: str | None = None


def meaning(name: str, targets: Collection[str] = ()) -> Meaning | None:
    """Return what a name says in any of the usual ways, None if nothing.

    ``x``, ``y``; ``x_train``, ``trainX``; ``train_images``, ``val_labels``; ``data``, ``target``;
    with ``_names`` behind a word for labels, the names of the classes.

    Args:
        name: of the array.
        targets: names, in place of the usual ones, of what is to be predicted; a part may stand
            before or behind these too, and one in them stands for all parts.
    """
    words: list[str] = []
    parts: list[str] = []
    for word in _split(name):
        part = part_called(word) or _SHORT.get(word)
        (words if part is None else parts).append(part or word)
    if len(parts) > 1:
        return None
    part = parts[0] if parts else None
    if targets:
        wanted = {"_".join(_without_part(target)) for target in targets} | set(targets)
        if name in targets or "_".join(words) in wanted:
            return Meaning("labels", part)
    if words and words[-1] in _NAME_WORDS:
        named = len(words) > 1 and _WORDS.get(words[-2]) == "labels"
        return Meaning("names", part) if named else None
    roles = {_WORDS.get(word) for word in words if word not in _FILLERS}
    role = roles.pop() if len(roles) == 1 else None
    return None if role is None or (targets and role == "labels") else Meaning(role, part)


def without_part(name: str) -> tuple[str, str | None]:
    """Return a name without the part in it, and the part: ``patient_train`` is patient, train."""
    words = _split(name)
    parts = [part for word in words if (part := part_called(word) or _SHORT.get(word)) is not None]
    if len(parts) != 1 or len(words) < 2:
        return name, None
    return "_".join(_without_part(name)), parts[0]


def calls_labels(word: str) -> bool:
    """Tell whether a word is one of those that labels are usually called by: ``label``, ``y``."""
    return _WORDS.get("_".join(_split(word))) == "labels"


def _without_part(name: str) -> list[str]:
    words = _split(name)
    return [word for word in words if part_called(word) is None and word not in _SHORT] or words


def by_place(names: Sequence[str], rank: dict[str, int]) -> dict[str, Meaning]:
    """Return the meanings of arrays that ``np.savez`` numbered, ``arr_0``, ``arr_1``, ….

    Two are images and labels, four those of train and test; images have three axes or more.

    Args:
        names: of all arrays in the file.
        rank: the number of axes of each.
    """
    numbered = [f"arr_{k}" for k in range(len(names))]
    if sorted(names) != sorted(numbered):
        return {}
    images = [name for name in numbered if rank[name] >= 3]
    labels = [name for name in numbered if rank[name] < 3]
    kinds: dict[int, list[str | None]] = {2: [None], 4: ["train", "test"]}
    parts = kinds.get(len(names), [])
    if not len(images) == len(labels) == len(parts):
        return {numbered[0]: Meaning("images")} if len(names) == 1 else {}
    found = {name: Meaning("images", part) for name, part in zip(images, parts, strict=True)}
    return found | {name: Meaning("labels", part) for name, part in zip(labels, parts, strict=True)}


def _split(name: str) -> list[str]:
    words = []
    for word in _WORD.findall(name):
        joined = _JOINED.match(word.lower())
        words += [joined[1], joined[2]] if joined else [word.lower()]
    return words
