"""Trees boosted by LightGBM, XGBoost and CatBoost as solved heads, kept in their formats."""

import os
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray

from nearfar.errors import UserError, first_line, nearest
from nearfar.heads.estimators.build import plain_options
from nearfar.heads.estimators.own import Own

Array = NDArray[Any]
_SEEDS = frozenset({"seed", "random_state", "random_seed"})
_ROUNDS = frozenset({"n_estimators", "iterations", "num_boost_round", "num_trees", "n_iter"})
_LOSSES = frozenset({"objective", "objective_type", "app", "application", "loss", "loss_function"})
"""Options that name what is minimised, whose meaning may hang on the target's unit."""
_TRIED = 32
"""Rows of the trial that tells whether the library takes the options."""


class Booster:
    """Boosted trees of another library; its options are those of the library, by its own names.

    A model for each target, or one for all classes. Numbers are learnt in z units, which float32
    tells apart wherever they lie; with a loss that the study names, such as ``poisson``, in their
    own unit. The seed and the stage's threads are handed
    on, unless the study gives a seed.
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"regression", "classification"})
    uses_features: ClassVar[bool] = True
    draws: ClassVar[bool] = True
    any_option: ClassVar[bool] = True
    """Whether the options in a study file are the library's, whatever they are called."""

    library: ClassVar[str]
    title: ClassVar[str]
    rounds: ClassVar[str] = "n_estimators"
    seed_option: ClassVar[str] = "random_state"
    threads_option: ClassVar[str] = "n_jobs"
    quiet: ClassVar[Mapping[str, Any]]
    untaken: ClassVar[frozenset[str]]
    """Options that nearfar sets, or that read and write files."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.models: list[bytes] = []
        self.own: Own | None = None
        self.present: Array = np.zeros(0, dtype=np.int64)
        self.classes = 0

    @property
    def imports(self) -> tuple[str, ...]:
        """The modules that fitting takes."""
        return (self.library,)

    @classmethod
    def sees_own_targets(cls, options: Mapping[str, Any]) -> bool:
        """Whether ``own`` is to be set before a fit, and numbers given in their own unit."""
        return bool(_LOSSES & options.keys())

    @classmethod
    def objections(
        cls, options: Mapping[str, Any], task: str, *, scores: bool, weighted: bool
    ) -> list[str]:
        """Return what is wrong with options in a study: the library takes them for a trial."""
        try:
            plain_options(options)
            known = cls._known()
        except (ValueError, UserError) as error:
            return [str(error)]
        lines = [
            f"{cls.title} has no option {key!r}; {_near(key, known)}"
            for key in options
            if key not in known and key not in cls.untaken
        ]
        lines += [
            f"option {key!r} is not the study's to say; leave it out"
            for key in options
            if key in cls.untaken
        ]
        if lines:
            return lines
        draw = np.random.default_rng(0)
        x, y = draw.normal(size=(_TRIED, 3)), draw.gamma(1.0, size=(_TRIED, 1))
        targets = y if task == "regression" else np.concatenate([y > 1, y <= 1], axis=1)
        few = {key: value for key, value in options.items() if key not in _ROUNDS}
        head = cls(**few, **{cls.rounds: 1})
        try:
            head.fit(x, targets.astype(np.float64), 0)
            if not np.isfinite(head.predict(x)).all():
                return [f"{cls.title} predicts what is not finite under these options"]
            rounds = {key: options[key] for key in options if key in _ROUNDS}
            return [
                f"{key}: needs a whole number from 1, not {value!r}"
                for key, value in rounds.items()
                if isinstance(value, bool) or not isinstance(value, int) or value < 1
            ]
        except UserError as error:
            return [str(error)]

    def fit(self, features: Array, targets: Array, seed: int, weights: Array | None = None) -> None:
        """Grow the trees; ``seed`` is what they draw from, ``weights`` (n,) count rows.

        Raises:
            UserError: the library is not installed, or refuses rows or options; says why.
        """
        x, self.models = features.astype(np.float64), []
        if self._of_classes(targets):
            numbers = targets.argmax(axis=1)
            self.classes, self.present = targets.shape[1], np.unique(numbers)
            if len(self.present) > 1:
                truth = np.searchsorted(self.present, numbers)
                self.models = [self._grown(x, truth, seed, weights, classifier=True)]
            return
        for column in targets.T:
            self.models.append(self._grown(x, column, seed, weights, classifier=False))

    @staticmethod
    def _of_classes(targets: Array) -> bool:
        """Whether targets (n, k) are indicators of classes."""
        there = targets.shape[1] > 1 and bool(np.isin(targets, (0.0, 1.0)).all())
        return there and bool((targets.sum(axis=1) == 1).all())

    def _grown(
        self, x: Array, truth: Array, seed: int, weights: Array | None, *, classifier: bool
    ) -> bytes:
        kind = getattr(_imported(self.library), self._class(classifier=classifier))
        bound = {self.threads_option: torch.get_num_threads(), **self.quiet}
        drawn = {} if _SEEDS & self.options.keys() else {self.seed_option: seed % 2**31}
        options = {**drawn, **self.options, **bound}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = kind(**options).fit(x, truth, sample_weight=weights)
        except Exception as error:
            what = "classes" if classifier else "numbers"
            raise UserError(
                f"{self.title} refuses its options, or the {len(x)} rows of {what}: {_short(error)}"
            ) from error
        return self._bytes(model)

    def predict(self, features: Array) -> Array:
        """Return predictions (n, k), or of classes their probabilities."""
        x = features.astype(np.float64)
        if not self.classes:
            found = np.column_stack([self._numbers(model, x) for model in self.models])
            return found if self.own is None else self.own.in_z_units(found)
        chances = np.zeros((len(x), self.classes))
        chances[:, self.present] = 1.0
        if self.models:
            found = self._numbers(self.models[0], x)
            several = found.ndim == 2 and found.shape[1] > 1
            chances[:, self.present] = found if several else _of_two(found.reshape(-1))
        return chances

    def arrays(self) -> dict[str, Array]:
        """Return what ``from_arrays`` needs; models as the library writes them."""
        models = {
            f"model-{k}": np.frombuffer(model, dtype=np.uint8)
            for k, model in enumerate(self.models)
        }
        own = {} if self.own is None else self.own.arrays()
        return {"classes": np.array([self.classes]), "present": self.present, **own, **models}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """Make the fitted head again."""
        head = cls()
        head.classes, head.present = int(arrays["classes"][0]), arrays["present"]
        head.own = Own.from_arrays(arrays)
        count = sum(name.startswith("model-") for name in arrays)
        head.models = [arrays[f"model-{k}"].tobytes() for k in range(count)]
        return head

    @classmethod
    def _known(cls) -> Iterable[str]:
        """Return the names of the library's options."""
        raise NotImplementedError

    @staticmethod
    def _class(*, classifier: bool) -> str:
        raise NotImplementedError

    @staticmethod
    def _bytes(model: Any) -> bytes:
        raise NotImplementedError

    @staticmethod
    def _numbers(model: bytes, x: Array) -> Array:
        """Return what a model says of features (n, d): numbers, or probabilities."""
        raise NotImplementedError


