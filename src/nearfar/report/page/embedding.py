"""Two-dimensional maps of features: t-SNE, computed once per feature array and kept."""

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nearfar.records.maps import features_name, read_kept_features, read_maps, write_maps

Array = npt.NDArray[np.float32]

MIN_ROWS = 8
_SETTINGS = {
    "perplexity": 30,
    "early_exaggeration_iter": 50,
    "n_iter": 100,
    "theta": 1.0,
    "initialization": "pca",
    "negative_gradient_method": "bh",
    "neighbors": "exact",
    "random_state": 0,
    "n_jobs": 1,
}


def read_features(
    folder: Path, rows: Sequence[int], total: int, name: str = features_name()
) -> Array | str:
    """The stage's features of some rows, or in words why there is nothing to show.

    ``rows.npy`` beside them says of which rows they are; without it, of all ``total`` rows of the
    data set.
    """
    kept = read_kept_features(folder, name)
    if kept is None:
        return "no features stored"
    features, known = kept[0], np.arange(total) if kept[1] is None else kept[1]
    if features.ndim != 2 or len(features) != len(known):
        return f"features of shape {features.shape} do not match {len(known)} rows"
    if not np.isin(rows, known).all():
        return "features of other rows"
    chosen = np.ascontiguousarray(features[np.searchsorted(known, rows)], dtype=np.float32)
    if not np.isfinite(chosen).all():
        return "features are not finite"
    if len(chosen) < MIN_ROWS:
        return f"fewer than {MIN_ROWS} rows"
    if np.ptp(chosen, axis=0).max(initial=0) == 0:
        return "all features are equal"
    return chosen


def features_key(features: Array) -> str:
    """What the map of these features is stored under: a digest of values and settings."""
    digest = hashlib.sha256(repr((_SETTINGS, features.shape)).encode())
    digest.update(features.tobytes())
    return digest.hexdigest()[:24]


def import_ahead() -> None:
    """Import what maps take, which is a second or two: best while others are at work."""
    import openTSNE  # noqa: F401


def embed(features: Array) -> Array:
    """t-SNE (van der Maaten and Hinton, 2008) of ``(rows, d)`` features to ``(rows, 2)``.

    Initialised by PCA with a fixed seed on one thread, so equal features give equal maps.
    """
    from openTSNE import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    settings = _SETTINGS | {"perplexity": min(30.0, (len(features) - 1) / 3)}
    scale = float(np.abs(features).max())
    if features.shape[1] == 1:
        features = np.pad(features, ((0, 0), (0, 1)))
    # OpenMP counts threads for each thread that calls it, so the limit stands here.
    with threadpool_limits(1):
        return np.asarray(TSNE(**settings).fit(features / scale), dtype=np.float32)


def turned(points: Array, values: Sequence[float]) -> Array:
    """The map ``(rows, 2)`` turned so that ``values`` rise from left to right.

    A map's direction means nothing; one direction for all makes them easier to compare.
    """
    known = np.isfinite(values)
    if known.sum() < 2:
        return points
    centred = points[known] - points[known].mean(axis=0)
    along = centred.T @ (np.asarray(values)[known] - np.mean(np.asarray(values)[known]))
    size = float(np.hypot(*along))
    if size == 0:
        return points
    cosine, sine = along / size
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.asarray(points @ turn, dtype=np.float32)


def laid_over(points: Array, other: Array) -> Array:
    """The map ``(rows, 2)`` turned or mirrored so that rows lie where ``other`` has them.

    Orthogonal Procrustes (Schönemann, 1966): distances within the map stay as they are.
    """
    centred, goal = points - points.mean(axis=0), other - other.mean(axis=0)
    left, _, right = np.linalg.svd(centred.T @ goal)
    return np.asarray(centred @ (left @ right), dtype=np.float32)


def embed_all(folder: Path, features: Mapping[str, Array], jobs: int = 2) -> dict[str, Array]:
    """Map every array, by its :func:`features_key`; what the run folder holds is not redone."""
    from threadpoolctl import threadpool_limits

    known = read_maps(folder, features)
    missing = [key for key in features if key not in known]
    if missing:
        with threadpool_limits(1), ThreadPoolExecutor(jobs) as pool:
            maps = pool.map(embed, [features[key] for key in missing])
            known.update(zip(missing, maps, strict=True))
        write_maps(folder, known)
    return {key: known[key] for key in features}
