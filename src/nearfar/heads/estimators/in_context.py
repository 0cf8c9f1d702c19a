"""TabPFN and TabICL as solved heads: networks that read the training rows with each prediction."""

import inspect
import json
import os
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray

from nearfar.errors import UserError, first_line, nearest
from nearfar.heads.estimators.build import plain_options
from nearfar.weight_files import place_of, read_weights

Array = NDArray[Any]
_checked: set[str] = set()
"""Hashes of files that were found to hold nothing but weights."""


class InContext:
    """A network that was trained on tables of others and learns from rows as it predicts.

    Nothing is trained: what is kept is the training rows, their features and targets, beside the
    hash of the file of weights; where the head is read back, the library fits it to these again.
    ``weights`` names the file, which is never fetched; the other options are the library's, by its
    own names. There is a model for each target, or one for all classes.
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"regression", "classification"})
    uses_features: ClassVar[bool] = True
    draws: ClassVar[bool] = True
    any_option: ClassVar[bool] = True
    weight_files: ClassVar[tuple[str, ...]] = ("weights",)

    library: ClassVar[str]
    title: ClassVar[str]
    file: ClassVar[str] = "model_path"
    bound: ClassVar[Mapping[str, Any]]
    """What nearfar hands on to the library."""
    untaken: ClassVar[frozenset[str]]
    """Options that nearfar sets, that fetch files, or that hold other things than numbers."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.rows: Array = np.zeros((0, 0), dtype=np.float32)
        self.truth: Array = np.zeros((0, 0))
        self.seed, self.classes = 0, 0
        self.present: Array = np.zeros(0, dtype=np.int64)
        self._models: list[Any] | None = None

    @staticmethod
    def names_file(given: str) -> bool:
        """Whether ``weights`` names a file: always."""
        return bool(given)

    @staticmethod
    def facts_of(place: Path) -> dict[str, Any]:
        """Return what else of a file of weights determines numbers: nothing."""
        del place
        return {}

    @classmethod
    def objections(
        cls, options: Mapping[str, Any], task: str, *, scores: bool, weighted: bool
    ) -> list[str]:
        """Return what is wrong with options in a study, by their names."""
        try:
            plain_options(options)
            known = cls._known(classifier=task != "regression")
        except (ValueError, UserError) as error:
            return [str(error)]
        lines = [
            f"option {key!r} is not the study's to say; leave it out"
            for key in options
            if key in cls.untaken
        ]
        lines += [
            f"{cls.title} has no option {key!r}; {nearest(key, known - cls.untaken)}"
            for key in options
            if key not in known | cls.untaken | {"weights"}
        ]
        if not isinstance(options.get("weights"), str) or not options["weights"]:
            lines.append(
                f"needs weights: the path of a file of {cls.title}'s weights "
                f"({{{cls.library}: {{weights: FILE}}}}); nothing is fetched"
            )
        return lines

    @classmethod
    def _known(cls, *, classifier: bool) -> set[str]:
        kind = cls._kind(classifier=classifier)
        return {*inspect.signature(kind.__init__).parameters} - {"self"}

    @classmethod
    def _kind(cls, *, classifier: bool) -> Any:
        # It would count its uses.
        os.environ.setdefault("TABPFN_DISABLE_TELEMETRY", "1")
        try:
            library = import_module(cls.library)
        except ImportError as error:
            there = getattr(error, "name", cls.library) != cls.library
            why = f"cannot be imported ({first_line(error)})" if there else "is not installed"
            raise UserError(
                f"needs the package {cls.library}, which {why}: "
                f"pip install 'nearfar[{cls.library}]'"
            ) from None
        return getattr(library, f"{cls.title}{'Classifier' if classifier else 'Regressor'}")

    def fit(self, features: Array, targets: Array, seed: int) -> None:
        """Keep the training rows, and have the library look at them; ``seed`` it draws from.

        Raises:
            UserError: the library or its weights are not there, or it refuses rows or options.
        """
        self.rows, self.truth, self.seed = features.astype(np.float32), targets, seed
        self.classes, self.present = 0, np.zeros(0, dtype=np.int64)
        there = targets.shape[1] > 1 and bool(np.isin(targets, (0.0, 1.0)).all())
        if there and bool((targets.sum(axis=1) == 1).all()):
            numbers = targets.argmax(axis=1)
            self.classes, self.present = targets.shape[1], np.unique(numbers)
            self.truth = np.searchsorted(self.present, numbers)[:, None]
        self._models = None
        self._fitted()

    def _fitted(self) -> list[Any]:
        """Return the library's models, fitted to the rows when they are first asked for."""
        if self._models is None:
            several = len(self.present) if self.classes else 2
            columns: list[Array] = [*self.truth.T] if several > 1 else []
            self._models = [self._made().fit(self.rows, column) for column in columns]
        return self._models

    def _made(self) -> Any:
        """Return a model that :meth:`fit` of the library is called on, its complaints in a line."""
        digest = str(self.options.get("weights"))
        place = place_of(digest)
        if place is None:
            raise UserError(
                f"{self.title}'s file of weights (its SHA-256 begins with {digest}) is not where "
                "the study had it: put it there, or into the folder of the exported model"
            )
        if digest not in _checked and place.suffix.lower() != ".safetensors":
            read_weights(place)
            _checked.add(digest)
        given = {key: value for key, value in self.options.items() if key != "weights"}
        given = {"random_state": self.seed % 2**31, "device": "cpu", **given}
        if str(given["device"]).startswith("cuda") and not torch.cuda.is_available():
            given["device"] = "cpu"
        kind = self._kind(classifier=bool(self.classes))
        return _Told(self.title, kind, {**given, **self.bound, self.file: str(place)})

    def predict(self, features: Array) -> Array:
        """Return predictions (n, k), or of classes their probabilities.

        Raises:
            UserError: the library or its weights are not there, or it refuses the rows.
        """
        x = features.astype(np.float32)
        if not self.classes:
            return np.column_stack([model.predict(x) for model in self._fitted()])
        chances = np.zeros((len(x), self.classes))
        chances[:, self.present] = 1.0
        for model in self._fitted():
            chances[:, self.present] = model.predict_proba(x)
        return chances

    def arrays(self) -> dict[str, Array]:
        """Return what ``from_arrays`` needs: the training rows, no weights."""
        options = json.dumps(self.options, sort_keys=True).encode()
        return {
            "rows": self.rows,
            "truth": self.truth,
            "seed": np.array([self.seed]),
            "classes": np.array([self.classes]),
            "present": self.present,
            "options": np.frombuffer(options, dtype=np.uint8),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """Make the head again; the library fits it to its rows when it predicts."""
        head = cls(**json.loads(arrays["options"].tobytes()))
        head.rows, head.truth = arrays["rows"], arrays["truth"]
        head.seed, head.classes = int(arrays["seed"][0]), int(arrays["classes"][0])
        head.present = arrays["present"]
        return head


class _Told:
    """A model of a library whose complaints are a user's mistake, in a line."""

    def __init__(self, title: str, kind: Any, options: Mapping[str, Any]) -> None:
        self.title, self.kind, self.options = title, kind, options
        self.model: Any = None

    def fit(self, x: Array, truth: Array) -> Self:
        def fitted() -> Any:
            return self.kind(**self.options).fit(x, truth)

        self.model = self._said(f"the {len(x)} training rows, its options or weights", fitted)
        return self

    def predict(self, x: Array) -> Array:
        found = self._said(f"{len(x)} rows", lambda: self.model.predict(x))
        return np.asarray(found, dtype=np.float64).reshape(len(x))

    def predict_proba(self, x: Array) -> Array:
        found = self._said(f"{len(x)} rows", lambda: self.model.predict_proba(x))
        return np.asarray(found, dtype=np.float64)

    def _said(self, what: str, call: Any) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return call()
        except Exception as error:
            raise UserError(f"{self.title} refuses {what}: {first_line(error)[:300]}") from error


class TabPFN(InContext):
    """TabPFN (Hollmann et al., "Accurate predictions on small data", Nature 637, 2025)."""

    packages: ClassVar[tuple[str, ...]] = ("tabpfn",)
    library, title = "tabpfn", "TabPFN"
    bound: ClassVar[Mapping[str, Any]] = {"n_preprocessing_jobs": 1}
    untaken = frozenset(
        [
            "model_path",
            "n_jobs",
            "n_preprocessing_jobs",
            "differentiable_input",
            "show_progress_bar",
            "fit_mode",
            "memory_saving_mode",
            "inference_precision",
        ]
    )


class TabICL(InContext):
    """TabICL (Qu et al., "TabICL: a tabular foundation model", ICML 2025)."""

    packages: ClassVar[tuple[str, ...]] = ("tabicl",)
    library, title = "tabicl", "TabICL"
    bound: ClassVar[Mapping[str, Any]] = {"allow_auto_download": False, "verbose": False}
    untaken = frozenset(
        [
            "model_path",
            "allow_auto_download",
            "checkpoint_version",
            "verbose",
            "n_jobs",
            "offload_mode",
            "disk_offload_dir",
            "kv_cache",
        ]
    )
