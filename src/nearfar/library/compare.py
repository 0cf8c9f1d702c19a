"""Ways of learning compared on data in memory: ``nearfar.compare``."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nearfar.errors import UserError
from nearfar.library.inputs import FOLDER, Rows, rows_of
from nearfar.library.result import Result

_temporary: list[tempfile.TemporaryDirectory[str]] = []


def compare(
    X: Any,
    y: Any = None,
    *,
    arms: Mapping[str, Any] | Sequence[str] | None = None,
    groups: Any = None,
    repeats: int | None = None,
    metric: str | None = None,
    task: str | None = None,
    names: Any = None,
    baseline: str | None = None,
    out: str | Path | None = None,
    jobs: int | None = None,
    profile: str = "quick",
    quiet: bool = False,
) -> Result:
    """Compare ways of learning on the same splits and seeds of your own data, with statistics.

    The same call again trains nothing: data, estimators and functions are told by their content. A
    script needs no ``if __name__ == "__main__"``.

    Args:
        X: a data frame (pandas, polars, pyarrow); numbers (rows, columns); a list of SMILES; images
            uint8 (rows, height, width), or with channels first or last; a list of paths of images;
            or the path of a folder of images or of a file that ``nearfar init`` takes. Of what is
            in memory a copy is written to ``out/data``.
        y: what to predict: numbers, classes or texts (rows,), several targets (rows, targets), or
            the name of a column of ``X``, or several. None for images in folders of their classes.
        arms: name → what is compared, the first being the baseline: the name of an arm that
            ``nearfar init`` writes (``"plain"``, ``"RnC"``, …), an arm as a study file says it, a
            scikit-learn classifier or regressor (fitted on training rows: the columns, of molecules
            Morgan fingerprints, of images pixels), or a function that makes a ``torch.nn.Module``,
            rows → features, to be trained end to end below a linear layer. Or a list of such names.
            None for all that ``nearfar init`` writes. One that predicts a constant is added.
        groups: of every row (rows,), or a column of ``X``: rows of one group stay in one part.
        repeats: trainings of every arm; by default those of the profile.
        metric: that carries the verdicts; by default what suits the task.
        task: regression, classification or multilabel; by default what ``y`` looks like.
        names: what rows are called in reports (rows,), or a column of ``X``.
        baseline: the arm that the others are compared with; by default the first.
        out: the folder of runs and stages; by default a temporary one, until this process ends.
        jobs: local processes. Estimators and functions are objects of this process, so that with
            them it is 1.
        profile: quick (the default), full or smoke.
        quiet: show nothing. Otherwise what was found in the data, and progress.

    Raises:
        UserError: in one line, what is wrong with the data, an arm or an option.

    Example::

        from sklearn.ensemble import HistGradientBoostingRegressor

        result = nearfar.compare(
            table.drop(columns="price"),
            table["price"],
            arms={"boosting": HistGradientBoostingRegressor(), "RnC": "RnC"},
            out="runs",
        )
        print(result.answer)
    """
    from nearfar.execution.prepared import Request
    from nearfar.library.run import _count, carried_out

    folder, asked, seeds = _out(out), _count("jobs", jobs), _count("repeats", repeats)
    rows = rows_of(X, y, groups, names, folder)
    study, facts = _first_study(rows, task)
    study, own = _with_arms(study, arms, baseline, folder)
    study["metric"] = metric or study["metric"]
    if not quiet:
        for fact in facts:
            print(fact, file=sys.stderr)
        if own and asked != 1:
            print(
                f"jobs=1: {', '.join(own)} live in this process alone, so all is trained here",
                file=sys.stderr,
            )
    path = _written(study, folder)
    jobs = 1 if own else asked
    request = Request(str(path), profile, seeds=seeds, out=folder, jobs=jobs)
    try:
        return carried_out(request, quiet=quiet)
    except UserError as error:
        raise UserError(str(error).replace(f"{path}: ", "")) from None


def _out(out: str | Path | None) -> Path:
    """Return the folder of runs; one for all calls of this process that name none."""
    if out is not None:
        return Path(out)
    if not _temporary:
        _temporary.append(tempfile.TemporaryDirectory(prefix="nearfar-"))
    return Path(_temporary[0].name)


def _first_study(rows: Rows, task: str | None) -> tuple[dict[str, Any], list[str]]:
    """Return the study that ``nearfar init`` writes of these rows, and what it found."""
    from nearfar.records.plain_yaml import parse_yaml
    from nearfar.starter.asked import checked
    from nearfar.starter.write import write_study

    try:
        with tempfile.TemporaryDirectory() as place:
            file, facts = write_study(
                rows.path, rows.targets, Path(place) / "first.yaml", task, checked(rows.options)
            )
            study = parse_yaml(file.read_text(encoding="utf-8"), "study")
    except UserError as error:
        raise UserError(_in_python(str(error))) from None
    study["data"]["path"] = str(rows.path)
    return study, facts


def _in_python(message: str) -> str:
    """Return a message of ``nearfar init`` as it reads where arguments are Python's.

    >>> _in_python("these are numbers: take --task regression")
    "these are numbers: take task='regression'"
    """
    said = re.sub(r"--(task) (\w+)", r"\1='\2'", message)
    return re.sub(r"--target\b", "y", re.sub(r"--group\b", "groups", said))


def _with_arms(
    study: dict[str, Any], arms: Any, baseline: str | None, folder: Path
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
    from nearfar.records.files import write_atomically
    from nearfar.records.plain_yaml import to_yaml

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