class LightGBM(Booster):
    """LightGBM (Ke et al., NeurIPS 2017); models are kept as its text."""

    packages: ClassVar[tuple[str, ...]] = ("lightgbm",)
    library, title = "lightgbm", "LightGBM"
    quiet: ClassVar[Mapping[str, Any]] = {"verbosity": -1, "deterministic": True}
    untaken = frozenset(
        [
            "verbosity",
            "verbose",
            "n_jobs",
            "num_threads",
            "config",
            "data",
            "train_data",
            "valid",
            "input_model",
            "output_model",
            "output_result",
            "convert_model",
            "forcedsplits_filename",
            "forcedbins_filename",
            "machine_list_filename",
            "machines",
            "snapshot_freq",
            "save_binary",
            "task",
        ]
    )

    @classmethod
    def _known(cls) -> Iterable[str]:
        library = _imported("lightgbm")
        aliases = library.basic._ConfigAliases._get_all_param_aliases()
        names = {*aliases, *(alias for others in aliases.values() for alias in others)}
        return {*names, *library.LGBMRegressor().get_params()}

    @staticmethod
    def _class(*, classifier: bool) -> str:
        return "LGBMClassifier" if classifier else "LGBMRegressor"

    @staticmethod
    def _bytes(model: Any) -> bytes:
        return str(model.booster_.model_to_string()).encode()

    @staticmethod
    def _numbers(model: bytes, x: Array) -> Array:
        booster = _imported("lightgbm").Booster(model_str=model.decode())
        return np.asarray(booster.predict(x, num_threads=torch.get_num_threads()))


