"""Whether the rows of a study are enough to learn from and to judge by, asked before training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nearfar.data import Dataset, Split, check_targets, conditioned, mapped, split_rows
from nearfar.data.corruptions import check as check_corruption
from nearfar.errors import UserError
from nearfar.metrics import METRICS, RECONSTRUCTION
from nearfar.study.load import Resolved
from nearfar.study.schema import Study


def check_rows(resolved: Resolved, dataset: Dataset) -> None:
    """Refuse splits, conditions, class maps and metrics that the rows are not enough for.

    Raises:
        UserError: says what leaves too little to learn from or to test.
    """
    from nearfar.stages.targets import outputs_of
    from nearfar.stages.tested_rows import tested_rows

    _check_metric(resolved.study, dataset)
    undefined: dict[str, list[int]] = {}
    different = {(str(p.study.split), p.study.conditions): p.study for p in resolved.points}
    for study in different.values():
        for seed in resolved.seeds if study.split.varies else resolved.seeds[:1]:
            split = split_rows(dataset, study.split, seed)
            changed, some = conditioned(dataset, split, study.conditions, seed)
            outputs_of(changed, some)
            judged: dict[str | None, tuple[Dataset, Split]] = {None: (changed, some)}
            for name, classes in study.targets.items():
                judged[name] = mapped(changed, some, name, classes)
            for rows in {scoring.test.rows for scoring in resolved.scorings}:
                tested = tested_rows(changed, some, rows, study.unseen)
                remedy = f"do not test the rows {rows!r} alone, or take fewer folds or larger parts"
                check_targets(changed, f"'test: rows: {rows}'", tested, remedy)
            for reason in _undefined(study, judged):
                undefined.setdefault(reason, []).append(seed)
    if undefined:
        _refuse_metric(resolved, dataset, undefined)
    for test in (scoring.test for scoring in resolved.scorings):
        if test.corruption is not None:
            check_corruption(dataset.inputs, test.corruption, test.severity or 0)


def _check_metric(study: Study, dataset: Dataset) -> None:
    """Refuse a metric that no arm's classes have."""
    if not METRICS[study.metric].two_classes or dataset.multilabel:
        return
    counts = {
        len(set(study.targets[fit.target].values())) if fit.target else len(dataset.classes)
        for fit in (arm.fit for arm in study.arms.values())
    }
    for count in sorted(counts - {2}):
        raise UserError(
            f"metric: {study.metric} is for two classes, and here are {count}: take "
            "balanced_accuracy, or predict a class map of two ('targets')"
        )


def _undefined(study: Study, judged: Mapping[str | None, tuple[Dataset, Split]]) -> list[str]:
    """Return why the metric says nothing of the test rows, of what arms predict."""
    from nearfar.stages.targets import outputs_of
    from nearfar.stages.undefined import is_undefined

    if study.metric in RECONSTRUCTION:
        return []
    found = []
    for name in {arm.fit.target for arm in study.arms.values()}:
        dataset, split = judged[name]
        if is_undefined(outputs_of(dataset, split), study.metric, split.test):
            found.append(_alike(dataset, split))
    return found


def _alike(dataset: Dataset, split: Split) -> str:
    """Return what test rows are that are too much alike for a metric."""
    if not dataset.classes:
        return "all of these have one value"
    there = set(dataset.targets[split.test, 0].astype(int).tolist())
    for number, name in enumerate(dataset.classes):
        if number not in there:
            return f"none of these is of class {name!r}"
    return "these are too much alike"


def _refuse_metric(
    resolved: Resolved, dataset: Dataset, undefined: Mapping[str, list[int]]
) -> None:
    study, trainings = resolved.study, len(resolved.seeds)
    (why, seeds), *_ = undefined.items()
    of = f" in {len(seeds)} of {trainings} trainings" if study.split.varies else ""
    raise UserError(
        f"metric: {study.metric} has no value for the test rows{of}: {why}; choose "
        f"{_larger_parts(study, dataset)}, or {_always_defined(dataset)} as metric"
    )


def _larger_parts(study: Study, dataset: Dataset) -> str:
    """Return what of the split can be changed so that more of the rows are tested at a time."""
    if study.split.folds is None:
        return "other parts" if study.split.kind == "predefined" else "larger parts in 'split'"
    rarest = min(np.bincount(dataset.targets[:, 0].astype(int))) if dataset.classes else 0
    most = f" (at most {rarest})" if 1 < rarest < study.split.folds else ""
    return f"fewer folds in 'split'{most}"


def _always_defined(dataset: Dataset) -> str:
    """Return the metrics that have a value for any rows."""
    return "nll or accuracy" if dataset.classes or dataset.multilabel else "mae or rmse"
