"""Folders of image files: a folder for each class, in folders for the parts if there are any."""

from __future__ import annotations

from pathlib import Path

from nearfar.data.read.images.pictures import Files, ImageRows
from nearfar.data.read.names import CLASS, is_image_name, part_called
from nearfar.data.read.tables import Table
from nearfar.errors import UserError

_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})


def read_class_folders(root: Path, action: str) -> ImageRows:
    """List ``class/…/image`` or ``part/class/…/image``, in alphabetical order.

    Parts are folders called train, validation (or valid, val, dev) and test, and nothing else
    beside them.

    Args:
        root: the folder.
        action: ``drop`` leaves out files that are no images; ``error`` refuses them.

    Raises:
        UserError: if there is no image, a class has none, or a file is no image.
    """
    parts = _parts(root)
    rows: list[tuple[str | None, str, Path]] = []
    passed_over = 0
    for part, folder in parts:
        classes = [entry for entry in _entries(folder) if entry.is_dir()]
        loose = [entry for entry in _entries(folder) if not entry.is_dir()]
        if loose and action == "error":
            hint = "a folder of class folders" if classes else "images need a folder for each class"
            raise UserError(f"{loose[0]}: not in the folder of a class: {hint}")
        passed_over += len(loose)
        for entry in classes:
            files, others = _image_files(entry)
            if others and action == "error":
                raise UserError(
                    f"{others[0]}: not an image file (png, jpg, webp, bmp, tif) "
                    "(data: on_bad_rows: drop leaves it out)"
                )
            passed_over += len(others)
            if not files:
                raise UserError(f"{entry}: no image in the folder of class '{entry.name}'")
            rows += [(part, entry.name, file) for file in files]
    if not rows:
        raise UserError(f"{root}: no image in this folder; images need a folder for each class")
    places = [str(file.relative_to(root)) for _, _, file in rows]
    table = Table(
        root.name,
        {CLASS: [name for _, name, _ in rows]},
        len(rows),
        parts=None if parts[0][0] is None else [str(part) for part, _, _ in rows],
        place=lambda position: str(root / places[position]),
    )
    note = {"other_files": passed_over} if passed_over else {}
    return ImageRows(
        table,
        Files([file for _, _, file in rows]),
        "a folder of class folders",
        target=CLASS,
        titles=places,
        note=note,
    )


def read_loose_folder(root: Path, action: str) -> ImageRows:
    """List all images in a folder and its folders, in alphabetical order, without classes.

    Raises:
        UserError: if there is none, or a file is no image and ``action`` is ``error``.
    """
    files, others = _image_files(root)
    if others and action == "error":
        raise UserError(f"{others[0]}: not an image file (png, jpg, webp, bmp, tif)")
    if not files:
        raise UserError(f"{root}: no image in this folder")
    return loose_files(root, files)


def loose_files(root: Path, files: list[Path]) -> ImageRows:
    """Return some image files below ``root`` as rows without classes."""
    places = [str(file.relative_to(root)) for file in files]
    table = Table(root.name, {}, len(files), place=lambda position: str(files[position]))
    return ImageRows(table, Files(list(files)), "a folder of images", titles=places)


def _parts(root: Path) -> list[tuple[str | None, Path]]:
    """Return part and folder of the parts, or the root alone."""
    folders = [entry for entry in _entries(root) if entry.is_dir()]
    named = [(part_called(entry.name), entry) for entry in folders]
    found = [part for part, _ in named if part is not None]
    if len(found) != len(named) or not {"train", "test"} <= set(found):
        return [(None, root)]
    if len(set(found)) < len(found):
        raise UserError(f"{root}: two folders for one part: {', '.join(e.name for e in folders)}")
    return [*named]


def _image_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the image files in a folder, however deep, and the other files."""
    images: list[Path] = []
    others: list[Path] = []
    for entry in _entries(folder):
        if entry.is_dir():
            deeper, strange = _image_files(entry)
            images += deeper
            others += strange
        else:
            (images if is_image_name(entry.name) else others).append(entry)
    return images, others


def _entries(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted, without what systems leave there."""
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(f"cannot read {folder}: {error.strerror or error}") from error
    return [e for e in entries if e.name[0] != "." and e.name.lower() not in _SYSTEM_FILES]
