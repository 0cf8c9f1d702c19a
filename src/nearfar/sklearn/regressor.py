"""Numbers from an encoder and a head."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils.validation import validate_data

from nearfar.data.scales import Floats
from nearfar.losses import REGRESSION_LOSSES
from nearfar.sklearn.from_numbers import RankNContrast
from nearfar.sklearn.predictor import EncoderPredictor
from nearfar.sklearn.saved import Arrays, Plain
from nearfar.sklearn.scaling import scale_of, scaled
from nearfar.sklearn.transformer import DTYPES, EncoderTransformer, as_numbers


class ContrastiveRegressor(RegressorMixin, EncoderPredictor):  # type: ignore[misc]
    """Numbers from an encoder that was trained by a transformer, and a head.

    The encoder is trained first, under the transformer's objective; then a head is trained on its
    features: alone (``train="head"``, a linear probe), or with the encoder going on (``"all"``,
    fine-tuning). With ``encoder=UntrainedEncoder()`` and ``encoder_lr=1`` it is plain training end
    to end. For a head of scikit-learn, put it behind the transformer in a ``Pipeline``.

    Args:
        encoder: a transformer of this package, not fitted; None is ``RankNContrast()``.
        train: ``all`` (encoder and head) or ``head``.
        head: ``linear``, or ``mlp`` with one hidden layer of 128.
        loss: ``l1``, ``mse`` or ``huber``, in z units of the training rows.
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
        transformer_: the fitted transformer; its ``encoder_`` is as training left it.
        predictor_: scaled rows → predictions in z units, a ``torch.nn.Module``.
        target_mean_, target_scale_: what targets are scaled with, shape (k,).
        loss_curve_, n_iter_: the mean loss of every epoch, and the epoch that was taken.
    """

    def __init__(
        self,
        *,
        encoder: EncoderTransformer | None = None,
        train: str = "all",
        head: str = "linear",
        loss: str = "l1",
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
        self.loss = loss

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train encoder and head.

        Args:
            X: numbers, shape (n, columns).
            y: numbers, (n,) or (n, k).

        Raises:
            ValueError: a parameter, X or y cannot be used, or training diverged; says which.
        """
        if self.loss not in REGRESSION_LOSSES:
            allowed = ", ".join(REGRESSION_LOSSES)
            raise ValueError(f"{type(self).__name__}: loss={self.loss!r}; allowed: {allowed}")
        rows, given = validate_data(
            self, X, y, dtype=DTYPES, multi_output=True, y_numeric=True, ensure_min_samples=2
        )
        targets = as_numbers(given, type(self).__name__)
        given = targets.reshape(given.shape) if given.dtype.kind == "U" else given
        self.target_mean_, self.target_scale_ = scale_of(targets)
        self._single = given.ndim == 1
        in_z = scaled(targets, self.target_mean_, self.target_scale_)
        self._fit(rows, given, in_z, REGRESSION_LOSSES[self.loss])
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Return predictions in the unit of ``y``.

        Args:
            X: numbers, shape (n, columns), with the columns that ``fit`` saw.

        Returns:
            float64, (n,) or (n, k), as ``y`` was.

        Raises:
            NotFittedError: before ``fit``.
            ValueError: rows of other columns than those of ``fit``, or values that are not finite.
        """
        found = self._scores(X) * self.target_scale_ + self.target_mean_
        return found[:, 0] if self._single else found

    def _default(self) -> EncoderTransformer:
        """See ``EncoderPredictor``."""
        return RankNContrast()

    def _outputs(self) -> int:
        """See ``EncoderPredictor``."""
        return len(self.target_mean_)

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn should know of the estimator."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _kept(self) -> tuple[Plain, Arrays]:
        """See ``Saveable``."""
        plain, arrays = super()._kept()
        own = {"target_mean": self.target_mean_, "target_scale": self.target_scale_}
        return {**plain, "single": self._single}, {**arrays, **own}

    def _restore(self, plain: Plain, arrays: Arrays) -> None:
        """See ``Saveable``."""
        self.target_mean_, self.target_scale_ = arrays["target_mean"], arrays["target_scale"]
        self._single = bool(plain["single"])
        super()._restore(plain, arrays)
