"""Classes from an encoder and a head."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import column_or_1d, validate_data

from nearfar.data.scales import Floats
from nearfar.losses import CLASSIFICATION_LOSSES
from nearfar.sklearn.from_classes import SupervisedContrastive
from nearfar.sklearn.predictor import EncoderPredictor
from nearfar.sklearn.saved import Arrays, Plain, labels_from, plain_labels
from nearfar.sklearn.transformer import DTYPES, EncoderTransformer, class_targets, given_classes


class ContrastiveClassifier(ClassifierMixin, EncoderPredictor):  # type: ignore[misc]
    """Classes from an encoder that was trained by a transformer, and a head.

    The encoder is trained first, under the transformer's objective; then a head is trained on its
    features: alone (``train="head"``, a linear probe), or with the encoder going on (``"all"``,
    fine-tuning). With ``encoder=UntrainedEncoder()`` and ``encoder_lr=1`` it is plain training end
    to end. For a head of scikit-learn, put it behind the transformer in a ``Pipeline``.

    Args:
        encoder: a transformer of this package, not fitted; None is ``SupervisedContrastive()``.
        train: ``all`` (encoder and head) or ``head``.
        head: ``linear``, or ``mlp`` with one hidden layer of 128.
        encoder_lr: factor on the encoder's learning rate.
        epochs: passes over the rows in which the head is trained.
        batch_size: rows of a batch; never more than there are.
        lr: highest learning rate of AdamW, in one cycle.
        weight_decay: of AdamW.
        validation_fraction: share of the rows that are held out, from the encoder too, to choose
            the epoch by the loss; 0 takes the last one.
        device: where it is trained: ``cpu``, ``cuda`` or ``auto``.
        random_state: for weights, batches and held-out rows; also of a transformer that has none.

    Attributes:
        classes_: the classes, sorted.
        transformer_: the fitted transformer; its ``encoder_`` is as training left it.
        predictor_: scaled rows → logits of the classes, a ``torch.nn.Module``.
        loss_curve_, n_iter_: the mean loss of every epoch, and the epoch that was taken.
    """

    def __init__(
        self,
        *,
        encoder: EncoderTransformer | None = None,
        train: str = "all",
        head: str = "linear",
        encoder_lr: float = 0.1,
        epochs: int = 100,
        batch_size: int = 128,
        lr: float = 3e-3,
        weight_decay: float = 0.01,
        validation_fraction: float = 0.1,
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            encoder=encoder,
            train=train,
            head=head,
            encoder_lr=encoder_lr,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            weight_decay=weight_decay,
            validation_fraction=validation_fraction,
            device=device,
            random_state=random_state,
        )

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train encoder and head.

        Args:
            X: numbers, shape (n, columns).
            y: a class a row (n,): numbers, truth values or text.

        Raises:
            ValueError: a parameter, X or y cannot be used, or training diverged; says which.
        """
        y = given_classes(y, type(self).__name__)
        rows, given = validate_data(self, X, y, dtype=DTYPES, ensure_min_samples=2)
        given = column_or_1d(given, warn=True)
        self.classes_, numbers = class_targets(given, type(self).__name__)
        self._fit(rows, given, numbers, CLASSIFICATION_LOSSES["cross_entropy"])
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of every row (n,).

        Raises:
            NotFittedError: before ``fit``.
            ValueError: rows of other columns than those of ``fit``, or values that are not finite.
        """
        chosen = self._scores(X).argmax(axis=1)
        found: NDArray[Any] = self.classes_[chosen]
        return found

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return probabilities, float64 (n, classes), in the order of ``classes_``.

        Raises:
            NotFittedError: before ``fit``.
            ValueError: rows of other columns than those of ``fit``, or values that are not finite.
        """
        return torch.from_numpy(self._scores(X)).softmax(1).numpy()

    def predict_log_proba(self, X: ArrayLike) -> Floats:
        """Return the logarithms of :meth:`predict_proba`, float64 (n, classes).

        Raises:
            NotFittedError: before ``fit``.
            ValueError: rows of other columns than those of ``fit``, or values that are not finite.
        """
        return torch.from_numpy(self._scores(X)).log_softmax(1).numpy()

    def _default(self) -> EncoderTransformer:
        """See ``EncoderPredictor``."""
        return SupervisedContrastive()

    def _outputs(self) -> int:
        """See ``EncoderPredictor``."""
        return len(self.classes_)

    def _kept(self) -> tuple[Plain, Arrays]:
        """See ``Saveable``."""
        plain, arrays = super()._kept()
        return {**plain, "classes": plain_labels(self.classes_)}, arrays

    def _restore(self, plain: Plain, arrays: Arrays) -> None:
        """See ``Saveable``."""
        self.classes_ = labels_from(plain["classes"])
        super()._restore(plain, arrays)
