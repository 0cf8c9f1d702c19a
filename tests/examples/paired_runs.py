"""Two commands at once on one OUT, and whether a result is lost: for ``scripts/pair-runs``."""

import csv
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from campaign import Came, Try
from forked_runs import ended, import_all, lines_of, start
from small_study import small, write_table

from nearfar.execution.check import check

RIGHT = ("nothing lost",)
ARMS = ("ridge", "frozen", "last", "forest")
LONGEST = 300.0
"""Seconds until two small runs have ended."""
Row = tuple[str, ...]


def make(folder: Path) -> Try:
    """Run the study whole, once; every pair is compared with it."""
    import yaml

    import_all()
    study = folder / "small.yaml"
    write_table(folder / "small.csv")
    axes = {"seed": {"role": "repeat", "values": 2}}
    study.write_text(yaml.safe_dump(small(axes=axes), sort_keys=False))
    run = partial(_run, study)
    whole = folder / "whole"
    assert ended(run(whole, folder / "said"), LONGEST) == 0, lines_of(folder / "said")
    rows = _rows(whole / "small-full")
    return lambda number: _pair(number, run, rows, folder / str(number))


def _run(study: Path, out: Path, said: Path, *more: object) -> int:
    return start("run", study, "--out", out, "--jobs", 1, *more, said=said)


def _pair(number: int, run: Callable[..., int], whole: set[Row], folder: Path) -> Came:
    draw = random.Random(number)
    out, asked = folder / "out", []
    folder.mkdir()
    first, second = draw.sample(ARMS, 2)
    kind = ("two arms", "two seeds", "the same", "clean", "clean of more", "report", "two names")[
        number % 7
    ]
    if kind in {"clean of more", "report"}:
        asked.append((first, None, "small-full"))
        assert ended(run(out, folder / "0", "--arm", first), LONGEST) == 0, lines_of(folder / "0")
    wanted = {
        "two arms": [(first, None, "small-full"), (second, None, "small-full")],
        "two seeds": [(first, 0, "small-full"), (first, 1, "small-full")],
        "the same": [(first, None, "small-full"), (first, None, "small-full")],
        "two names": [(first, None, "one"), (first, None, "two")],
    }.get(kind, [(second, None, "small-full")])
    begun = []
    for arm, seed, name in wanted:
        more = ["--arm", arm, *(() if seed is None else ("--seed", seed))]
        more += [] if name == "small-full" else ["--as", name]
        begun.append(run(out, folder / f"{len(begun) + 1}", *more))
        time.sleep(draw.random() * draw.choice([0.1, 1.0, 3.0]))
    if len(wanted) == 1:
        begun += _disturbing(kind, out, folder, begun[0])
    asked += wanted
    statuses = [ended(pid, LONGEST) for pid in begun]
    about = f"{kind} of {first}, {second}: exit {statuses}"
    for pid, status in zip(begun, statuses, strict=True):
        if status is None:
            os.killpg(pid, signal.SIGKILL)
    if any(statuses):
        said = [line for path in sorted(folder.glob("[1-9]*")) for line in lines_of(path)[-2:]]
        return Came("a command failed", f"{about}: {said}")
    came = _lost(out, asked, whole)
    if came is None:
        shutil.rmtree(folder)
    return Came("nothing lost", about) if came is None else Came(*came, about)


def _disturbing(kind: str, out: Path, folder: Path, run: int) -> list[int]:
    """Commands beside a run, one after the other until there were three or it has ended."""
    others: list[int] = []
    while (
        len(others) < 3 and os.waitid(os.P_PID, run, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    ):
        if out.is_dir():
            where = out / "small-full" if kind == "report" else out
            command = "report" if kind == "report" else "clean"
            others.append(start(command, where, said=folder / f"{len(others) + 2}"))
            os.waitid(os.P_PID, others[-1], os.WEXITED | os.WNOWAIT)
        time.sleep(0.05)
    return others


def _rows(run: Path) -> set[Row]:
    with (run / "results.csv").open(encoding="utf-8") as file:
        return set(map(tuple, csv.reader(file)))


def _lost(
    out: Path, asked: list[tuple[str, int | None, str]], whole: set[Row]
) -> tuple[str] | None:
    """What is wrong with the results of all runs that were asked for; None if nothing is."""
    for name in {name for _, _, name in asked}:
        wanted = {(arm, seed) for arm, seed, run in asked if run == name}
        wanted |= {("plain", seed) for _, seed in wanted}
        seeds = {
            (arm, str(one)) for arm, seed in wanted for one in ((0, 1) if seed is None else (seed,))
        }
        expected = {row for row in whole if row[:2] in seeds or row[0] == "arm"}
        found = _rows(out / name)
        if expected - found:
            return ("results are lost",)
        if found - expected:
            return ("other results",)
    checked = check(out)
    return (f"damaged: {checked.damaged[0]}",) if checked.damaged else None
