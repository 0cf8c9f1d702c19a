"""From the cells of one column to numbers: scikit-learn learns them, plain values keep them.

Every step has ``apply(cells) -> float64 (n, w)`` and ``names(column) -> w names``, and consists of
numbers, texts and arrays: it is kept and made again without pickle (``preparation.py``). A function
``learn_…`` makes it of the cells of training rows alone, None where they teach nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Cells = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

MOST_CATEGORIES = 40
"""More categories than this are target-encoded (the threshold of skrub's TableVectorizer)."""
FOLDS = 5
"""Parts of the training rows in target encoding: no row's code is made of its own label."""
LEAST_LABELS = 2 * FOLDS
GRAMS, LEAST_TEXTS, MOST_GRAMS, TEXT_WIDTH = (3, 4), 2, 3000, 30
"""Of texts: lengths of character n-grams, texts that one stands in, how many count, components."""
DATE_PARTS = ("days", "year", "month", "day", "weekday", "seconds")


@dataclass(frozen=True)
class Numbers:
    """A gap becomes ``fill``; with ``flags`` a second column tells gaps."""

    fill: float
    flags: bool

    def apply(self, cells: Cells) -> Floats:
        """Return (n, 1 or 2): the numbers, and 1 where there is a gap."""
        gaps = np.isnan(cells)
        return np.stack([np.where(gaps, self.fill, cells), *[gaps * 1.0] * self.flags], axis=1)

    def names(self, column: str) -> list[str]:
        """Return what the columns are called."""
        return [column] + [f"{column} missing"] * self.flags


@dataclass(frozen=True)
class Dates:
    """Seconds since 1970 → the days since then and the parts of the date; gaps as ``Numbers``."""

    fill: float
    flags: bool

    def apply(self, cells: Cells) -> Floats:
        """Return (n, 6 or 7), in the order of ``DATE_PARTS``; Monday is 0."""
        gaps = np.isnan(cells)
        seconds = np.where(gaps, self.fill, cells)
        days = np.floor(seconds / 86_400)
        when = days.astype(np.int64).astype("datetime64[D]")
        months, years = when.astype("datetime64[M]"), when.astype("datetime64[Y]")
        parts = [
            seconds / 86_400,
            years.astype(np.int64) + 1970,
            (months - years).astype(np.int64) + 1,
            (when - months).astype(np.int64) + 1,
            (days + 3) % 7,
            seconds - 86_400 * days,
        ]
        return np.stack([*parts, *[gaps * 1.0] * self.flags], axis=1).astype(np.float64)

    def names(self, column: str) -> list[str]:
        """Return what the columns are called."""
        return [f"{column} {part}" for part in (*DATE_PARTS, *["missing"] * self.flags)]


@dataclass(frozen=True)
class OneHot:
    """A column for each of ``categories``, and with ``other`` one for all that are not among them.

    Without it, a category that is not among them is 0 in every column. An empty text is a gap, and
    a category as any.
    """

    categories: tuple[str, ...]
    other: bool

    def apply(self, cells: Cells) -> Floats:
        """Return (n, categories and other): 1 in the category's column, else 0."""
        place = {category: k for k, category in enumerate(self.categories)}
        found = np.array([place.get(cell, -1) for cell in cells], dtype=np.int64)
        values = np.zeros((len(cells), len(self.categories) + 1))
        values[np.arange(len(cells)), found] = 1
        return values if self.other else values[:, :-1]

    def names(self, column: str) -> list[str]:
        """Return what the columns are called."""
        named = [f"{column}={text}" if text else f"{column} missing" for text in self.categories]
        return named + [f"{column} other"] * self.other


@dataclass(frozen=True)
class TargetCodes:
    """Each of ``categories`` → its shrunken mean label (c, k); any other → the mean label (k,)."""

    categories: tuple[str, ...]
    codes: Floats
    mean: Floats

    def apply(self, cells: Cells) -> Floats:
        """Return (n, k): the codes of the categories."""
        place = {category: k for k, category in enumerate(self.categories)}
        found = np.array([place.get(cell, -1) for cell in cells], dtype=np.int64)
        codes: Floats = np.concatenate([self.codes, self.mean[None]])[found]
        return codes

    def names(self, column: str) -> list[str]:
        """Return what the columns are called."""
        count = len(self.mean)
        return [f"{column} code{f' {k + 1}' * (count > 1)}" for k in range(count)]


@dataclass(frozen=True)
class Words:
    """Texts → the principal directions of their tf-idf over ``grams`` (g,), and a flag of gaps.

    ``weights`` (g,) are the inverse document frequencies, ``directions`` float32 (w, g).
    """

    grams: tuple[str, ...]
    weights: Floats
    directions: npt.NDArray[np.float32]
    flags: bool

    def apply(self, cells: Cells) -> Floats:
        """Return (n, w or w + 1)."""
        vectoriser = _vectoriser(vocabulary=list(self.grams))
        vectoriser.idf_ = self.weights
        values = vectoriser.transform(cells) @ self.directions.T.astype(np.float64)
        gaps = np.array([cell == "" for cell in cells], dtype=np.float64)
        return np.concatenate([values, *[gaps[:, None]] * self.flags], axis=1)

    def names(self, column: str) -> list[str]:
        """Return what the columns are called."""
        named = [f"{column} text {k + 1}" for k in range(len(self.directions))]
        return named + [f"{column} missing"] * self.flags


Step = Numbers | Dates | OneHot | TargetCodes | Words
STEPS: dict[str, type[Step]] = {
    kind.__name__: kind for kind in (Numbers, Dates, OneHot, TargetCodes, Words)
}


def learn_numbers(cells: Cells, kind: str) -> Step | None:
    """Learn what stands for a gap: the median, of truth values the more frequent one."""
    from sklearn.impute import SimpleImputer

    if np.isnan(cells).all():
        return None
    strategy = "most_frequent" if kind == "boolean" else "median"
    imputer = SimpleImputer(strategy=strategy, add_indicator=True).fit(cells[:, None])
    step = Dates if kind == "date" else Numbers
    return step(float(imputer.statistics_[0]), bool(len(imputer.indicator_.features_)))


def learn_one_hot(cells: Cells) -> OneHot:
    """Learn the categories; what is rare, or beyond the most frequent, is one category.

    Rare is less than a hundredth of the rows (at least 2 rows, 20 at most).
    """
    from sklearn.preprocessing import OneHotEncoder

    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=min(max(2, math.ceil(len(cells) / 100)), 20),
        max_categories=MOST_CATEGORIES,
    ).fit(cells[:, None])
    rare = encoder.infrequent_categories_[0]
    others = set() if rare is None else set(rare)
    kept = tuple(text for text in encoder.categories_[0] if text not in others)
    return OneHot(kept, bool(others))


