"""What scikit-learn asks of an estimator, answered by a model that is trained already."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from nearfar.data.read.classes import class_text, whole_text
from nearfar.errors import UserError, nearest, shown

if TYPE_CHECKING:
    from sklearn.utils import Tags


class TrainedEstimator(ABC):
    """Stands where scikit-learn takes a fitted estimator, and is never fitted anew.

    So ``permutation_importance``, ``partial_dependence`` and the displays take it as it is;
    pipelines and other estimators that fit their parts take ``sklearn.frozen.FrozenEstimator(it)``.
    """

    @property
    @abstractmethod
    def task(self) -> str:
        """What is predicted."""

    @property
    @abstractmethod
    def classes_(self) -> NDArray[Any]:
        """Names of the classes."""

    @abstractmethod
    def predict(self, X: Any) -> NDArray[Any]:
        """Return a prediction for every row."""

    def fit(self, X: Any, y: Any = None) -> NoReturn:
        """Refuse: the model is trained.

        Raises:
            UserError: always.
        """
        raise UserError(
            f"{self!r} is trained already: sklearn.frozen.FrozenEstimator(model) keeps it so in "
            "pipelines; nearfar.compare trains anew"
        )

    def score(self, X: Any, y: Any) -> float:
        """Return R² of numbers (the mean over several targets), or accuracy.

        Of several labels a row, accuracy counts rows whose labels are all right.

        Args:
            X: rows, as ``predict`` takes them.
            y: the truth: numbers (n,) or (n, targets), classes (n,), labels (n, labels).

        Raises:
            UserError: the model gives images back, or ``y`` is no such truth; or as ``predict``.
        """
        from sklearn.metrics import accuracy_score, r2_score

        found = self.predict(X)
        truth = self._truth(y)
        if truth.shape != found.shape:
            raise UserError(f"y: needs the truth of every row, {found.shape}, not {truth.shape}")
        if self.task == "classification":
            found = self._truth(found)
        measured = r2_score if self.task == "regression" else accuracy_score
        return float(measured(truth, found))

    def _truth(self, y: Any) -> NDArray[Any]:
        if self.task == "classification":
            return self._classes_of(np.asarray(y, dtype=object))
        try:
            numbers = np.asarray(y, dtype=np.float64)
        except (TypeError, ValueError):
            numbers = np.array(np.nan)
        if not np.isfinite(numbers).all():
            raise UserError("y: needs a finite number for every row")
        return numbers[:, 0] if numbers.ndim == 2 and numbers.shape[1] == 1 else numbers

    def _classes_of(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return names of classes; a class that the model does not know is one like any.

        Raises:
            UserError: the model knows none of them.
        """
        known = [class_text(name) for name in self.classes_]
        texts = [class_text(cell) for cell in y.reshape(-1)]
        names = [text if text in known else whole_text(text) for text in texts]
        if names and not set(names) & set(known):
            raise UserError(f"y: no such class: {shown(texts[0])}; {nearest(texts[0], known)}")
        return np.array(names, dtype=object).reshape(y.shape)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> Self:
        return self

    def __sklearn_tags__(self) -> Tags:
        from sklearn.base import BaseEstimator
        from sklearn.utils import ClassifierTags, RegressorTags, TransformerTags

        tags: Tags = BaseEstimator().__sklearn_tags__()
        tags.transformer_tags = TransformerTags()
        tags.requires_fit = False
        if self.task == "regression":
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        elif self.task in {"classification", "multilabel"}:
            several = self.task == "multilabel"
            tags.estimator_type = "classifier"
            tags.classifier_tags = ClassifierTags(multi_label=several)
        return tags
