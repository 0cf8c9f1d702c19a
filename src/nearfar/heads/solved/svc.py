"""Support vector classification: as ``svr.py`` does it for numbers, with probabilities."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from nearfar.heads.estimators.stored import from_array, to_array
from nearfar.heads.solved.svr import GAMMAS, PENALTIES, WIDTHS, Scaling

Array = NDArray[Any]
Width = Literal["columns"]


class SVC:
    """Classification with a Gaussian kernel, on features that are scaled as for ``svr``.

    Penalty and kernel width are chosen together by cross-validation on the training rows, for the
    mean recall of the classes. Probabilities are a logistic regression on the decision values that
    the folds gave rows which they had not learnt from (Platt, "Probabilistic outputs for support
    vector machines", 1999; of more than two classes on all their values). A class with fewer than
    two training rows leaves nothing to cross-validate: then the middle pair is taken, and the
    values are made probabilities as they are.
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"classification"})
    uses_features: ClassVar[bool] = True
    draws: ClassVar[bool] = True
    packages: ClassVar[tuple[str, ...]] = ("scikit-learn",)
    imports: ClassVar[tuple[str, ...]] = (
        "skops.io",
        "sklearn.linear_model",
        "sklearn.model_selection",
        "sklearn.svm",
    )

    def __init__(
        self, *, folds: Annotated[int, Field(ge=2)] = 5, width: Width | None = None
    ) -> None:
        self.folds, self.width = folds, width
        self.scaling = Scaling.none()
        self.present: Array = np.zeros(0, dtype=np.int64)
        self.classes = 0
        self.machine: Any = None
        self.weight: Array = np.zeros((0, 0))
        self.intercept: Array = np.zeros(0)

    def fit(self, features: Array, targets: Array, seed: int) -> None:
        """Choose penalty and width, then solve; ``seed`` draws the folds."""
        from sklearn import svm

        self.classes, numbers = targets.shape[1], targets.argmax(axis=1)
        self.present, truth, counts = np.unique(numbers, return_inverse=True, return_counts=True)
        self.scaling, self.machine = Scaling.of(features), None
        if len(self.present) == 1:
            return
        rows = self.scaling.apply(features)
        gammas = GAMMAS if self.width is None else [width / rows.shape[1] for width in WIDTHS]
        folds = min(self.folds, int(counts.min()))
        pair = {"C": PENALTIES[1], "gamma": gammas[len(gammas) // 2]}
        if folds > 1:
            pair = self._chosen(rows, truth, gammas, folds, seed)
        self.machine = svm.SVC(**pair).fit(rows, truth)
        shape = 1 if len(self.present) == 2 else len(self.present)
        self.weight, self.intercept = np.eye(shape), np.zeros(shape)
        if folds > 1:
            self._calibrate(rows, truth, pair, folds, seed)

    def _chosen(
        self, rows: Array, truth: Array, gammas: Any, folds: int, seed: int
    ) -> dict[str, float]:
        from sklearn.model_selection import GridSearchCV, StratifiedKFold

        from sklearn import svm

        parts = StratifiedKFold(folds, shuffle=True, random_state=seed)
        grid = {"C": PENALTIES, "gamma": gammas}
        search = GridSearchCV(
            svm.SVC(), grid, scoring="balanced_accuracy", cv=parts, refit=False
        ).fit(rows, truth)
        return dict(search.best_params_)

    def _calibrate(
        self, rows: Array, truth: Array, pair: Mapping[str, float], folds: int, seed: int
    ) -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold, cross_val_predict

        from sklearn import svm

        parts = StratifiedKFold(folds, shuffle=True, random_state=seed + 1)
        values = cross_val_predict(
            svm.SVC(**pair), rows, truth, cv=parts, method="decision_function"
        )
        values = values.reshape(len(rows), -1)
        found = LogisticRegression(max_iter=1000).fit(values, truth)
        self.weight, self.intercept = found.coef_.T, found.intercept_

    def predict(self, features: Array) -> Array:
        """Return probabilities (n, classes)."""
        chances = np.zeros((len(features), self.classes))
        if self.machine is None:
            chances[:, self.present] = 1.0
            return chances
        values = self.machine.decision_function(self.scaling.apply(features))
        values = values.reshape(len(features), -1) @ self.weight + self.intercept
        odds = torch.from_numpy(np.concatenate([np.zeros_like(values), values], axis=1))
        odds = odds if values.shape[1] == 1 else torch.from_numpy(values)
        chances[:, self.present] = odds.softmax(1).numpy()
        return chances

    def arrays(self) -> dict[str, Array]:
        """Return what ``from_arrays`` needs; the machine as skops writes it."""
        classes = {"classes": np.array([self.classes]), "present": self.present}
        values = {"weight": self.weight, "intercept": self.intercept}
        machine = {} if self.machine is None else {"machine": to_array(self.machine)}
        return {**classes, **values, **self.scaling.arrays(), **machine}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """Make the fitted head again."""
        head = cls()
        head.classes, head.present = int(arrays["classes"][0]), arrays["present"]
        head.weight, head.intercept = arrays["weight"], arrays["intercept"]
        head.scaling = Scaling(arrays["mean"], arrays["scale"])
        head.machine = from_array(arrays["machine"]) if "machine" in arrays else None
        return head
