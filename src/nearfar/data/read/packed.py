"""Which kind of file it is, by its name and by its first bytes, and what is packed in it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path, PurePath

from nearfar.data.read.damage import whole
from nearfar.data.read.image_kinds import called_unread, is_image_name, unread_kind
from nearfar.errors import UserError

PACKED = {".gz": "gzip file", ".bz2": "bzip2 file", ".xz": "xz file", ".zip": "zip file"}
TEXT = frozenset({".csv", ".tsv", ".txt", ".tab", ".dat"})
"""Endings of text with fields between separators."""
TABLES = TEXT | {
    *(".parquet", ".pq", ".arrow", ".feather", ".xlsx", ".xlsm", ".json", ".jsonl", ".ndjson"),
    *(".sdf", ".sd", ".smi", ".smiles"),
}
"""Endings of files that hold a table."""

_SIGNS: tuple[tuple[bytes, str, str], ...] = (
    (b"PAR1", "a parquet file", ".parquet"),
    (b"\x1f\x8b", "a gzip file", ".gz"),
    (b"BZh", "a bzip2 file", ".bz2"),
    (b"\xfd7zXZ\x00", "an xz file", ".xz"),
    (b"PK\x03\x04", "a zip file", ".zip"),
    (b"PK\x05\x06", "a zip file", ".zip"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file (.xls)", ""),
    (b"\x89HDF", "an HDF5 file", ""),
    (b"ARROW1", "a Feather file", ".feather"),
    (b"SQLite format 3", "an SQLite file", ""),
    (b"%PDF", "a PDF", ""),
    (b"\x93NUMPY", "a NumPy array", ""),
    (b"\x89PNG", "a PNG image", ""),
    (b"\xff\xd8\xff", "a JPEG image", ""),
    (b"version https://git-lfs", "a Git LFS pointer: run `git lfs pull`", ""),
    (b"<!doctype html", "a web page", ""),
    (b"<html", "a web page", ""),
    (b"<?xml", "XML", ""),
    (b"{\\rtf", "a text document (RTF)", ""),
)
OTHER_KINDS = {
    ".xls": "an old Excel file",
    ".xlsb": "a binary Excel file",
    ".ods": "an OpenDocument spreadsheet",
    ".numbers": "a Numbers spreadsheet",
    ".gsheet": "a link to a Google sheet",
    **dict.fromkeys((".rds", ".rda", ".rdata"), "a file of R"),
    **dict.fromkeys((".sav", ".zsav", ".por"), "a file of SPSS"),
    ".dta": "a file of Stata",
    **dict.fromkeys((".sas7bdat", ".xpt"), "a file of SAS"),
    ".mat": "a file of MATLAB",
    **dict.fromkeys((".h5", ".hdf5", ".hdf", ".h5ad"), "an HDF5 file"),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3"), "an SQLite file"),
    **dict.fromkeys((".pkl", ".pickle"), "a Python pickle"),
    **dict.fromkeys((".doc", ".docx", ".pdf"), "a document"),
}
"""Endings of files that hold tables, which other programs save as one that is read."""
_ARCHIVES = frozenset({".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".7z", ".rar"})
_NO_TABLES = ("a Git", "a web", "a PNG", "a JPEG", "an image")
_BINARY = frozenset({".parquet", ".pq", ".arrow", ".feather", ".xlsx", ".xlsm"})


def table_ending(path: Path) -> str:
    """Return the ending that says the format, in small letters: ``.csv`` of ``a.csv.gz``.

    Of a zip file without another ending, that of its one member; empty if it cannot be told.
    """
    suffix = path.suffix.lower()
    if suffix not in PACKED:
        return suffix
    inner = PurePath(path.stem).suffix.lower()
    if suffix == ".zip" and inner not in TABLES and path.is_file():
        with whole(path, PACKED[suffix]), zipfile.ZipFile(path) as packed:
            members = _members(packed)
        return PurePath(members[0]).suffix.lower() if len(members) == 1 else ""
    return inner


def is_table(path: Path) -> bool:
    """Tell whether a file's name says that it holds a table."""
    return table_ending(path) in TABLES


def refuse_other_kind(path: Path) -> None:
    """Refuse a file of a kind that is not read, with what it is and what to do.

    Raises:
        UserError: if it is an archive or a picture, or its ending is of ``OTHER_KINDS``; where the
            content is of a kind that is read, it says how to call it.
    """
    if path.suffix.lower() == ".zip":
        with whole(path, "zip file"), zipfile.ZipFile(path) as packed:
            _refuse_several(path, _members(packed))
    ending = table_ending(path)
    if ending in _ARCHIVES:
        raise UserError(
            f"{path.name} is an archive: unpack it and name the file or the folder of images in it"
        )
    with whole(path, "file"), path.open("rb") as file:
        found = _kind(file.read(2**16))
    if ending not in OTHER_KINDS:
        named = is_image_name(path.name) or called_unread(path.name) is not None
        words = "a picture" if named else found[0] if found is not None else ""
        if named or words.startswith(_NO_TABLES):
            raise UserError(f"{path.name} is {words}, not a table (.csv, .xlsx, .parquet, …)")
        return
    if found is not None and found[1] in TABLES:
        raise UserError(f"{path.name} is {found[0]}: end its name in {found[1]}")
    raise UserError(
        f"{path.name} is {OTHER_KINDS[ending]}, which is not read: save it as .xlsx or .csv"
    )


