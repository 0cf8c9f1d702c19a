"""Two commands that keep their searches in one storage: for ``scripts/share-storage``."""

import os
import random
import shutil
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import yaml
from campaign import Came, Try
from forked_runs import ended, import_all, lines_of, start
from small_study import small, write_table

RIGHT = ("kept once",)
LONGEST = 300.0
"""Seconds until two small runs have ended."""
POINTS = 11
RESULTS = Path("small-full") / "results.csv"


def make(folder: Path) -> Try:
    """Run the study without a storage; every pair is compared with it."""
    import_all()
    lr = {"role": "choose", "from": 1e-3, "to": 1e-1, "log": True, "trials": POINTS}
    fit = {"encoder": {"mlp": {"hidden": 4}}, "optimizer": {"adam": {"lr": "$lr"}}, "epochs": 1}
    axes = {"seed": {"role": "repeat", "values": 1}, "lr": lr}
    write_table(folder / "small.csv")
    study = folder / "small.yaml"
    raw = small(arms={"plain": {"fit": fit}}, stages={}, axes=axes)
    study.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    pid = _run(study, folder / "whole", folder / "said")
    assert ended(pid, LONGEST) == 0, lines_of(folder / "said")
    return partial(_pair, study, (folder / "whole" / RESULTS).read_bytes(), folder)


def _run(study: Path, out: Path, said: Path, *more: object) -> int:
    return start("run", study, "--out", out, "--jobs", 1, *more, said=said)


def _pair(study: Path, whole: bytes, folder: Path, number: int) -> Came:
    """Two folders, or one; begun together, or one a while after the other."""
    draw, place = random.Random(number), folder / str(number)
    place.mkdir()
    kind = ("two folders", "one folder")[number % 2]
    outs = [place / "out", place / ("out" if number % 2 else "other")]
    begun = []
    for turn, out in enumerate(outs):
        begun.append(_run(study, out, place / f"said-{turn}", "--storage", place / "journal"))
        time.sleep(draw.random() * draw.choice([0.02, 1.0]))
    statuses = [ended(pid, LONGEST) for pid in begun]
    for pid, status in zip(begun, statuses, strict=True):
        if status is None:
            os.killpg(pid, signal.SIGKILL)
    about = f"{kind}: exit {statuses}"
    said = [line for turn in (0, 1) for line in lines_of(place / f"said-{turn}")]
    if told := [line for line in said if "--storage" in line]:
        return Came("told", f"{about}: {told[0]}")
    if any(statuses):
        return Came("a command failed", f"{about}: {said[-2:]}")
    if any((out / RESULTS).read_bytes() != whole for out in outs):
        return Came("other results", about)
    counts = [len(search.trials) for search in _kept(place / "journal")]
    if counts != [POINTS]:
        return Came("not kept once", f"{about}: {counts} points")
    shutil.rmtree(place)
    return Came("kept once", about)


def _kept(journal: Path) -> list[Any]:
    backend = optuna.storages.journal.JournalFileBackend(str(journal))
    storage = optuna.storages.JournalStorage(backend)
    names = optuna.get_all_study_names(storage)
    return [optuna.load_study(study_name=name, storage=storage) for name in names]
