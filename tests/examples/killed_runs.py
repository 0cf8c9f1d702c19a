"""A run killed at random moments and started again: for ``scripts/kill-runs``."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from campaign import Came, Try
from forked_runs import ended, import_all, lines_of, members, start
from image_examples import write_images
from small_study import small, write_table

import nearfar.train.loop as loop

RIGHT = ("the same",)
MOST = 8
"""Kills of one run."""
LONGEST = 200.0
"""Seconds until a run that is not killed has ended."""
LEFT = 60.0
"""Seconds until no process of a run that was killed lives."""
Results = dict[str, bytes]


def _table(folder: Path) -> dict[str, Any]:
    write_table(folder / "small.csv")
    return small()


def _molecules(folder: Path) -> dict[str, Any]:
    ends = ("O", "N", "Cl", "c1ccccc1")
    lines = [f"{'C' * k}{end},{k + i}" for k in range(1, 11) for i, end in enumerate(ends)]
    (folder / "m.csv").write_text("smiles,y\n" + "\n".join(lines) + "\n")
    data = {"source": "molecules", "path": "m.csv", "target": "y"}
    return _of_encoder(data, {"gin": {"hidden": 8}}, "rnc")


def _images(folder: Path) -> dict[str, Any]:
    names = [f"{name}/{k}.png" for name in ("cat", "dog") for k in range(20)]
    write_images(folder / "pictures", names, side=12)
    data = {"source": "images", "path": "pictures"}
    raw = _of_encoder(data, {"cnn": {"width": 4}}, {"moco": {"queue": 16}})
    raw["stages"]["rnc"]["augment"] = "flip"
    return raw


def _of_encoder(data: object, encoder: object, objective: object) -> dict[str, Any]:
    raw = small(data=data)
    raw["stages"]["rnc"] |= {"encoder": encoder, "objective": objective, "epochs": 4, "batch": 8}
    raw["arms"] = {
        "plain": {"fit": {"encoder": encoder, "epochs": 4, "batch": 8}},
        "frozen": {"pretrain": "rnc", "fit": {"train": "head", "epochs": 2}},
        "tuned": {"pretrain": "rnc", "fit": {"train": "all", "epochs": 2, "batch": 8}},
    }
    return raw


KINDS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "images": _images,
    "molecules": _molecules,
    "table": _table,
}


@dataclass
class Kind:
    """A study, and what it gives and how long it takes when nobody kills it."""

    folder: Path
    write: Callable[[Path], dict[str, Any]]
    results: Results = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    """By how many workers."""

    @property
    def study(self) -> Path:
        return self.folder / "small.yaml"

    def run(self, out: Path, jobs: int, checkpoints: bool = False) -> int:
        """Start its run; with checkpoints at every step, or as seldom as they are for a user."""
        arguments = ("run", self.study, "--out", out, "--jobs", jobs)
        before = _often if checkpoints else None
        return start(*arguments, said=out.with_suffix(".said"), before=before)

    def run_whole(self, jobs: int) -> None:
        """Run it, unless that was done, with so many workers; they change no result."""
        if jobs in self.seconds:
            return
        if not self.seconds:
            self.folder.mkdir()
            self.study.write_text(yaml.safe_dump(self.write(self.folder), sort_keys=False))
        begun, out = time.monotonic(), self.folder / f"whole{jobs}"
        status = ended(self.run(out, jobs), LONGEST)
        assert status == 0, lines_of(out.with_suffix(".said"))
        self.seconds[jobs] = time.monotonic() - begun
        found = _results(out)
        assert self.results in ({}, found), "workers change results"
        self.results = found


def make(folder: Path) -> Try:
    """Three kinds of data; each is run whole before its first kill."""
    import_all()
    kinds = {name: Kind(folder / name, write) for name, write in KINDS.items()}

    def tried(number: int) -> Came:
        name = sorted(kinds)[number % len(kinds)]
        out = folder / f"out-{number}"
        kills, came = _killed(number, kinds[name], out)
        if came == "the same":
            shutil.rmtree(out)
        return Came(came, f"{name}, {kills} kills", kills)

    return tried


def _killed(number: int, kind: Kind, out: Path) -> tuple[int, str]:
    """Kill one run several times, then let it end; how many kills, and what came of it."""
    draw = random.Random(number)
    jobs, checkpoints = (2 if number % 8 == 0 else 1), draw.random() < 0.5
    kind.run_whole(1)
    kind.run_whole(jobs)
    kills = 0
    for _ in range(draw.randint(1, MOST)):
        run = kind.run(out, jobs, checkpoints)
        if ended(run, draw.random() * kind.seconds[jobs]) is not None:
            break
        target = draw.choice(["run", "worker", "group"]) if jobs > 1 else "run"
        kills += 1
        if (wrong := _kill(run, target, draw)) is not None:
            return kills, wrong
    status = ended(kind.run(out, jobs, checkpoints), LONGEST)
    if status != 0:
        return kills, f"ended with {status}"
    if _results(out) != kind.results:
        return kills, "other results"
    halves = list((out / "stages").glob("*.partial"))
    return kills, "half a stage was left" if halves else "the same"


def _kill(run: int, target: str, draw: random.Random) -> str | None:
    """Kill the run, a worker of it or all; what is wrong if it or its processes go on."""
    others = [one for one in members(run) if one != run]
    if target == "worker" and others:
        with suppress(ProcessLookupError):
            os.kill(draw.choice(others), signal.SIGKILL)
        return None if ended(run, LONGEST) is not None else "did not end without its worker"
    if target == "group":
        os.killpg(run, signal.SIGKILL)
    else:
        os.kill(run, signal.SIGKILL)
    os.waitpid(run, 0)
    end = time.monotonic() + LEFT
    while members(run):
        if time.monotonic() > end:
            return "left processes behind"
        time.sleep(0.01)
    return None


def _often() -> None:
    loop.CHECKPOINT_SECONDS = 0.01


def _results(out: Path) -> Results:
    (table,) = out.glob("*/results.csv")
    found = [table, table.with_name("splits.csv")]
    return {path.name: path.read_bytes() for path in found if path.exists()}