def kind_of(start: bytes) -> str | None:
    """Return what a file's first bytes say that it is, such as ``a web page``; None if nothing."""
    found = _kind(start)
    return None if found is None else found[0]


def _refuse_several(path: Path, members: list[str]) -> None:
    """Refuse a zip file of pictures, or of other than one file.

    Raises:
        UserError: with what to unpack, and what to name.
    """
    images = sum(is_image_name(name) or called_unread(name) is not None for name in members)
    if len(members) == 1 and not images:
        return
    shown = ", ".join(members[:5]) + (", …" if len(members) > 5 else "")
    shown = f" ({shown})" if members else ""
    if 2 * images > len(members):
        count = "1 image" if images == 1 else f"{images} images"
        raise UserError(f"{path.name} holds {count}{shown}: unpack it and name the folder")
    raise UserError(f"{path.name} holds {len(members)} files{shown}: unpack it and name one")


def content_of(path: Path) -> bytes:
    """Return a file's bytes, unpacked where it is packed.

    Raises:
        UserError: if it cannot be read, is damaged, is empty, or holds something else than its name
            says; the message says what.
    """
    suffix = path.suffix.lower()
    with whole(path, PACKED.get(suffix, "file")):
        raw = path.read_bytes()
        if not raw:
            raise UserError(f"{path.name} is empty")
        if suffix in PACKED and not _is(raw, suffix):
            raise UserError(f"{path.name} is no {PACKED[suffix]}{_instead(raw, path)}")
        if suffix == ".gz":
            raw = gzip.decompress(raw)
        elif suffix == ".bz2":
            raw = bz2.decompress(raw)
        elif suffix == ".xz":
            raw = lzma.decompress(raw)
        elif suffix == ".zip":
            raw = _only_member(path, raw)
    if not raw.strip():
        raise UserError(f"{path.name} is empty")
    _check_content(path, raw)
    return raw


def _only_member(path: Path, raw: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        members = _members(packed)
        _refuse_several(path, members)
        if packed.getinfo(members[0]).flag_bits & 1:
            raise UserError(f"{path.name} is encrypted: unpack it first")
        return packed.read(members[0])


def _members(packed: zipfile.ZipFile) -> list[str]:
    return [
        name
        for name in packed.namelist()
        if not name.endswith("/") and not name.startswith("__MACOSX/") and name[0] != "."
    ]


def _is(raw: bytes, suffix: str) -> bool:
    return any(raw.startswith(sign) for sign, _, ending in _SIGNS if ending == suffix)


def _instead(raw: bytes, path: Path) -> str:
    found = _kind(raw)
    return f" but {found[0]}" if found else f": is it text? then call it {path.stem}"


def _kind(raw: bytes) -> tuple[str, str] | None:
    """Return what the first bytes say the content is, and the ending of such files."""
    if (name := unread_kind(raw)) is not None:
        return f"an image ({name})", ""
    head = raw[:64].lstrip().lower()
    for sign, words, ending in _SIGNS:
        if raw.startswith(sign) or (sign[:1] == b"<" and head.startswith(sign.lower())):
            if ending == ".zip" and b"xl/" in raw and b"[Content_Types].xml" in raw:
                return "an Excel workbook", ".xlsx"
            return words, ending
    return None


def _check_content(path: Path, raw: bytes) -> None:
    """Refuse content of another kind than the name says.

    Raises:
        UserError: with what it is, and the ending that fits.
    """
    ending, found = table_ending(path), _kind(raw)
    meant = {".pq": ".parquet", ".xlsm": ".xlsx"}.get(ending, ending)
    if found is None:
        if ending in _BINARY:
            kind = "a parquet file" if meant == ".parquet" else "an Excel workbook"
            raise UserError(f"{path.name} is not {kind}: is it text? then end its name in .csv")
        return
    words, fitting = found
    if fitting == meant or (fitting, meant) == (".zip", ".xlsx"):  # a torn workbook is a zip file
        return
    if fitting in PACKED and fitting != ".zip":
        raise UserError(f"{path.name} is {words}: call it {path.name}{fitting}")
    remedy = f"end its name in {fitting}" if fitting else "save it as .csv or .xlsx"
    if words.startswith(_NO_TABLES):
        raise UserError(f"{path.name} is {words}, not a table")
    raise UserError(f"{path.name} is {words}: {remedy}")
