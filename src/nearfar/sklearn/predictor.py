"""Predictors: an encoder that was trained by a transformer, and a head, trained on top or along."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from nearfar.data.scales import Floats
from nearfar.heads import NETWORKS
from nearfar.objectives import Predictor, Rows, in_chunks
from nearfar.sklearn import from_classes, from_numbers, training, without_labels
from nearfar.sklearn.base import Saveable, options_from, parameter_names, prefixed, under
from nearfar.sklearn.saved import Arrays, Plain
from nearfar.sklearn.transformer import DTYPES, EncoderTransformer, number_targets
from nearfar.train.randomness import drawn_apart

FEWEST_HELD_OUT = 2
"""Rows held out to choose the epoch; where the fraction gives fewer, the last epoch is taken."""


TRANSFORMERS: dict[str, type[EncoderTransformer]] = {
    name: kind
    for home in (from_classes, from_numbers, without_labels)
    for name, kind in vars(home).items()
    if isinstance(kind, type) and issubclass(kind, EncoderTransformer)
}
"""Name → class of what may be the encoder of a predictor that is read again."""


class EncoderPredictor(Saveable):
    """What regressor and classifier share: the transformer's encoder under a head.

    A subclass has a constructor that hands on what both have, and says what the head is to tell.
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
        self.encoder = encoder
        self.train = train
        self.head = head
        self.encoder_lr = encoder_lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.device = device
        self.random_state = random_state

    def _fit(self, rows: NDArray[Any], given: NDArray[Any], targets: Floats, loss: Any) -> None:
        """Train encoder and head; ``targets`` (n, k) are what the loss takes."""
        owner = type(self).__name__
        names = parameter_names(training.PredictorOptions)
        options = training.checked(training.PredictorOptions, options_from(self, names), owner)
        seed, held_out_seed = self._seed(), self._seed()
        held_out = self._held_out(given, held_out_seed)
        rest = np.setdiff1d(np.arange(len(rows)), held_out)
        transformer = self._transformer(seed)
        self._check_labels(transformer, given)
        if transformer.labels == "numbers":
            number_targets(given, owner)
            number_targets(given[rest], owner, " that are not held out")
        transformer.fit(rows[rest], given[rest])
        inputs = training.rows_of(transformer._scaled(rows))
        data = Rows(inputs, torch.from_numpy(targets))
        with drawn_apart(seed, 1, torch.device(options.place)):
            torch.manual_seed(seed)
            predictor = self._predictor(transformer.encoder_, loss, options)
            known = torch.from_numpy(rest)
            predictor.standardise.fit(in_chunks(predictor.encoder, inputs, known))
            task = training.Training(predictor, data, known)
            if len(held_out):
                asked = torch.from_numpy(held_out)
                task.judge = lambda: training.loss_on(predictor, task.data, asked)
            constant = torch.zeros(len(rows), self._outputs())
            limit = 2 * float(predictor.compare(constant, data.targets))
            outcome = training.train(task, options, seed, owner, limit)
        self.loss_curve_ = [at.value for at in outcome.curves if at.metric == "loss"]
        self.n_iter_ = int(outcome.selected_epoch)
        if hasattr(self, "feature_names_in_"):
            transformer.feature_names_in_ = self.feature_names_in_
        self.transformer_, self.predictor_ = transformer, predictor.eval()

    def _transformer(self, seed: int) -> Any:
        transformer = self._default() if self.encoder is None else clone(self.encoder)
        if not isinstance(transformer, EncoderTransformer):
            raise TypeError(
                f"{type(self).__name__}: encoder={transformer!r} is no transformer of"
                " nearfar.sklearn, such as RankNContrast(); others go before a head in a Pipeline"
            )
        if self.encoder is None or transformer.random_state is None:
            transformer.set_params(random_state=seed)
        return transformer

    def _check_labels(self, transformer: EncoderTransformer, given: NDArray[Any]) -> None:
        """Refuse an encoder that is trained on classes where y has numbers, or the other way."""
        numbers = given.dtype.kind in "iufb"
        classes = not numbers or is_classifier(self)
        if not classes:
            classes = not type_of_target(given).startswith("continuous")
        if (transformer.labels == "numbers" and not numbers) or (
            transformer.labels == "classes" and not classes
        ):
            has = "numbers" if numbers else "classes"
            raise ValueError(
                f"{type(self).__name__}: encoder={transformer!r} learns from {transformer.labels},"
                f" and y has {has}: take another, such as {self._default()!r}"
            )

    def _default(self) -> EncoderTransformer:
        """Return the transformer that is taken where none is given."""
        raise NotImplementedError

    def _outputs(self) -> int:
        """Return how many outputs the head has."""
        raise NotImplementedError

    def _predictor(
        self, encoder: nn.Module, loss: Any, options: training.PredictorOptions
    ) -> Predictor:
        head = NETWORKS[options.head](int(encoder.out_features), self._outputs())  # type: ignore[arg-type]
        trained: Literal["all", "head"] = options.train
        return Predictor(
            encoder, head, loss, trained=trained, batch_norm="eval", encoder_lr=options.encoder_lr
        )

    def _held_out(self, given: NDArray[Any], seed: int) -> NDArray[np.int64]:
        """Draw the rows that choose the epoch, ascending; none where there are too few.

        Of every class that ``given`` has, one row at least is left.
        """
        wanted = int(self.validation_fraction * len(given))
        if wanted < FEWEST_HELD_OUT or len(given) - wanted < FEWEST_HELD_OUT:
            return np.zeros(0, dtype=np.int64)
        order = np.random.default_rng(seed).permutation(len(given))
        _, firsts = np.unique(given[order], return_index=True, axis=0)
        stays = np.zeros(len(given), dtype=bool)
        if is_classifier(self):
            stays[firsts] = True
        drawn = order[~stays][:wanted]
        return np.sort(drawn).astype(np.int64)

    def _scores(self, X: Any) -> Floats:
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, dtype=DTYPES)
        return training.outputs_of(self.predictor_, self.transformer_._scaled(rows))

    @classmethod
    def _parameters(cls, plain: Plain) -> Plain:
        """See ``Saveable``: the transformer is made again."""
        found = super()._parameters(plain)
        if isinstance(found["encoder"], dict):
            kind = TRANSFORMERS[found["encoder"]["estimator"]]
            found["encoder"] = kind(**kind._parameters(found["encoder"]["parameters"]))
        return found

    def __sklearn_is_fitted__(self) -> bool:
        """Whether ``fit`` has come to its end."""
        return hasattr(self, "predictor_")

    def _kept(self) -> tuple[Plain, Arrays]:
        """See ``Saveable``."""
        plain, arrays = self.transformer_._kept()
        weights = {k: v.numpy() for k, v in self.predictor_.state_dict().items()}
        # The transformer's own weights are those of the predictor's encoder.
        beside = {k: v for k, v in arrays.items() if not k.startswith("encoder.")}
        kept = {
            "transformer": {"estimator": type(self.transformer_).__name__, **plain},
            "transformer_parameters": transformer_parameters(self.transformer_),
            "loss_curve": self.loss_curve_,
            "n_iter": self.n_iter_,
        }
        return kept, {**prefixed(weights, "predictor"), **prefixed(beside, "transformer")}

    def _restore(self, plain: Plain, arrays: Arrays) -> None:
        """See ``Saveable``."""
        transformer = self._transformer(0)
        transformer.set_params(**plain["transformer_parameters"])
        transformer.n_features_in_ = self.n_features_in_
        if hasattr(self, "feature_names_in_"):
            transformer.feature_names_in_ = self.feature_names_in_
        weights = under(arrays, "predictor")
        own = under(arrays, "transformer")
        encoder = prefixed(under(weights, "encoder"), "encoder")
        transformer._restore(plain["transformer"], {**own, **encoder})
        options = training.checked(
            training.PredictorOptions,
            options_from(self, parameter_names(training.PredictorOptions)),
            type(self).__name__,
        )
        with drawn_apart(0, 0, torch.device("cpu")):
            predictor = self._predictor(transformer.encoder_, nn.Identity(), options)
        predictor.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
        self.transformer_, self.predictor_ = transformer, predictor.eval()
        self.loss_curve_, self.n_iter_ = list(plain["loss_curve"]), int(plain["n_iter"])


def transformer_parameters(transformer: EncoderTransformer) -> Plain:
    """Return the parameters that the network's shape depends on."""
    return options_from(transformer, ("layers", "hidden", "dropout"))
