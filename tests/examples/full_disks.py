"""Commands on disks of every size, down to none: for ``scripts/fill-disks``, which may mount some.

A run on a disk that is too small stops in one line that names a file; with more room the same
command ends with the results of the whole run. Tables and models that are written of it are whole
or told as well.
"""

import os
import random
import signal
import subprocess
from pathlib import Path

from campaign import Came, Try
from forked_runs import ended, import_all, lines_of, start
from small_study import small, write_table

from nearfar.execution.check import check

RIGHT = ("had room", "told, and went on with more room")
LONGEST = 300.0
LARGE = 64 << 20
ARMS = ("ridge", "frozen")
OUTPUTS = (
    ("predict", "{run}", "{data}", "--arm", "ridge", "--output", "{disk}/out.csv"),
    ("predict", "{run}", "{data}", "--arm", "ridge", "--output", "{disk}/out.parquet"),
    ("export", "{run}", "--arm", "frozen", "--output", "{disk}/model"),
    ("embed", "{run}", "{data}", "--arm", "frozen", "--output", "{disk}/e.npz"),
    ("report", "{run}", "--to", "md", "--output", "{disk}/table.md"),
    ("splits", "{run}", "--output", "{disk}/splits.csv"),
    ("init", "{data}", "--target", "y", "--out", "{disk}/study.yaml"),
)


class _Disk:
    """A file system in memory of so many bytes, and so many files."""

    def __init__(self, place: Path, size: int, files: int) -> None:
        place.mkdir()
        self.place = place
        self._mount(f"size={size},nr_inodes={files}", "tmpfs")

    def grow(self) -> None:
        self._mount(f"remount,size={LARGE},nr_inodes=100000")

    def remove(self) -> None:
        subprocess.run(["umount", str(self.place)], check=True)
        self.place.rmdir()

    def _mount(self, options: str, kind: str = "tmpfs") -> None:
        command = ["mount", "-t", kind, "-o", options, kind, str(self.place)]
        subprocess.run(command, check=True)


def make(folder: Path) -> Try:
    """Run the study whole, once; what it takes is the measure of the disks."""
    import yaml

    import_all()
    study = folder / "small.yaml"
    write_table(folder / "small.csv")
    axes = {"seed": {"role": "repeat", "values": 1}}
    study.write_text(yaml.safe_dump(small(axes=axes), sort_keys=False))
    whole = folder / "whole"
    said = folder / "said"
    assert ended(start(*_run(study, whole), said=said), LONGEST) == 0, lines_of(said)
    return lambda number: _tried(number, study, whole, folder)


def _run(study: Path, out: Path) -> list[object]:
    arms = [part for arm in ARMS for part in ("--arm", arm)]
    return ["run", study, "--out", out, "--jobs", 1, *arms]


def _tried(number: int, study: Path, whole: Path, folder: Path) -> Came:
    draw = random.Random(number)
    place = folder / "disk"
    pages = sum(-(-path.stat().st_size // 4096) for path in whole.rglob("*") if path.is_file())
    outputs = number % 4 == 3
    size = 4096 * max(1, int(pages * 1.2 * draw.random() ** 2 * (0.3 if outputs else 1)))
    files = draw.randint(2, 60) if number % 5 == 4 else 100_000
    disk = _Disk(place, size, files)
    try:
        room = f"{size >> 10} KiB" if files == 100_000 else f"{files} files"
        if outputs:
            parts = OUTPUTS[number // 4 % len(OUTPUTS)]
            names = {"run": whole / "small-full", "data": folder / "small.csv", "disk": place}
            command: list[object] = [part.format(**names) for part in parts]
        else:
            command = _run(study, place / "out")
        about = f"{room}: {command[0]}"
        wrong, told = _goes(command, folder / "said")
        if wrong is None and told:
            wrong = None if outputs is False else _left(place)
            disk.grow()
            if wrong is None:
                wrong, again = _goes(command, folder / "said")
                wrong = wrong or ("told again with room" if again else None)
        if wrong is None and not outputs:
            wrong = _differs(place / "out", whole)
        came = wrong or ("told, and went on with more room" if told else "had room")
        return Came(came, f"{about}: {lines_of(folder / 'said')[-3:] if wrong else told}")
    finally:
        disk.remove()


def _goes(command: list[object], said: Path) -> tuple[str | None, str]:
    """Carry out a command; return what is wrong with how it ends, and what it says of the disk."""
    pid = start(*command, said=said)
    status = ended(pid, LONGEST)
    if status is None:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return "hung", ""
    if status == 0:
        return None, ""
    return is_clear(lines_of(said), status)


def is_clear(lines: list[str], status: int) -> tuple[str | None, str]:
    """What is wrong with the end of a command that had no room, and the line that tells of it."""
    ours = [line for line in lines if line.startswith("nearfar: ")]
    if status not in {1, 2} or any("Traceback" in line for line in lines):
        return f"ended with {status}", ""
    if not ours or "/" not in ours[-1] or len(ours[-1]) > 400:
        return "said nothing of a file", ""
    if not any(word in ours[-1] for word in ("make room", "no space", "No space", "too large")):
        return "said something else", ""
    return None, ours[-1]


def _left(place: Path) -> str | None:
    """Whether half a file was left."""
    found = [path.name for path in place.rglob("*") if path.is_file()]
    return f"left {', '.join(found)}" if found else None


def _differs(out: Path, whole: Path) -> str | None:
    name = "small-full/results.csv"
    if (out / name).read_bytes() != (whole / name).read_bytes():
        return "other results"
    damaged = check(out).damaged
    return f"damaged: {damaged[0]}" if damaged else None
