"""The solved heads of the house that scikit-learn does not have, as estimators."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from nearfar.data.scales import Floats
from nearfar.heads.solved.knn import KNN, neighbour_votes
from nearfar.heads.solved.logistic.head import Logistic
from nearfar.heads.solved.svr import SVR
from nearfar.sklearn import training
from nearfar.sklearn.base import Saveable
from nearfar.sklearn.saved import Arrays, Plain, labels_from, plain_labels
from nearfar.sklearn.scaling import scale_of, scaled
from nearfar.sklearn.transformer import as_numbers, class_targets, given_classes


class SolvedClassifier(ClassifierMixin, Saveable):  # type: ignore[misc]
    """What heads for classes share: classes, and the more probable one as prediction."""

    def _given(self, X: Any, y: Any) -> tuple[Floats, Floats]:
        """Return rows, and indicators (n, classes) of their classes; keep the classes."""
        y = given_classes(y, type(self).__name__)
        rows, given = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        given = column_or_1d(given, warn=True)
        self.classes_, numbers = class_targets(given, type(self).__name__)
        return rows, np.eye(len(self.classes_))[numbers[:, 0].astype(np.int64)]

    def _asked(self, X: Any) -> Floats:
        check_is_fitted(self)
        rows: Floats = validate_data(self, X, reset=False, dtype=np.float64)
        return rows

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return probabilities, float64 (n, classes), in the order of ``classes_``.

        Raises:
            NotFittedError: before ``fit``.
            ValueError: rows of other columns than those of ``fit``, or values that are not finite.
        """
        raise NotImplementedError

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of every row (n,).

        Raises:
            NotFittedError: before ``fit``.
            ValueError: rows of other columns than those of ``fit``, or values that are not finite.
        """
        chosen = self.predict_proba(X).argmax(axis=1)
        found: NDArray[Any] = self.classes_[chosen]
        return found


class WeightedKNNClassifier(SolvedClassifier):
    """The nearest rows by cosine vote, with weight exp(cosine / temperature) (Wu et al. 2018).

    Wu, Xiong, Yu and Lin, "Unsupervised feature learning via non-parametric instance
    discrimination", CVPR 2018, section 3.4: the usual measure of a contrastive representation.
    Columns are taken as they are, so put a representation or a scaler before it.

    Args:
        neighbours: rows that vote; never more than there are.
        temperature: what cosines are divided by.

    Attributes:
        classes_: the classes, sorted.
        bank_, votes_: the rows (n, columns), and indicators (n, classes) of their classes.
    """

    def __init__(self, *, neighbours: int = 20, temperature: float = 0.1) -> None:
        self.neighbours = neighbours
        self.temperature = temperature

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Keep the rows: X (n, columns), and a class a row, y (n,).

        Raises:
            ValueError: a parameter, X or y cannot be used; says which.
        """
        training.constructed(KNN, owner=type(self).__name__, **self.get_params())
        rows, self.votes_ = self._given(X, y)
        self.bank_ = rows.copy()
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return each class's share of the votes, float64 (n, classes).

        Raises:
            NotFittedError: before ``fit``.
            ValueError: rows of other columns than those of ``fit``, or values that are not finite.
        """
        rows = torch.from_numpy(np.array(self._asked(X)))
        bank, votes = (torch.from_numpy(np.array(kept)) for kept in (self.bank_, self.votes_))
        options = (int(self.neighbours), float(self.temperature))
        return neighbour_votes(bank, votes, rows, *options).numpy()

    def _kept(self) -> tuple[Plain, Arrays]:
        """See ``Saveable``."""
        plain = {"classes": plain_labels(self.classes_)}
        return plain, {"bank": self.bank_, "votes": self.votes_}

    def _restore(self, plain: Plain, arrays: Arrays) -> None:
        """See ``Saveable``."""
        self.classes_ = labels_from(plain["classes"])
        self.bank_, self.votes_ = arrays["bank"], arrays["votes"]


class SoftmaxClassifier(SolvedClassifier):
    """Softmax regression solved by L-BFGS on whitened columns: few steps where these correlate.

    Minimises mean cross-entropy + penalty/2 · |W|² over standardised columns, the intercept free
    (``nearfar.heads.Logistic``). scikit-learn's ``LogisticRegression`` has the same optimum under
    another scale of the penalty; this one is faster on wide features.

    Args:
        penalty: of the squared weights.
        iterations: most steps.

    Attributes:
        classes_: the classes, sorted.
        coef_, intercept_: of the columns as they are, (classes, columns) and (classes,).
    """

    def __init__(self, *, penalty: float = 1e-3, iterations: int = 1000) -> None:
        self.penalty = penalty
        self.iterations = iterations

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Solve for the weights: X (n, columns), and a class a row, y (n,).

        Raises:
            ValueError: a parameter, X or y cannot be used; says which.
        """
        head = training.constructed(Logistic, owner=type(self).__name__, **self.get_params())
        rows, indicators = self._given(X, y)
        mean, deviation = scale_of(rows)
        head.fit(scaled(rows, mean, deviation), indicators, 0)
        weight = np.asarray(head.weight, dtype=np.float64).T / deviation
        self.coef_, self.intercept_ = weight, np.asarray(head.intercept) - weight @ mean
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """Return log odds (n,) of the second of two classes, or scores (n, classes) of more."""
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return probabilities, float64 (n, classes), in the order of ``classes_``.

        Raises:
            NotFittedError: before ``fit``.
            ValueError: rows of other columns than those of ``fit``, or values that are not finite.
        """
        return torch.from_numpy(self._scores(X)).softmax(1).numpy()

    def _scores(self, X: Any) -> Floats:
        rows = self._asked(X)
        return np.asarray(np.einsum("nd,kd->nk", rows, self.coef_) + self.intercept_)

    def _kept(self) -> tuple[Plain, Arrays]:
        """See ``Saveable``."""
        plain = {"classes": plain_labels(self.classes_)}
        return plain, {"coef": self.coef_, "intercept": self.intercept_}

    def _restore(self, plain: Plain, arrays: Arrays) -> None:
        """See ``Saveable``."""
        self.classes_ = labels_from(plain["classes"])
        self.coef_, self.intercept_ = arrays["coef"], arrays["intercept"]


class TunedSVR(RegressorMixin, Saveable):  # type: ignore[misc]
    """Support vector regression on columns of any scale, which chooses its own penalty and width.

    The head ``svr`` of study files: asinh of every column, then mean 0 and deviation 1, cut at ±5;
    penalty and kernel width are chosen among twelve pairs by cross-validation, the kernel computed
    once for all. One machine for each target (Drucker et al., "Support vector regression machines",
    1996).

    Args:
        folds: parts of the cross-validation; never more than there are rows.
        random_state: draws the folds.

    Attributes:
        head_: the solved head, ``nearfar.heads.SVR``.
        target_mean_, target_scale_: what targets are scaled with, shape (k,).
    """

    def __init__(
        self, *, folds: int = 5, random_state: int | np.random.RandomState | None = None
    ) -> None:
        self.folds = folds
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Choose penalty and width, then solve: X (n, columns), numbers y (n,) or (n, k).

        Raises:
            ValueError: a parameter, X or y cannot be used; says which.
        """
        head = training.constructed(SVR, owner=type(self).__name__, folds=self.folds)
        rows, given = validate_data(
            self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, ensure_min_samples=2
        )
        targets = as_numbers(given, type(self).__name__)
        self.target_mean_, self.target_scale_ = scale_of(targets)
        head.fit(rows, scaled(targets, self.target_mean_, self.target_scale_), self._seed())
        self._single = given.ndim == 1
        self.head_ = head
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Return predictions in the unit of ``y``, float64, (n,) or (n, k) as ``y`` was.

        Raises:
            NotFittedError: before ``fit``.
            ValueError: rows of other columns than those of ``fit``, or values that are not finite.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, dtype=np.float64)
        found = self.head_.predict(rows) * self.target_scale_ + self.target_mean_
        return np.asarray(found[:, 0] if self._single else found)

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn should know of the estimator."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _kept(self) -> tuple[Plain, Arrays]:
        """See ``Saveable``."""
        own = {"target_mean": self.target_mean_, "target_scale": self.target_scale_}
        machine = {f"head.{name}": array for name, array in self.head_.arrays().items()}
        return {"single": self._single}, {**own, **machine}

    def _restore(self, plain: Plain, arrays: Arrays) -> None:
        """See ``Saveable``."""
        machine = {k.removeprefix("head."): v for k, v in arrays.items() if k.startswith("head.")}
        self.head_ = SVR.from_arrays(machine)
        self.target_mean_, self.target_scale_ = arrays["target_mean"], arrays["target_scale"]
        self._single = bool(plain["single"])
