"""Kinds of pictures, read or not, and how they are known: by their ending, or first bytes."""

from __future__ import annotations

from collections.abc import Iterable
from posixpath import splitext

IMAGE_ENDINGS = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".npy"}
    | {".ppm", ".pgm", ".pbm", ".pnm"}
)
"""Names of image files end in one of these, in small or capital letters."""

READ = "png, jpg, webp, bmp, tif, ppm, pgm, pbm or npy"
"""The kinds of pictures that are read, for messages."""

TWO_WAYS = (
    "images need a folder for each class, or beside them a table (.csv) of file names and labels"
)
"""How images get their labels, for messages."""

START = 512
"""So many of a file's first bytes are enough for ``unread_kind``."""

_UNREAD = {
    ".gif": "GIF",
    **dict.fromkeys((".heic", ".heif", ".hif"), "HEIC"),
    ".avif": "AVIF",
    **dict.fromkeys((".dcm", ".dicom"), "DICOM"),
    **dict.fromkeys((".svg", ".svgz"), "SVG"),
    **dict.fromkeys((".jp2", ".j2k", ".jpx"), "JPEG 2000"),
    ".jxl": "JPEG XL",
    **dict.fromkeys((".psd", ".psb"), "Photoshop"),
    ".nii": "NIfTI",
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".raf"), "camera raw"),
}
_SIGNS = (
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    *((4, b"ftyp" + brand, "AVIF") for brand in (b"avif", b"avis")),
    *((4, b"ftyp" + brand, "HEIC") for brand in (b"heic", b"heix", b"heim", b"heis")),
    *((4, b"ftyp" + brand, "HEIC") for brand in (b"hevc", b"hevx", b"mif1", b"msf1")),
    (128, b"DICM", "DICOM"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
    (0, b"8BPS", "Photoshop"),
)


def is_image_name(text: str) -> bool:
    """Tell whether a path or a file's name ends as image files do."""
    return splitext(text.strip())[1].lower() in IMAGE_ENDINGS


def called_unread(name: str) -> str | None:
    """Return the kind of picture that is not read and that a file's name says, None if none."""
    return _UNREAD.get(splitext(name.lower().removesuffix(".gz"))[1])


def unread_kind(start: bytes) -> str | None:
    """Return the kind of picture that is not read and that a file begins as, None if none.

    Args:
        start: the first ``START`` bytes, or more.
    """
    for place, sign, name in _SIGNS:
        if start.startswith(sign, place):
            return "AVIF" if name == "HEIC" and b"avif" in start[8:40] else name
    head = start[:START].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<svg", b"<!doctype svg")):
        return "SVG"
    return "SVG" if head.startswith(b"<?xml") and b"<svg" in head else None


def unread_among(names: Iterable[str]) -> tuple[int, str]:
    """Return how many files are called as pictures that are not read, and which kinds these are."""
    found = [kind for name in names if (kind := called_unread(name)) is not None]
    return len(found), ", ".join(sorted(set(found)))
