"""A study run from Python: ``nearfar.run``."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nearfar.errors import UserError
from nearfar.library.result import Result
from nearfar.records.places import path_of


def run(
    study: str | Path,
    *,
    out: str | Path = "runs",
    profile: str | None = None,
    jobs: int | None = None,
    seeds: int | None = None,
    arms: Sequence[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    device: str = "auto",
    devices: int = 1,
    name: str | None = None,
    quiet: bool = False,
) -> Result:
    """Run a study, or what is missing of it, and return what it found: ``nearfar run`` in Python.

    The same call again trains nothing. A script needs no ``if __name__ == "__main__"``: worker
    processes do not import it.

    Args:
        study: a study file, or the name of a shipped study.
        out: the folder of runs and stages.
        profile: full (the default), efficient, quick or smoke.
        jobs: local processes; by default one for each core.
        seeds: use the seeds 0 to ``seeds`` - 1.
        arms: only these arms and what they are compared with; rows of others stay.
        overrides: key of the study → value, ``{"stages.rnc.epochs": 200}``.
        device: auto, cpu or cuda.
        devices: GPUs, or cores, that train each model together (docs/scale.md).
        name: the run's folder in ``out``; by default ``<study>-<profile>``, or the next one that
            is free where that run was made with another study or other data.
        quiet: show nothing. Otherwise progress is a bar in notebooks and text on stderr elsewhere.

    Raises:
        UserError: a mistake in the study, its data or the arguments, in one line.

    Example::

        result = nearfar.run("mine.yaml", profile="quick", overrides={"margin": 0.1})
    """
    from nearfar.execution.prepared import Request
    from nearfar.execution.where import Where

    request = Request(
        study if isinstance(study, str) else str(path_of(study, "study")),
        profile,
        _names("arms", arms),
        count("seeds", seeds),
        settings_of(overrides),
        path_of(out, "out"),
        count("jobs", jobs),
        device,
        name=name,
        where=Where(devices=count("devices", devices) or 1),
    )
    return carried_out(request, quiet=quiet)


def carried_out(request: Any, *, quiet: bool) -> Result:
    """Carry out a :class:`nearfar.execution.prepared.Request`, as ``nearfar run`` does.

    Raises:
        UserError: a mistake in it, its study or its data.
    """
    try:
        return _carried_out(request, quiet=quiet)
    except UserError as error:
        raise UserError(re.sub(r"--(devices|jobs) (\d+)", r"\1=\2", str(error))) from None


def _carried_out(request: Any, *, quiet: bool) -> Result:
    from nearfar.execution import processes
    from nearfar.execution.memory import keep_freed_memory

    keep_freed_memory()
    if (request.jobs or processes.cores()) > 1:
        processes.import_ahead()
    from nearfar.execution.run import alone, carry_out, default_jobs
    from nearfar.execution.tracking import Tracking
    from nearfar.library.progress import display
    from nearfar.report import write_report
    from nearfar.report.console import InertConsole as Console

    with alone(request) as prepared:
        jobs = request.jobs or default_jobs(prepared)
        if not quiet:
            for note in prepared.notes:
                print(note, file=sys.stderr)
        with (
            Tracking(prepared, Console(stderr=True, quiet=quiet)) as tracking,
            display(prepared, quiet=quiet) as shown,
        ):

            def watch(event: Any) -> None:
                shown(event)
                tracking(event)

            carry_out(prepared, jobs, watch)
        with prepared.folder.writing():
            write_report(prepared.folder.path)
    return Result(prepared.folder.path)


def settings_of(overrides: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return ``key=value`` settings, the values in YAML, of keys and values.

    Raises:
        UserError: it is no mapping, or a value is not plain.
    """
    from yaml import YAMLError, safe_dump

    if overrides is None:
        return ()
    if not isinstance(overrides, Mapping):
        raise UserError(
            f"overrides: needs keys and values, {{'stages.rnc.epochs': 200}}, not {overrides!r}"
        )
    settings = []
    for key, value in overrides.items():
        try:
            text = safe_dump(value, default_flow_style=True, width=2**30, allow_unicode=True)
        except YAMLError:
            kind = type(value).__name__
            raise UserError(f"overrides: {key}: a {kind} cannot stand in a study file") from None
        settings.append(f"{key}={text.removesuffix('...' + chr(10)).strip()}")
    return tuple(settings)


def _names(what: str, given: Sequence[str] | None) -> list[str] | None:
    if given is None:
        return None
    names = [given] if isinstance(given, str) else list(given)
    if not names or not all(isinstance(name, str) for name in names):
        raise UserError(f"{what}: needs names of arms, not {given!r}")
    return names


def count(what: str, given: int | None) -> int | None:
    """Return a number of things as it is given.

    Raises:
        UserError: it is no whole number from 1 on.
    """
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise UserError(f"{what}: needs a whole number from 1 on, not {given!r}")
    return given
