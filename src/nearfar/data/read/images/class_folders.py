"""Folders of image files: a folder for each class, in folders for the parts if there are any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nearfar.data.read.columns import number
from nearfar.data.read.image_kinds import TWO_WAYS, unread_among
from nearfar.data.read.images.pictures import Files, ImageRows
from nearfar.data.read.images.trees import (
    Tree,
    no_picture,
    plain_text,
    shown_path,
    strangers_note,
    tree_of,
)
from nearfar.data.read.names import CLASS, are_folds, kept_apart, parts_of
from nearfar.data.read.tables import Table
from nearfar.data.spelling import composed
from nearfar.errors import UserError

_FEWEST = 2


@dataclass
class _Found:
    """Pictures with part and class, and what was found on the way."""

    rows: list[tuple[str | None, str | None, Path]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)
    """Of ``told`` those about folders without pictures."""


def read_class_folders(root: Path, task: str = "classification") -> ImageRows:
    """List ``class/…/image``, ``part/class/…/image`` or ``class/part/…/image``, alphabetically.

    Two or more folders named after parts (``train``, ``val``, ``Testing``, ``test_set``) are parts;
    one among others is a class. A folder that is alone in its folder is passed through. Names of
    classes are taken as they are: ``none`` is a class, and ``cat`` another than ``Cat``; those that
    differ in Unicode's form alone are one. Files that are no pictures are counted and left out.
    Pictures that lie in no folder of a class are rows without a class.

    Args:
        root: the folder.
        task: with ``regression`` the classes are given as texts, to be read as numbers.

    Raises:
        UserError: if there is no picture, one class alone, or it cannot be told what folders are.
    """
    tree = tree_of(root)
    if next(tree.pictures(), None) is None:
        raise no_picture(tree, f"; {TWO_WAYS}")
    found = _Found()
    top = _unwrapped(tree, root, found)
    parts = _parts(top, root, found)
    if parts is None:
        _classes(top, None, root, found)
    else:
        for part, folder in parts:
            _classes(folder, part, root, found)
        _compare_parts(found)
    return _rows(root, tree, found, task)


def _rows(root: Path, tree: Tree, found: _Found, task: str) -> ImageRows:
    names = _ordered({plain_text(name) for _, name, _ in found.rows if name is not None})
    rows = found.rows
    _check(root, names, found, task)
    places = [shown_path(file, root) for _, _, file in rows]
    labelled = {part for part, name, _ in rows if name is not None}
    cells: list[Any] = [None if name is None else plain_text(name) for _, name, _ in rows]
    classes = {} if task == "regression" else {CLASS: names}
    if classes:
        numbers = {name: k for k, name in enumerate(names)}
        cells = [None if cell is None else numbers[cell] for cell in cells]
    table = Table(
        root.name,
        {CLASS: cells},
        len(rows),
        parts=[str(part) for part, _, _ in rows] if len(labelled) > 1 else None,
        place=lambda position: str(root / places[position]),
    )
    told = [*found.told, *kept_apart(names)]
    note: dict[str, Any] = strangers_note(root, list(tree.strangers()))
    if told:
        note["folders"] = told
    return ImageRows(
        table,
        Files([file for _, _, file in rows]),
        "a folder of class folders",
        takes=frozenset({"unit"}) if task == "regression" else frozenset(),
        target=CLASS,
        class_names=classes,
        titles=places,
        in_folders=True,
        note=note,
    )


def _check(root: Path, names: Sequence[str], found: _Found, task: str) -> None:
    rows = found.rows
    if not names:
        raise UserError(f"{rows[0][2]}: not in the folder of a class: {TWO_WAYS}")
    if task == "regression":
        if words := [name for name in names if number(name) is None]:
            raise UserError(
                f"{root}: task: regression needs 'target', a column of a table, or class folders "
                f"named by number; folder '{words[0]}' is not"
            )
        return
    if len(names) == 1:
        bare = f"; {found.bare[0]}" if found.bare else ""
        raise UserError(
            f"{root.name}: target '{CLASS}' is {names[0]!r} in every row: one class{bare}"
        )
    count = sum(name is not None for _, name, _ in rows)
    if _FEWEST * len(names) > count:
        raise UserError(
            f"{root.name}: {count} images in {len(names)} folders: these are no classes"
        )


def _ordered(names: set[str]) -> tuple[str, ...]:
    values = {name: number(name) for name in names}
    if all(value is not None for value in values.values()):
        return tuple(sorted(names, key=lambda name: (values[name], name)))
    return tuple(sorted(names))


def _unwrapped(tree: Tree, root: Path, found: _Found) -> Tree:
    """Go down while there is one folder alone and it holds folders of pictures itself."""
    while not tree.loose and len(tree.folders) == 1 and tree.folders[0].folders:
        inner = tree.folders[0]
        if inner.loose:
            break
        _tell_bare(tree, root, found)
        tree = inner
        found.told.append(f"read from the folder {shown_path(tree.path, root)}")
    return tree


def _parts(top: Tree, root: Path, found: _Found) -> list[tuple[str, Tree]] | None:
    """Return the folders of the parts, in alphabetical order; None where there are none.

    Raises:
        UserError: if folders with names of parts stand beside others, or two are for one part.
    """
    called = parts_of([tree.name for tree in top.folders])
    named = list(zip(called, top.folders, strict=True))
    parts = [(part, tree) for part, tree in named if part is not None]
    if len(parts) < _FEWEST:
        _refuse_folds(top)
        _refuse_lone_part(top, [tree.name for _, tree in parts])
        return None
    others = [tree.name for part, tree in named if part is None]
    shown = ", ".join(tree.name for _, tree in parts)
    if others:
        raise UserError(
            f"{top.path}: folders named after parts ({shown}) beside others with images "
            f"({', '.join(others[:5])}): if all are classes, rename those; if they are parts, move "
            "the others away"
        )
    twice = [part for part, count in Counter(part for part, _ in parts).items() if count > 1]
    if twice:
        both = ", ".join(tree.name for part, tree in parts if part == twice[0])
        raise UserError(
            f"{top.path}: two folders for one part ({twice[0]}): {both}: put their images "
            "together, or move one away"
        )
    if not any(tree.folders for _, tree in parts):
        raise UserError(
            f"{top.path}: folders named after parts ({shown}) that hold images and no class "
            "folders: if they are classes, rename them; if they are parts, put the images of each "
            "into a folder for each class"
        )
    _tell_bare(top, root, found)
    _loose(top, None, root, found)
    alone = [tree.folders[0] for _, tree in parts if len(tree.folders) == 1 and not tree.loose]
    wrapped = len(alone) == len(parts) and all(tree.folders and not tree.loose for tree in alone)
    return [
        (part, _unwrapped(tree, root, found) if wrapped or _twice_named(tree) else tree)
        for part, tree in parts
    ]


def _refuse_lone_part(top: Tree, parts: Sequence[str]) -> None:
    """Refuse a part beside folders that hold the same folders: these are no classes.

    Raises:
        UserError: if all folders hold two folders of the same names at least, and one is a part.
    """
    if len(top.folders) < _FEWEST or not parts or any(tree.loose for tree in top.folders):
        return
    if len(same := _in_all(top)) >= _FEWEST:
        others = ", ".join(tree.name for tree in top.folders if tree.name not in parts)
        raise UserError(
            f"{top.path}: the folder of a part ({parts[0]}) stands beside {others}, and all hold "
            f"folders {', '.join(same[:5])}: parts are called train, validation and test: rename "
            f"{others}, or move it away"
        )


def _refuse_folds(top: Tree) -> None:
    """Refuse folders called after folds that hold folders of classes.

    Raises:
        UserError: as said.
    """
    folds = top.folders
    inner = sorted({tree.name for fold in folds for tree in fold.folders})
    if not inner or not are_folds([fold.name for fold in folds]):
        return
    first, second = (fold.name for fold in folds[:2])
    raise UserError(
        f"{top.path}: folders named after folds ({first}, {second}{', …' * (len(folds) > 2)}) that "
        f"hold folders {', '.join(inner[:5])}: a study divides rows itself: put the images of "
        f"{first}/{inner[0]}, {second}/{inner[0]}, … into one folder {inner[0]}; or, if they are "
        "classes, rename them"
    )


def _twice_named(tree: Tree) -> bool:
    """Whether a part lies in a folder of its own name, as an archive unpacked into a folder."""
    return len(tree.folders) == 1 and tree.folders[0].name == tree.name


def _classes(top: Tree, part: str | None, root: Path, found: _Found) -> None:
    """Take the folders of ``top`` as classes; those of each class may be parts in their turn."""
    _tell_bare(top, root, found)
    _loose(top, part, root, found)
    below = [parts_of([tree.name for tree in folder.folders]) for folder in top.folders]
    parts_below = (
        part is None
        and len({name for names in below for name in names}) >= _FEWEST
        and all(None not in names and len(set(names)) == len(names) for names in below)
        and not any(folder.loose for folder in top.folders)
    )
    if parts_below:
        found.told.append("parts are folders in the folders of the classes")
    inner = sorted({tree.name for folder in top.folders for tree in folder.folders})
    if inner and not parts_below:
        shown = ", ".join(map(plain_text, inner[:5])) + ", …" * (len(inner) > 5)
        found.told.append(f"folders in those of the classes are looked through: {shown}")
        if (doubt := _doubtful_classes(top)) and part is None:
            found.told.append(doubt)
    for folder in top.folders:
        kind = composed(folder.name)
        if parts_below:
            for name, tree in zip(below[top.folders.index(folder)], folder.folders, strict=True):
                found.rows += [(name, kind, file) for file in tree.pictures()]
        else:
            found.rows += [(part, kind, file) for file in folder.pictures()]
    for kind, count in Counter(composed(folder.name) for folder in top.folders).items():
        if count > 1:
            found.told.append(f"{count} folders are of one class, {kind!r}: their names look alike")


def _doubtful_classes(top: Tree) -> str:
    """Return a line where all folders hold folders of the same names, which may be the classes."""
    same = _in_all(top)
    if len(same) < _FEWEST or any(tree.loose for tree in top.folders):
        return ""
    outer, inner = (", ".join(map(plain_text, names[:3])) for names in (_names(top), same))
    return (
        f"careful: {outer} are taken as the classes, and all hold the folders {inner}: if those "
        "are the classes, list the pictures in a table with columns path, class and group"
    )


def _in_all(top: Tree) -> list[str]:
    """Return the names of folders that every folder of ``top`` holds."""
    return sorted(set.intersection(*({tree.name for tree in one.folders} for one in top.folders)))


def _names(top: Tree) -> list[str]:
    return [tree.name for tree in top.folders]


def _loose(tree: Tree, part: str | None, root: Path, found: _Found) -> None:
    if tree.loose:
        place = shown_path(tree.path, root)
        found.told.append(f"images in {place} that lie in no folder of a class: {len(tree.loose)}")
        found.rows += [(part, None, file) for file in tree.loose]


def _tell_bare(tree: Tree, root: Path, found: _Found) -> None:
    for folder in tree.bare:
        files = list(folder.strangers())
        count, kinds = unread_among(file.name for file in files)
        unread = f", {count} of them {kinds}, which is not read" if count else ""
        held = f" (other files: {len(files)}{unread})" if files else ""
        found.bare.append(f"no image in the folder {shown_path(folder.path, root)}{held}")
        found.told.append(found.bare[-1])


def _compare_parts(found: _Found) -> None:
    """Tell of classes that some part lacks."""
    of_part: dict[str, set[str]] = {}
    for part, name, _ in found.rows:
        if part is not None and name is not None:
            of_part.setdefault(part, set()).add(plain_text(name))
    everywhere = set().union(*of_part.values()) if of_part else set()
    for part, names in sorted(of_part.items()):
        if lacking := sorted(everywhere - names):
            some = ", ".join(lacking[:5]) + (", …" if len(lacking) > 5 else "")
            number, es = len(lacking), "es" * (len(lacking) > 1)
            found.told.append(f"part {part} has no image of {number} class{es}: {some}")


def read_loose_folder(root: Path) -> ImageRows:
    """List all images in a folder and its folders, in alphabetical order, without classes.

    Files that are no pictures are counted and left out.

    Raises:
        UserError: if there is no picture.
    """
    tree = tree_of(root)
    files = list(tree.pictures())
    if not files:
        raise no_picture(tree)
    rows = loose_files(root, files)
    rows.note = strangers_note(root, list(tree.strangers()))
    return rows


def loose_files(root: Path, files: list[Path]) -> ImageRows:
    """Return some image files below ``root`` as rows without classes."""
    places = [shown_path(file, root) for file in files]
    table = Table(root.name, {}, len(files), place=lambda position: str(files[position]))
    pictures = Files(list(files))
    return ImageRows(table, pictures, "a folder of images", titles=places, in_folders=True)
