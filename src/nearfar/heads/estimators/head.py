"""Any regressor or classifier of scikit-learn as a solved head."""

import warnings
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BeforeValidator

from nearfar.errors import UserError, first_line
from nearfar.heads.estimators.build import bound, made, plain_options
from nearfar.heads.estimators.decisions import compares_pairs, decision_values
from nearfar.heads.estimators.grown import MARK, Grown
from nearfar.heads.estimators.own import Own, learnt
from nearfar.heads.estimators.stored import from_array, to_array

Array = NDArray[Any]
PREDICTS = frozenset({"regression", "classification"})
PlainOptions = Annotated[dict[str, Any], BeforeValidator(plain_options)]


class Sklearn:
    """An estimator of scikit-learn, fitted as its library fits it, on features as they are.

    It learns numbers in their own unit, and classes by their values in the data, so that its
    options mean what they mean there.
    Of several targets, one estimator predicts all where it can; else each has its own
    (``MultiOutputRegressor``). Of classes, ``predict_proba`` gives probabilities; without it,
    decision values become some by the logistic function (softmax of more than two classes), and
    without these the predicted class has probability 1. What the study leaves open of
    ``random_state`` is the seed, and ``n_jobs`` the stage's threads.
    """

    tasks: ClassVar[frozenset[str]] = PREDICTS
    uses_features: ClassVar[bool] = True
    draws: ClassVar[bool] = True
    packages: ClassVar[tuple[str, ...]] = ("scikit-learn",)

    def __init__(self, *, class_: str = "", options: PlainOptions | None = None) -> None:
        self.class_, self.options = class_, options
        self._fitted: Any = None
        self._stored: Array | None = None
        self._grown: Grown | None = None
        self.own: Own | None = None
        self.present: Array = np.zeros(0, dtype=np.int64)
        self.classes = 0

    @property
    def imports(self) -> tuple[str, ...]:
        """The modules that fitting and keeping take."""
        module = self.class_.removeprefix("sklearn.").rpartition(".")[0]
        return ("skops.io", "sklearn.multioutput", f"sklearn.{module}" if module else "sklearn")

    @property
    def fitted(self) -> Any:
        """The library's estimator, read back when it is first asked for; None of a single class."""
        if self._fitted is None and self._stored is not None:
            self._fitted = from_array(self._stored)
        return self._fitted

    @classmethod
    def sees_own_targets(cls, options: Mapping[str, Any]) -> bool:
        """Whether ``own`` is to be set before a fit, and numbers given in their own unit."""
        return True

    @classmethod
    def objections(
        cls, options: Mapping[str, Any], task: str, *, scores: bool, weighted: bool
    ) -> list[str]:
        """Return what is wrong with options in a study, a line each.

        Args:
            options: as they stand in the study.
            task: regression, classification or multilabel.
            scores: whether the study's metric needs probabilities, or an order of the rows.
            weighted: whether rows are weighted.
        """
        name = str(options["class"])
        if not name:
            return ["needs {class: MODULE.CLASS} of scikit-learn, and may have options"]
        try:
            estimator = made(name, options.get("options"))
        except ValueError as error:
            return [str(error)]
        return [f"{name} {line}" for line in _unfit(estimator, task, scores, weighted)]

    def fit(self, features: Array, targets: Array, seed: int, weights: Array | None = None) -> None:
        """Fit a new estimator; ``seed`` is what it draws from, ``weights`` (n,) count rows.

        With ``own``, numbers are in their own unit.

        Raises:
            UserError: the estimator refuses the rows; says why.
        """
        threads = torch.get_num_threads()
        estimator = bound(made(self.class_, self.options), seed, threads)
        x, self._fitted, self._stored, self._grown = features.astype(np.float64), None, None, None
        truth = self._truth(estimator, targets)
        if self.classes and len(self.present) == 1:
            return
        if truth.ndim == 2 and truth.shape[1] > 1 and not _takes_several(estimator):
            from sklearn.multioutput import MultiOutputRegressor

            estimator = MultiOutputRegressor(estimator)
        own = {} if weights is None else {"sample_weight": weights}
        try:
            with warnings.catch_warnings(), _in_threads(threads):
                warnings.simplefilter("ignore")
                self._fitted = estimator.fit(x, truth, **own)
        except (ValueError, TypeError, ArithmeticError, NotImplementedError) as error:
            raise UserError(
                f"{self.class_} of scikit-learn refuses the {len(x)} training rows with "
                f"{x.shape[1]} features: {first_line(error)}"
            ) from error

    def _truth(self, estimator: Any, targets: Array) -> Array:
        """Return what the estimator learns: numbers (n,) or (n, k), or numbers of classes (n,)."""
        from sklearn.base import is_classifier
        from sklearn.utils import get_tags

        if is_classifier(estimator):
            self.classes = targets.shape[1]
            truth, self.present = learnt(targets, self.own)
            if self.own is not None:
                self.own.weighted(estimator)
            return truth
        alone = targets.shape[1] == 1 and get_tags(estimator).target_tags.single_output
        return targets[:, 0] if alone else targets

    def predict(self, features: Array) -> Array:
        """Return predictions (n, k), or of classes their probabilities.

        Raises:
            UserError: the estimator cannot predict these rows; says why.
        """
        try:
            return self._predicted(features.astype(np.float64))
        except (ValueError, ArithmeticError) as error:
            raise UserError(
                f"{self.class_ or type(self.fitted).__name__} of scikit-learn cannot predict: "
                f"{first_line(error)}"
            ) from error

    def _predicted(self, x: Array) -> Array:
        if not self.classes:
            known = self.fitted if self._grown is None else self._grown
            found = np.asarray(known.predict(x), dtype=np.float64).reshape(len(x), -1)
            return found if self.own is None else self.own.in_z_units(found)
        if self._grown is not None:
            return self._placed(self._grown.predict(x))
        if self.fitted is None:
            return self._placed(np.ones((len(x), 1)))
        return self._placed(_chances(self.fitted, x))

    def _placed(self, found: Array) -> Array:
        """Return probabilities, each class that was there in its place among all."""
        chances = np.zeros((len(found), self.classes))
        chances[:, self.present] = found
        return chances

    def arrays(self) -> dict[str, Array]:
        """Return what ``from_arrays`` needs; the estimator as skops writes it, and its trees."""
        classes = {"classes": np.array([self.classes]), "present": self.present}
        if self.fitted is None:
            return classes
        stored = to_array(self.fitted) if self._stored is None else self._stored
        grown = Grown.of(self.fitted) if self._grown is None else self._grown
        trees = {} if grown is None else {MARK + name: a for name, a in grown.arrays.items()}
        own = {} if self.own is None else self.own.arrays()
        return {**classes, **trees, **own, "skops": stored}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """Make the fitted head again."""
        head = cls()
        head.classes, head.present = int(arrays["classes"][0]), arrays["present"]
        head._stored = arrays.get("skops")
        trees = {name.removeprefix(MARK): a for name, a in arrays.items() if name.startswith(MARK)}
        head._grown = Grown(trees) if trees else None
        head.own = Own.from_arrays(arrays)
        return head


