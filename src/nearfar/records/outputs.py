"""Tables written for a user, wherever they want them: never over what they did not name for it."""

import csv
import io
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from nearfar.errors import UserError
from nearfar.records.cells import quoted
from nearfar.records.files import write_atomically
from nearfar.records.places import file_to_write
from nearfar.records.run import is_run

STANDARD = Path("-")
"""Names standard output."""
_SEPARATORS = {".csv": ",", ".txt": ",", "": ",", ".tsv": "\t"}
_PARQUET = frozenset({".parquet", ".pq"})
ENDINGS = frozenset({*_SEPARATORS, *_PARQUET})


def check_output(
    output: Path, inputs: Sequence[Path], *, force: bool, endings: Collection[str] = ENDINGS
) -> Path:
    """Return the file to write; refuse where something would be lost or nothing can be written.

    Args:
        output: the file to be written, or ``-`` for standard output.
        inputs: files and folders that are read; nothing of them is written over.
        force: whether another file may be written over.
        endings: of the formats that there are.

    Raises:
        UserError: ``output`` is a folder, a device, an input, a file that is there already, cannot
            be written, or is of an ending that no format has.
    """
    if output == STANDARD:
        return output
    if not output.is_dir() and output.suffix.lower() not in endings:
        raise UserError(
            f"--output {output}: cannot write {output.suffix}; end it in .csv, .tsv or .parquet"
        )
    return check_place(output, inputs, force=force)


def check_place(output: Path, inputs: Sequence[Path] = (), *, force: bool) -> Path:
    """Return the file of any format to write; see :func:`check_output`.

    Raises:
        UserError: ``output`` is a folder, a device, an input, a study file, a file that is there
            already, lies within a run or model, or cannot be written.
    """
    output = file_to_write(output, "--output")
    for given in inputs if output.exists() else ():
        if given.exists() and (output.samefile(given) or _is_within(output, given)):
            raise UserError(f"--output {output}: is read for this; name another file")
    refuse_within_own(output, "--output")
    if not output.exists():
        return output
    if _is_study(output):
        raise UserError(f"--output {output}: is a study file; name another file")
    if not force:
        raise UserError(f"--output {output}: is there already; --force writes over it")
    return output


def belongings(path: Path) -> list[Path]:
    """Return the folder of a run or model, and the stages beside it: what nothing writes over."""
    return [path, path.parent / "stages"]


def refuse_within_own(path: Path, option: str) -> None:
    """Refuse a place within the folder of any run, of stages or of a model.

    Files there would not move, merge or be exported with the others.

    Raises:
        UserError: names the option, the place and the folder.
    """
    for above in path.resolve().parents:
        if (what := _own_kind(above)) is not None:
            raise UserError(
                f"{option} {path}: lies in {above.name}, a folder of {what}, where nearfar alone "
                "writes; name another place"
            )


def _own_kind(folder: Path) -> str | None:
    """Return what a folder of nearfar's own holds, None for another folder."""
    if is_run(folder):
        return "a run"
    with suppress(OSError):  # beside it may be what may not be looked into
        if folder.name == "stages" and any(map(is_run, folder.parent.iterdir())):
            return "stages"
    is_model = (folder / "config.json").is_file() and any(folder.glob("seed-*/model.safetensors"))
    return "a model" if is_model else None


def _is_study(path: Path) -> bool:
    """Tell whether a file is one that somebody wrote for `nearfar run`."""
    if path.suffix.lower() not in {".yaml", ".yml"}:
        return False
    return re.search(rb"^study\s*:", path.read_bytes(), re.MULTILINE) is not None


def _is_within(output: Path, folder: Path) -> bool:
    return folder.is_dir() and output.resolve().is_relative_to(folder.resolve())


def write_columns(output: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns of equal length as CSV, ``.tsv`` or parquet, as the ending says; whole or not.

    In text an empty cell is None, a float that numpy computed has nine significant digits, and
    text that a spreadsheet would compute is ``quoted``.

    Args:
        output: the file, or ``-`` for CSV on standard output.
        columns: cells by name: texts, numbers, None.
    """
    if output.suffix.lower() in _PARQUET:
        write_atomically(output, _parquet(columns))
        return
    text = io.StringIO(newline="")
    separator = _SEPARATORS[output.suffix.lower()]
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(map(quoted, columns))
    writer.writerows(map(quoted, cells) for cells in zip(*columns.values(), strict=True))
    if output == STANDARD:
        sys.stdout.write(text.getvalue())
        sys.stdout.flush()
    else:
        write_atomically(output, text.getvalue())


def _of_nanoseconds(kind: Any) -> Any:
    """Return the type of Arrow for times or spans whose cells have nanoseconds."""
    import pyarrow as pa

    return pa.duration("ns") if pa.types.is_duration(kind) else pa.timestamp("ns", kind.tz)


def _finer(cell: Any) -> bool:
    """Tell whether a time or span of pandas has what Python's own have not, nanoseconds."""
    return bool(getattr(cell, "nanosecond", 0) or getattr(cell, "nanoseconds", 0))


def _parquet(columns: Mapping[str, Sequence[Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def array(cells: Sequence[Any]) -> Any:
        for kind in (None, pa.uint64()):
            try:
                found = pa.array(cells, kind)
                return (
                    pa.array(cells, _of_nanoseconds(found.type))
                    if any(map(_finer, cells))
                    else found
                )
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
                continue
        return pa.array([None if cell is None else str(cell) for cell in cells])

    buffer = io.BytesIO()
    pq.write_table(pa.table({name: array(cells) for name, cells in columns.items()}), buffer)
    return buffer.getvalue()
