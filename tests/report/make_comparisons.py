"""Comparisons of made-up runs with all the keys that ``summary.json`` has."""

import math
from typing import Any

import numpy as np
from scipy import stats

MARGIN = 0.0256
TRAININGS = 14

BLANK: dict[str, Any] = {
    "condition": "", "split": "test", "family": "question", "baseline_mean": None,
    "difference": None, "low": None, "high": None, "error": None, "df": None,
    "reduction_percent": None, "p": None, "p_holm": None, "p_better": None, "p_same": None,
    "p_worse": None, "margin": None, "smallest_margin": None, "bound": "",
    "trainings_to_decide": None, "undecidable": False, "original": None, "parts": None,
}  # fmt: skip
"""A comparison of which nothing is known; who is compared, and the verdict, are still to come."""


def tested(deltas: np.ndarray, base: float, size: int) -> dict[str, Any]:
    """What a test over splits says of differences (lower is better) in a family of ``size``."""
    n, mean = len(deltas), float(deltas.mean())
    between, rows = float(deltas.var(ddof=1)), float(deltas.var(ddof=1)) / n * 0.8
    error = math.sqrt(1.7 * rows + 0.2 * between / n)
    known = stats.t(n - 1, loc=mean, scale=error)
    low, high = (float(end) for end in known.interval(0.95))
    p = float(2 * stats.t.sf(abs(mean) / error, n - 1))
    holm = min(1.0, p * size)
    verdict = ("better" if mean < 0 else "worse") if holm < 0.05 else "undecided"
    return {
        "baseline_mean": base, "low": low, "high": high, "error": error, "df": n - 1.0,
        "p": p, "p_holm": holm, "margin": MARGIN, "verdict": verdict,
        "p_better": float(known.cdf(-MARGIN)), "p_worse": float(known.sf(MARGIN)),
        "p_same": float(known.cdf(MARGIN) - known.cdf(-MARGIN)),
        "smallest_margin": abs(mean) + 1.9 * error,
        "bound": f"at most {-100 * low / base:.1f}% better or {100 * high / base:.1f}% worse",
        "trainings_to_decide": TRAININGS if verdict == "undecided" else None,
        "reason": f"p = {holm:.3f} after Holm's adjustment over {size} comparisons",
        "parts": {
            "design": "resplits", "n": n, "units": 36, "between": between, "own": between,
            "shared": 0.0, "training": 0.2 * between, "rows": rows, "overlap": 0.1,
            "rotation": 10, "spread": 1.0, "repeated": False,
        },
    }  # fmt: skip


def advice(arm: str, best: list[str], **more: Any) -> dict[str, Any]:
    """What a summary recommends, under no condition."""
    return {
        "condition": "", "target": "log_solubility", "arm": arm, "leader": arm, "best": best,
        "left_out": [], "unbeaten": [], **more,
    }  # fmt: skip