class XGBoost(Booster):
    """XGBoost (Chen and Guestrin, KDD 2016); models are kept as universal binary JSON."""

    packages: ClassVar[tuple[str, ...]] = ("xgboost",)
    library, title = "xgboost", "XGBoost"
    quiet: ClassVar[Mapping[str, Any]] = {"verbosity": 0}
    untaken = frozenset(
        [
            "verbosity",
            "n_jobs",
            "nthread",
            "callbacks",
            "early_stopping_rounds",
            "eval_metric",
            "missing",
        ]
    )

    @classmethod
    def _known(cls) -> Iterable[str]:
        return {*_imported("xgboost").XGBRegressor().get_params(), "eta", "alpha", "lambda"}

    @staticmethod
    def _class(*, classifier: bool) -> str:
        return "XGBClassifier" if classifier else "XGBRegressor"

    @staticmethod
    def _bytes(model: Any) -> bytes:
        return bytes(model.get_booster().save_raw("ubj"))

    @staticmethod
    def _numbers(model: bytes, x: Array) -> Array:
        library = _imported("xgboost")
        booster = library.Booster({"nthread": torch.get_num_threads()})
        booster.load_model(bytearray(model))
        return np.asarray(booster.predict(library.DMatrix(x)), dtype=np.float64)


class CatBoost(Booster):
    """CatBoost (Prokhorenkova et al., NeurIPS 2018); models are kept in its own binary format."""

    packages: ClassVar[tuple[str, ...]] = ("catboost",)
    library, title, rounds, threads_option = "catboost", "CatBoost", "iterations", "thread_count"
    seed_option = "random_seed"
    quiet: ClassVar[Mapping[str, Any]] = {"verbose": False, "allow_writing_files": False}
    untaken = frozenset(
        [
            "verbose",
            "silent",
            "logging_level",
            "verbose_eval",
            "metric_period",
            "thread_count",
            "allow_writing_files",
            "train_dir",
            "snapshot_file",
            "save_snapshot",
            "snapshot_interval",
            "name",
            "callback",
            "device_config",
            "metadata",
            "input_borders",
            "output_borders",
            "fold_permutation_block",
            "ctr_history_unit",
            "early_stopping_rounds",
            "od_wait",
            "cat_features",
            "text_features",
            "embedding_features",
        ]
    )

    @classmethod
    def _known(cls) -> Iterable[str]:
        import inspect

        both = (getattr(_imported("catboost"), f"CatBoost{kind}") for kind in _KINDS)
        return {name for kind in both for name in inspect.signature(kind.__init__).parameters} - {
            "self"
        }

    @staticmethod
    def _class(*, classifier: bool) -> str:
        return f"CatBoost{_KINDS[not classifier]}"

    @staticmethod
    def _bytes(model: Any) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.cbm"
            model.save_model(os.fspath(path), format="cbm")
            return path.read_bytes()

    @staticmethod
    def _numbers(model: bytes, x: Array) -> Array:
        found = _imported("catboost").CatBoost()
        found.load_model(blob=model)
        kind = "Probability" if len(found.classes_) else "RawFormulaVal"
        values = found.predict(x, prediction_type=kind, thread_count=torch.get_num_threads())
        return np.asarray(values)


_KINDS = ("Classifier", "Regressor")


def _imported(library: str) -> Any:
    try:
        return import_module(library)
    except ImportError as error:
        there = getattr(error, "name", library) != library
        why = f"cannot be imported ({first_line(error)})" if there else "is not installed"
        raise UserError(
            f"needs the package {library}, which {why}: pip install 'nearfar[{library}]'"
        ) from None


def _near(key: str, known: Iterable[str]) -> str:
    """Return the nearest of many names, or where all of them stand."""
    phrase = nearest(key, known)
    return phrase.split("?")[0] + "?" if "did you mean" in phrase else "see its own documentation"


def _of_two(second: Array) -> Array:
    return np.column_stack([1 - second, second])


def _short(error: Exception) -> str:
    return first_line(error)[:300]
