"""Ways of learning compared on data in memory: ``nearfar.compare``."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nearfar.errors import UserError
from nearfar.library.inputs import FOLDER, Rows, rows_of, task_of_type
from nearfar.library.result import Result
from nearfar.library.run import count
from nearfar.records.places import folder_to_write, path_of

_temporary: list[tempfile.TemporaryDirectory[str]] = []


def compare(
    X: Any,
    y: Any = None,
    *,
    arms: Mapping[str, Any] | Sequence[str] | None = None,
    groups: Any = None,
    parts: Any = None,
    repeats: int | None = None,
    metric: str | None = None,
    task: str | None = None,
    names: Any = None,
    baseline: str | None = None,
    out: str | Path | None = None,
    jobs: int | None = None,
    devices: int = 1,
    profile: str = "quick",
    quiet: bool = False,
) -> Result:
    """Compare ways of learning on the same splits and seeds of your own data, with statistics.

    The same call again trains nothing. docs/python.md says more of each argument.

    Args:
        X: data frame (pandas, polars, pyarrow); numbers (rows, columns); SMILES; images of pillow
            or uint8 (rows, height, width[, channels]); paths of images, a folder or a file.
        y: numbers, classes or texts (rows,), targets (rows, targets), or names of columns of ``X``;
            None for images in folders of their classes. Paired with ``X`` by position.
        arms: name → an arm that ``nearfar init`` writes, by name; an arm as a study file says it;
            a scikit-learn estimator; a function that makes a ``torch.nn.Module``, rows → features.
            The first is the baseline. None for all that ``nearfar init`` writes.
        groups: of every row (rows,), or a column of ``X``: a group stays in one part.
        parts: train, validation or test of a row, or its time (the latest are tested); or a column.
        repeats: trainings of every arm; by default those of the profile.
        metric: that carries the verdicts; by default what suits the task.
        task: regression, classification or multilabel; by default what ``y`` looks like.
        names: what rows are called in reports (rows,), or a column of ``X``.
        baseline: the arm that others are compared with, if not the first.
        out: the folder of runs; by default a temporary one, until this process ends.
        jobs: local processes; 1 with arms that live in this process alone.
        devices: GPUs, or cores, that train each model together; not with such arms.
        profile: quick, full or smoke.
        quiet: show nothing, neither what was found in the data nor progress.

    Raises:
        UserError: what is wrong with the data, an arm or an option.

    Example::

        arms = {"boosting": HistGradientBoostingRegressor(), "RnC": "RnC"}
        nearfar.compare(table.drop(columns="price"), table["price"], arms=arms, out="runs").answer
    """
    folder, asked, seeds = _out(out), count("jobs", jobs), count("repeats", repeats)
    rows = rows_of(X, y, {"group": groups, "name": names, "part": parts}, folder)
    study, facts = _suited(rows, task or task_of_type(X, y), metric, arms)
    study, own = _with_arms(study, arms, baseline)
    together = _together(devices, own)
    _tell([] if quiet else [*facts, *rows.notes, *([_alone(own)] if own and asked != 1 else [])])
    study_file, jobs = _written(study, folder), 1 if own else asked
    path = _run(study_file, folder, profile, seeds, jobs, together, quiet)
    return Result(path, [*rows.notes, *filter(_to_be_noted, facts)])


_AS_CLASSES = "task='classification'"
"""What is told of whole numbers of which there are few: they may be classes."""


def _together(devices: int, own: Sequence[str]) -> int:
    """Return the checked number of devices; arms of this process alone have one."""
    together = count("devices", devices) or 1
    if own and together > 1:
        raise UserError(_alone(own, f"devices={together}: ", "leave one of the two out"))
    return together


def _to_be_noted(fact: str) -> bool:
    """Whether a result keeps what was found in the data: a warning, what was left out, a choice.

    A choice is how the target was understood where it could mean something else.
    """
    choice = fact.startswith("target") and ("several labels a row" in fact or "task=" in fact)
    return "careful: " in fact or fact.startswith(("left out: ", "columns not used: ")) or choice


def _tell(lines: Sequence[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)


def _alone(
    own: Sequence[str], asked: str = "jobs=1: ", hence: str = "so all is trained here"
) -> str:
    live = "live" if len(own) > 1 else "lives"
    return f"{asked}{', '.join(own)} {live} in this process alone, {hence}"


def _run(
    study: Path,
    out: Path,
    profile: str,
    seeds: int | None,
    jobs: int | None,
    devices: int,
    quiet: bool,
) -> Path:
    """Run the study that was written, and return the folder of its run.

    Mistakes do not name its file, which nobody has seen.
    """
    from nearfar.execution.prepared import Request
    from nearfar.execution.where import Where
    from nearfar.library.run import carried_out

    where = Where(devices=devices)
    request = Request(str(study), profile, seeds=seeds, out=out, jobs=jobs, where=where)
    try:
        return carried_out(request, quiet=quiet).path
    except UserError as error:
        raise UserError(*(str(line).replace(f"{study}: ", "") for line in error.args)) from None


def _out(out: str | Path | None) -> Path:
    """Return the folder of runs; one for all calls of this process that name none."""
    if out is not None:
        return folder_to_write(path_of(out, "out"), "out")
    if not _temporary:
        _temporary.append(tempfile.TemporaryDirectory(prefix="nearfar-"))
    return Path(_temporary[0].name)


def _suited(
    rows: Rows, task: str | None, metric: str | None, arms: Any
) -> tuple[dict[str, Any], list[str]]:
    """Return the first study, of classes where numbers may be some and all arms classify."""
    from nearfar.library.arms import all_classify

    study, facts = _first_study(rows, task, metric)
    if task is None and any(_AS_CLASSES in fact for fact in facts) and all_classify(arms):
        return _first_study(rows, "classification", metric)
    return study, facts


def _first_study(
    rows: Rows, task: str | None, metric: str | None
) -> tuple[dict[str, Any], list[str]]:
    """Return the study that ``nearfar init`` writes of these rows, and what it found."""
    from nearfar.plain_yaml import parse_yaml
    from nearfar.starter.asked import checked
    from nearfar.starter.write import write_study

    try:
        with tempfile.TemporaryDirectory() as place:
            file, facts = write_study(
                rows.path, rows.targets, Path(place) / "first.yaml", task, checked(rows.options)
            )
            study = parse_yaml(file.read_text(encoding="utf-8"), "study")
    except UserError as error:
        raise UserError(_in_python(_of_x(rows, str(error)))) from None
    study["data"]["path"] = str(rows.path)
    study["metric"] = metric or study["metric"]
    return study, [_in_python(_of_x(rows, fact)) for fact in facts]


def _of_x(rows: Rows, said: str) -> str:
    """Return what is said of a file of rows; one that nobody has seen is called X."""
    if rows.path.parent.name != FOLDER:
        return said
    return said.replace(str(rows.path), "X").replace(rows.path.name, "X")


def _in_python(message: str) -> str:
    """Return a message of ``nearfar init`` as it reads where arguments are Python's.

    >>> _in_python("these are numbers: take --task regression")
    "these are numbers: take task='regression'"
    >>> _in_python("--group 'Patient ID' keeps them together")
    "groups='Patient ID' keeps them together"
    """

    def said(option: re.Match[str]) -> str:
        (value,) = shlex.split(option[2])
        return f"{_ARGUMENTS[option[1]]}={value!r}"

    message = message.replace("; --features takes one", "")
    message = re.sub(rf"--({'|'.join(_ARGUMENTS)}) ({_QUOTED}|[^\s:;,)]+)", said, message)
    return re.sub(r"--target\b", "y", re.sub(r"--group\b", "groups", message))


_ARGUMENTS = {"task": "task", "group": "groups", "part": "parts", "name": "names"}
_QUOTED = "'(?:[^']|'\"'\"')*'"
"""A word as ``shlex.quote`` writes it."""


def _with_arms(
    study: dict[str, Any], arms: Any, baseline: str | None
) -> tuple[dict[str, Any], list[str]]:
    """Return the study with the arms that were asked for, and which live in this process alone."""
    from nearfar.errors import nearest
    from nearfar.library.arms import chosen_arms, study_with

    if arms is None:
        if baseline is not None and baseline not in study["arms"]:
            known = nearest(baseline, study["arms"])
            raise UserError(f"baseline: no arm is called {baseline!r}; {known}")
        return {**study, "baseline": baseline or study["baseline"]}, []
    from nearfar.data.catalogue import SOURCES

    kind = SOURCES[study["data"]["source"]].kind
    chosen = chosen_arms(arms, study, kind, lambda: _shape(study["data"], kind))
    return study_with(study, chosen, baseline), chosen.own


def _shape(data: Mapping[str, Any], kind: str) -> tuple[int, ...] | None:
    """Return the shape of a row that functions are told apart by; of tables any, for all of them.

    How many numbers a table's columns make is known from training rows alone.
    """
    if kind != "image":
        return (8,) if kind == "vector" else None
    from nearfar.data import DataOptions, load_dataset

    inputs: Any = load_dataset(DataOptions(**data), Path.cwd()).inputs
    return tuple(inputs.pixels.shape[1:])


def _written(study: dict[str, Any], folder: Path) -> Path:
    """Write a study beside the data; its name follows from what it says."""
    from nearfar.plain_yaml import to_yaml
    from nearfar.records.files import write_atomically

    place = folder / FOLDER
    path = Path(study["data"]["path"])
    data = {**study["data"], "path": path.name if path.parent == place else str(path.resolve())}
    text = {**study, "data": data}
    told = {key: value for key, value in text.items() if key != "study"}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()
    name = f"compared-{digest[:10]}"
    file = place / f"{name}.yaml"
    write_atomically(file, to_yaml({**text, "study": name}))
    return file