def learn_codes(cells: Cells, labels: Floats, groups: Cells) -> tuple[TargetCodes, Floats]:
    """Learn the categories' mean labels, shrunken as scikit-learn's TargetEncoder does.

    Args:
        cells: of training rows (n,).
        labels: theirs (n, k), NaN where there is none.
        groups: theirs (n,): rows of one group are left out together.

    Returns:
        The step, and the codes (n, k) of these rows themselves: those of a row are learnt from the
        other four fifths of the rows.
    """
    categories = tuple(sorted(set(cells)))
    known = np.array(categories, dtype=object)
    codes, crossed, means = [], [], []
    for column in labels.T:
        rows = np.flatnonzero(np.isfinite(column))
        if len(rows) < LEAST_LABELS:
            continue
        encoder = _encoder(cells[rows], column[rows])
        code = encoder.transform(cells[:, None])[:, 0]
        for learnt, left_out in _folds(groups[rows]):
            some = _encoder(cells[rows[learnt]], column[rows[learnt]])
            code[rows[left_out]] = some.transform(cells[rows[left_out], None])[:, 0]
        crossed.append(code)
        codes.append(encoder.transform(known[:, None])[:, 0])
        means.append(float(encoder.target_mean_))
    step = TargetCodes(categories, np.stack(codes, axis=1), np.array(means))
    return step, np.stack(crossed, axis=1)


def _encoder(cells: Cells, labels: Floats) -> Any:
    from sklearn.preprocessing import TargetEncoder

    return TargetEncoder(target_type="continuous").fit(cells[:, None], labels)


def _folds(groups: Cells) -> Iterator[tuple[Cells, Cells]]:
    """Yield rows to learn from and rows left out, ``FOLDS`` times, groups together if they can."""
    from sklearn.model_selection import GroupKFold, KFold

    if len(set(groups.tolist())) < len(groups) and len(set(groups.tolist())) >= FOLDS:
        yield from GroupKFold(FOLDS).split(groups, groups=groups)
    else:
        yield from KFold(FOLDS, shuffle=True, random_state=0).split(groups)


def learn_words(cells: Cells) -> Words | None:
    """Learn n-grams of characters, their weights and principal directions (as skrub's encoder)."""
    from sklearn.decomposition import TruncatedSVD

    vectoriser = _vectoriser(min_df=LEAST_TEXTS, max_features=MOST_GRAMS)
    try:
        table = vectoriser.fit_transform(cells)
    except ValueError:
        return None
    width = min(TEXT_WIDTH, table.shape[1], table.shape[0] - 1)
    with np.errstate(invalid="ignore"):
        directions = (
            np.eye(1)
            if table.shape[1] == 1
            else TruncatedSVD(width, random_state=0).fit(table).components_
        )
    grams = tuple(str(gram) for gram in vectoriser.get_feature_names_out())
    gaps = any(cell == "" for cell in cells)
    return Words(grams, vectoriser.idf_, directions.astype(np.float32), gaps)


def _vectoriser(**options: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(analyzer="char_wb", ngram_range=GRAMS, **options)
