"""What the transformers share: rows of numbers → features of an encoder, trained or not."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from nearfar.data.scales import Floats
from nearfar.objectives import Rows
from nearfar.sklearn import training
from nearfar.sklearn.base import Saveable, Transforms, options_from, prefixed, under
from nearfar.sklearn.saved import Arrays, Plain, labels_from, plain_labels
from nearfar.sklearn.scaling import scale_of, scaled
from nearfar.sklearn.views import Corruption
from nearfar.train.randomness import drawn_apart

DTYPES = (np.float64, np.float32)


class EncoderTransformer(Transforms, Saveable):
    """Rows of numbers → features of a multi-layer perceptron, trained under an objective.

    A subclass says which objective; its constructor names its parameters and hands on those that
    all have.
    """

    objective: ClassVar[type[nn.Module] | None] = None
    objective_options: ClassVar[tuple[str, ...]] = ()
    """Parameters that are handed to the objective under their own names."""
    labels: ClassVar[str] = "none"
    """What ``y`` is: ``numbers``, ``classes``, or ``none``: not looked at."""
    least_rows: ClassVar[int] = 2

    def __init__(
        self,
        *,
        layers: int = 2,
        hidden: int = 128,
        dropout: float = 0.0,
        epochs: int = 100,
        batch_size: int = 128,
        lr: float = 3e-3,
        weight_decay: float = 0.01,
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.layers = layers
        self.hidden = hidden
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.device = device
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Train the encoder.

        Args:
            X: numbers, shape (n, columns): an array, a data frame, lists. Every column is brought
                to mean 0 and deviation 1 over these rows first.
            y: what the class says: numbers (n,) or (n, k), classes (n,), or nothing.

        Raises:
            ValueError: a parameter, X or y cannot be used, or training diverged; says which.
        """
        owner = type(self).__name__
        names = ("epochs", "batch_size", "lr", "weight_decay", "device")
        options = training.checked(training.TrainingOptions, options_from(self, names), owner)
        if options.batch_size == 1 and self.objective is not None:
            raise ValueError(
                f"{owner}: batch_size=1: needs 2 or more, as a row is learnt from beside others"
            )
        rows, targets, outputs = self._read(X, y)
        self.column_mean_, self.column_scale_ = scale_of(rows)
        seed = self._seed()
        inputs = training.rows_of(scaled(rows, self.column_mean_, self.column_scale_))
        with drawn_apart(seed, 0, torch.device(options.place)):
            torch.manual_seed(seed)
            encoder = training.fresh_encoder(
                rows.shape[1], owner, **options_from(self, ("layers", "hidden", "dropout"))
            )
            self.loss_curve_ = self._train(encoder, inputs, targets, outputs, options, seed)
        self.encoder_ = encoder.eval()
        return self

    def _train(
        self,
        encoder: nn.Module,
        inputs: Any,
        targets: Floats,
        outputs: int,
        options: training.TrainingOptions,
        seed: int,
    ) -> list[float]:
        """Train the encoder under the objective; return the mean loss of every epoch."""
        objective = self._objective(encoder, outputs, inputs)
        if objective is None:
            return []
        share = getattr(self, "corruption", 0.0)
        if not 0 <= share <= 1:
            raise ValueError(f"{type(self).__name__}: corruption={share!r}: needs 0 to 1")
        views = objective.views
        augment = Corruption(inputs.values, share) if share and views > 1 else None
        data = Rows(inputs, torch.from_numpy(targets), augment, views)
        task = training.Training(objective, data, torch.arange(len(inputs)))
        # Between rows of a batch a loss may rise while all is well.
        outcome = training.train(task, options, seed, type(self).__name__, float("inf"))
        return [point.value for point in outcome.curves if point.metric == "loss"]

    def _objective(self, encoder: nn.Module, outputs: int, inputs: Any) -> Any:
        kind = self.objective
        if kind is None:
            return None
        first = (encoder, outputs) if getattr(kind, "predicts", False) else (encoder,)
        return training.constructed(kind, *first, owner=type(self).__name__, **self._chosen())

    def _chosen(self) -> dict[str, Any]:
        """Return the options of the objective."""
        return options_from(self, self.objective_options)

    def _read(self, X: Any, y: Any) -> tuple[Floats, Floats, int]:
        """Return rows, targets (n, k) as objectives take them, and how many outputs they need."""
        least = {"dtype": DTYPES, "ensure_min_samples": self.least_rows}
        if self.labels == "none":
            rows = validate_data(self, X, **least)
            return rows.astype(np.float64), np.zeros((len(rows), 1)), 1
        numbers = self.labels == "numbers"
        if not numbers:
            y = given_classes(y, type(self).__name__)
        rows, given = validate_data(self, X, y, multi_output=True, y_numeric=numbers, **least)
        targets, outputs = self._targets(given)
        return rows.astype(np.float64), targets, outputs

    def _targets(self, given: NDArray[Any]) -> tuple[Floats, int]:
        """Return targets (n, k) as the objective takes them, and how many outputs they need.

        These are classes, which are kept; where ``labels`` are numbers a subclass says them.
        """
        self.classes_, targets = class_targets(given, type(self).__name__)
        return targets, len(self.classes_)

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Return the features of rows.

        Args:
            X: numbers, shape (n, columns), with the columns that ``fit`` saw.

        Returns:
            Shape (n, ``hidden``), float32 where X is, else float64; a data frame after
            ``set_output``. A row's features do not depend on the rows beside it.

        Raises:
            NotFittedError: ``fit`` was not called.
            ValueError: other columns than those of ``fit``, or a cell that is no finite number.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, dtype=DTYPES)
        return self._features(rows).astype(rows.dtype, copy=False)

    def _features(self, rows: NDArray[Any]) -> Floats:
        return training.outputs_of(self.encoder_, self._scaled(rows))

    def _scaled(self, rows: NDArray[Any]) -> Floats:
        return scaled(rows.astype(np.float64), self.column_mean_, self.column_scale_)

    @property
    def _n_features_out(self) -> int:
        return int(self.encoder_.out_features)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether ``fit`` has come to its end."""
        return hasattr(self, "encoder_")

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn should know of the estimator."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.target_tags.required = self.labels != "none"
        return tags

    def _kept(self) -> tuple[Plain, Arrays]:
        """See ``Saveable``."""
        weights = {k: v.numpy() for k, v in self.encoder_.state_dict().items()}
        columns = {"column_mean": self.column_mean_, "column_scale": self.column_scale_}
        plain: Plain = {"loss_curve": self.loss_curve_}
        if self.labels == "classes":
            plain["classes"] = plain_labels(self.classes_)
        return plain, {**columns, **prefixed(weights, "encoder")}

    def _restore(self, plain: Plain, arrays: Arrays) -> None:
        """See ``Saveable``; folders that were saved before classes were kept have none."""
        with drawn_apart(0, 0, torch.device("cpu")):
            encoder = training.fresh_encoder(
                self.n_features_in_,
                type(self).__name__,
                **options_from(self, ("layers", "hidden", "dropout")),
            )
        weights = under(arrays, "encoder")
        encoder.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
        self.column_mean_, self.column_scale_ = arrays["column_mean"], arrays["column_scale"]
        self.loss_curve_ = [float(value) for value in plain["loss_curve"]]
        if "classes" in plain:
            self.classes_ = labels_from(plain["classes"])
        self.encoder_ = encoder.eval()


def as_numbers(given: NDArray[Any], owner: str) -> Floats:
    """Return numbers (n, k), also where they are written as texts.

    Raises:
        ValueError: one of them is no number; says which.
    """
    cells = given.reshape(len(given), -1)
    try:
        return cells.astype(np.float64)
    except ValueError:
        for row, column in np.ndindex(cells.shape):
            try:
                float(cells[row, column])
            except ValueError:
                which = f"y[{row}, {column}]" if given.ndim > 1 else f"y[{row}]"
                raise ValueError(
                    f"{owner}: {which} is {str(cells[row, column])!r}, and it learns from numbers"
                ) from None
        raise


def number_targets(given: NDArray[Any], owner: str, which_rows: str = "") -> Floats:
    """Return targets (n, k) in z units; ``which_rows`` says of a part which rows it has.

    Raises:
        ValueError: one of them does not vary.
    """
    targets = as_numbers(given, owner)
    for k, column in enumerate(targets.T):
        if column.min() == column.max():
            which = f"column {k} of y" if targets.shape[1] > 1 else "y"
            raise ValueError(
                f"{owner}: {which} is {column[0]:g} in all n_samples={len(targets)} rows"
                f"{which_rows}: nothing to learn"
            )
    return scaled(targets, *scale_of(targets))


def given_classes(y: Any, owner: str) -> Any:
    """Return classes as scikit-learn takes them: numpy's texts of any length as those of one.

    Raises:
        ValueError: one of them is missing.
    """
    of_any_length = isinstance(y, np.ndarray) and y.dtype.kind == "T"
    y = y.astype(object) if of_any_length else y
    check_present(y, owner)
    return y.astype(str) if of_any_length else y


def check_present(y: Any, owner: str) -> None:
    """Refuse classes among which one is None, ``pandas.NA`` or not a number, given as objects.

    It goes before scikit-learn's own checks, which stop at ``pandas.NA`` with "boolean value of NA
    is ambiguous".

    Raises:
        ValueError: with the row.
    """
    if isinstance(getattr(y, "dtype", None), np.dtype) and y.dtype != object:
        return
    values = np.asarray(y)
    if values.dtype != object or values.ndim == 0:
        return
    import pandas as pd

    missing = pd.isna(values).reshape(len(values), -1).any(axis=1)
    if missing.any():
        row = int(missing.argmax())
        raise ValueError(f"{owner}: y has {np.ravel(values[row])[0]} in row {row}: no class")


def class_targets(given: NDArray[Any], owner: str) -> tuple[NDArray[Any], Floats]:
    """Return the classes, sorted, and the number of each row's class (n, 1).

    Raises:
        ValueError: y is continuous, of several columns, lacks a class, or has one class alone.
    """
    if given.ndim > 1 and given.shape[1] == 1:
        given = given.ravel()
    check_present(given, owner)
    if type_of_target(given) in {"multilabel-indicator", "multiclass-multioutput"}:
        raise ValueError(f"{owner}: y needs one class a row, got shape {given.shape}")
    check_classification_targets(given)
    classes, numbers = np.unique(given, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"{owner}: y has 1 class, {classes.tolist()[0]!r}; at least 2 are needed")
    return classes, numbers.astype(np.float64)[:, None]
