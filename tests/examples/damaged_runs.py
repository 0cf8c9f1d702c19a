"""A run with a damaged file, checked and run again: for ``scripts/damage-runs``."""

import contextlib
import io
import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from campaign import Came, Try
from small_study import write_small
from whole_runs import run_whole

from nearfar.commands import check_folder
from nearfar.execution.prepared import Request

RIGHT = ("mended",)


def _flipped(content: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :]


DAMAGE: dict[str, Callable[[bytes, random.Random], bytes] | None] = {
    "cut off": lambda content, draw: content[: draw.randrange(len(content) or 1)],
    "emptied": lambda content, draw: b"",
    "flipped": _flipped,
    "noise": lambda content, draw: draw.randbytes(len(content)),
    "deleted": None,
}


def make(folder: Path) -> Try:
    """Run a small study whole, and sort its files by kinds; every try damages one of a kind."""
    study = write_small(folder, axes={"seed": {"role": "repeat", "values": 1}})
    whole = folder / "whole"
    run_whole(Request(str(study), out=whole))
    kinds: dict[tuple[str, str], list[Path]] = {}
    for path in sorted(whole.rglob("*")):
        if path.is_file() and path.stat().st_size:
            above = path.parent
            where = "stages" if above.parent.name == "stages" else above.name
            name = path.suffix if where == "features" else path.name
            kinds.setdefault((where, name), []).append(path)
    return partial(_damaged, study, whole, kinds)


def _damaged(
    study: Path, whole: Path, kinds: dict[tuple[str, str], list[Path]], number: int
) -> Came:
    draw, broken = random.Random(number), whole.with_name("broken")
    kind, how = sorted(kinds)[number % len(kinds)], draw.choice(sorted(DAMAGE))
    shutil.rmtree(broken, ignore_errors=True)
    shutil.copytree(whole, broken)
    hurt = broken / draw.choice(kinds[kind]).relative_to(whole)
    change = DAMAGE[how]
    if change is None:
        hurt.unlink()
    else:
        hurt.write_bytes(change(hurt.read_bytes(), draw))
    came = _mended(study, broken, whole, _is_found(hurt, how))
    return Came(came.split(" (")[0], f"{hurt.relative_to(broken)} {how}: {came}")


def _is_found(hurt: Path, how: str) -> bool:
    """Whether check can find it: a deleted half is absent, a deleted done vouches for nothing."""
    return how != "deleted" or (hurt.name != "done" and hurt.parent.name != "features")


def _mended(study: Path, broken: Path, whole: Path, is_found: bool) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        found = check_folder(broken)
        try:
            run_whole(Request(str(study), out=broken))
        except BaseException as error:
            return f"dead end ({type(error).__name__}: {error})"
    if is_found and not found:
        return "not found by check"
    results = Path("small-full") / "results.csv"
    same = (broken / results).read_bytes() == (whole / results).read_bytes()
    return "mended" if same else "used"
