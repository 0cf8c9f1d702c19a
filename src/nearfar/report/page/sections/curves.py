"""Learning curves of an arm's seeds, reduced to what a plot can show."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.records.stage_files import Curve, read_curves
from nearfar.report.load import Run
from nearfar.report.page.panel import ASSETS, PageContext, Section
from nearfar.report.page.rows import compact

MAX_POINTS = 160

_HTML = (
    '<p class="about">Line: mean over seeds; band: from the lowest to the highest seed; pale line: '
    "training rows, where both are drawn. A diverged seed is dashed up to its ✕ and does not set "
    "the scale. A training loss can lie above that of validation: it is the mean over an epoch in "
    "which the model still improves, with augmentation and dropout on; and a contrastive loss "
    "grows with the rows of a batch.</p>"
    '<div class="controls" id="curves-controls"></div><div class="plot" id="curves-plot"></div>'
    '<div class="controls" id="pretrain-controls"></div>'
    '<div class="grid pretrain" id="pretrain-plots"></div>'
)


def _thin(epochs: np.ndarray) -> np.ndarray:
    """At most ``MAX_POINTS`` places spread over a curve, first and last included."""
    count = min(len(epochs), MAX_POINTS)
    return np.unique(np.linspace(0, len(epochs) - 1, count).round().astype(int))


def summarise(curves: Mapping[int, Curve], diverged: Sequence[int]) -> dict[str, Any]:
    """Mean and range over the sound seeds; every diverged seed by itself.

    ``x, mean, low, high`` cover the epochs that every sound seed reached; of seeds whose points lie
    at other epochs, since each chose its own length, only those like the first. ``diverged`` holds
    ``[seed, x, y]`` up to the last finite value.
    """
    sound = [curve for seed, curve in curves.items() if seed not in diverged]
    sound = [curve for curve in sound if _alike(curve.epochs, sound[0].epochs)]
    found: dict[str, Any] = {"x": [], "mean": [], "low": [], "high": [], "diverged": []}
    if sound:
        length = min(len(curve.epochs) for curve in sound)
        places = _thin(sound[0].epochs[:length])
        stack = np.stack([curve.values[places] for curve in sound])
        found["x"] = [compact(x) for x in sound[0].epochs[places]]
        for name, values in (
            ("mean", stack.mean(axis=0)),
            ("low", stack.min(axis=0)),
            ("high", stack.max(axis=0)),
        ):
            found[name] = [compact(value) for value in values]
    for seed, curve in curves.items():
        finite = np.flatnonzero(np.isfinite(curve.values))
        if seed in diverged and len(finite):
            places = finite[_thin(finite)]
            line = [[compact(v) for v in column[places]] for column in (curve.epochs, curve.values)]
            found["diverged"].append([seed, *line])
    return found


def _alike(epochs: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> bool:
    length = min(len(epochs), len(others))
    return bool(np.allclose(epochs[:length], others[:length]))


def fit_curves(run: Run) -> list[dict[str, Any]]:
    """For every arm ``{offset, series: {split: {metric: summary}}}``, in the order of the arms.

    ``offset`` is the number of epochs that came before the last stage.
    """
    found = []
    for arm in run.arms:
        by_series: dict[tuple[str, str], dict[int, Curve]] = {}
        diverged, offset = [], 0
        for seed in run.summary.get("seeds", []):
            chain = run.trained(arm, seed)
            if not chain:
                continue
            rows = [run.stage_row(link["hash"]) for link in chain]
            if any(row is not None and row.status == "diverged" for row in rows):
                diverged.append(seed)
            offset = max(offset, sum(row.epochs for row in rows[:-1] if row is not None))
            for key, curve in read_curves(run.stage_folder(chain[-1]["hash"])).items():
                by_series.setdefault(key, {})[seed] = curve
        found.append({"offset": offset, "series": _series(by_series, diverged)})
    return found


def _series(
    curves: Mapping[tuple[str, str], Mapping[int, Curve]], diverged: Sequence[int]
) -> dict[str, dict[str, Any]]:
    """``{split: {metric: summary}}`` of everything but learning rates."""
    series: dict[str, dict[str, Any]] = {}
    for (split, metric), by_seed in sorted(curves.items()):
        if metric != "lr":
            series.setdefault(split, {})[metric] = summarise(by_seed, diverged)
    return series


def pretrain_curves(run: Run) -> list[dict[str, Any]]:
    """For every pre-training stage ``{stage, arms, series}``; ``arms`` are those that use it.

    Stages of one name are one where they are the same in every seed, whichever arms use them.
    """
    users: dict[tuple[Any, ...], list[int]] = {}
    for position, arm in enumerate(run.arms):
        by_name: dict[str, list[tuple[int, str]]] = {}
        for seed in run.summary.get("seeds", []):
            for link in run.trained(arm, seed)[:-1]:
                by_name.setdefault(link["stage"], []).append((seed, link["hash"]))
        for name, chain in by_name.items():
            users.setdefault((name, *chain), []).append(position)
    found = []
    for (name, *chain), arms in users.items():
        by_series: dict[tuple[str, str], dict[int, Curve]] = {}
        diverged = []
        for seed, digest in chain:
            row = run.stage_row(digest)
            if row is not None and row.status == "diverged":
                diverged.append(seed)
            for key, curve in read_curves(run.stage_folder(digest)).items():
                by_series.setdefault(key, {})[seed] = curve
        series = _series(by_series, diverged)
        if series:
            found.append({"stage": name, "arms": arms, "series": series})
    return found


def _body(page: PageContext) -> str:
    return _HTML


def _data(page: PageContext) -> dict[str, Any]:
    return {"fit": fit_curves(page.run), "pretrain": pretrain_curves(page.run)}


CURVES = Section("curves", "Curves", "Learning curves", _body, _data, ASSETS / "curves.js")