def _unfit(estimator: Any, task: str, scores: bool, weighted: bool) -> list[str]:
    """Return what an estimator cannot do that the study asks of it."""
    from sklearn.base import is_classifier, is_regressor
    from sklearn.utils.validation import has_fit_parameter

    lines = []
    needs = "regressor" if task == "regression" else "classifier"
    if not (is_regressor if task == "regression" else is_classifier)(estimator):
        return [f"is no {needs}, which a study of {task} needs"]
    if weighted and not has_fit_parameter(estimator, "sample_weight"):
        lines.append("takes no weights of rows: leave out weights")
    decides = hasattr(estimator, "decision_function") and not compares_pairs(estimator)
    told = hasattr(estimator, "predict_proba") or decides
    if task != "regression" and scores and not told:
        lines.append(
            "has neither predict_proba nor decision_function of each class, which this study's "
            "metric needs: "
            "take another class, or metric accuracy, balanced_accuracy, f1 or mcc"
        )
    return lines


def _takes_several(estimator: Any) -> bool:
    from sklearn.utils import get_tags

    return bool(get_tags(estimator).target_tags.multi_output)


def _in_threads(threads: int) -> Any:
    from joblib import parallel_config

    return parallel_config(backend="threading", n_jobs=threads)


def _chances(fitted: Any, x: Array) -> Array:
    """Return probabilities (n, classes there) of a fitted classifier."""
    if hasattr(fitted, "predict_proba"):
        return np.asarray(fitted.predict_proba(x))
    decided = decision_values(fitted, x)
    if decided is None:
        return np.asarray(fitted.predict(x)[:, None] == fitted.classes_, dtype=np.float64)
    values = torch.from_numpy(decided)
    if values.ndim == 1:
        above = torch.sigmoid(values)
        return torch.stack([1 - above, above], dim=1).numpy()
    return values.softmax(1).numpy()
