"""A finished model as Python users know them: ``predict``, ``predict_proba``, ``transform``."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar.data import Inputs
from nearfar.data.class_values import class_values
from nearfar.errors import UserError
from nearfar.models.calibration import LEVEL, checked_level
from nearfar.models.finished import FinishedModel, Predictions
from nearfar.models.given import rows_of
from nearfar.models.hub import pulled, pushed
from nearfar.models.scikit_learn import TrainedEstimator
from nearfar.models.told import reading_notes, unknown_categories
from nearfar.records.places import path_of
from nearfar.train.device import pick_device

_INSTEAD = {
    "regression": "use predict_interval",
    "classification": "use predict_set",
    "multilabel": "use predict_proba; `nearfar predict` writes the set of each label",
    "reconstruction": "it gives images back",
}
"""What there is in the place of a call that is for another task."""


class Estimator(TrainedEstimator):
    """What ``nearfar.load`` gives back: a model that predicts, and needs nothing else.

    Rows ``X`` are a data frame of pandas or polars, an array, a mapping of columns, a list of
    records, of SMILES, of paths or of pictures, or the path of a file or folder that
    ``nearfar predict`` takes.
    Columns of a table are found by their names; those of an array stand in the order of
    ``feature_names_in_``, or are those alone that the model does not leave out. What
    ``nearfar predict`` tells of rows, such as categories that training did not know or images of
    another size, is a ``UserWarning``. It stands wherever scikit-learn takes a fitted estimator.

    Args:
        model: the finished model.
        device: ``cpu`` or ``cuda``, where it computes.
        folder: that it was read from, if it was.
    """

    def __init__(
        self, model: FinishedModel, device: str = "cpu", folder: Path | None = None
    ) -> None:
        self.model, self.device, self.folder = model, device, folder

    @property
    def task(self) -> str:
        """``regression``, ``classification``, ``multilabel`` or ``reconstruction``."""
        return self.model.task

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of what is predicted."""
        return self.model.targets

    @property
    def unit(self) -> str:
        """Unit of the predictions, empty if none is known."""
        return self.model.unit

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes, or names of several labels a row: the columns of ``predict_proba`` (k,).

        Classes that were whole numbers are int64, True and False booleans, any others texts. Empty
        where numbers are predicted.
        """
        if self.task == "multilabel":
            return np.array(self._names(), dtype=np.str_)
        return class_values(self._names(), texts=self.model.class_texts)

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """Names of the columns (columns,) of a table, in the model's order; else empty.

        Of a model that ``nearfar.compare`` made of an array they are ``x0``, …, one for each column
        that the array had, those too that the model leaves out.
        """
        return np.array(self.model.schema.given_names, dtype=object)

    @property
    def n_features_in_(self) -> int:
        """How many columns it takes: the length of ``feature_names_in_``."""
        return len(self.model.schema.given_names)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return a prediction for every row, the mean over the seeds' models.

        Returns:
            Numbers in the target's own unit, float64 (n,), of several targets (n, k); of
            ``classes_`` (n,); of several labels a row 0 or 1, int64 (n, labels).

        Raises:
            UserError: rows of another form, or one that cannot be used.
        """
        found = self._predictions(X).mean
        if self.task == "classification":
            return np.asarray(self.classes_[found.argmax(axis=1)])
        if self.task == "multilabel":
            return (found > 0.5).astype(np.int64)
        return found[:, 0] if found.shape[1] == 1 else found

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return probabilities of ``classes_``, float64 (n, classes), or of labels (n, labels).

        Raises:
            UserError: the model predicts numbers; or as ``predict``.
        """
        if not self._names():
            raise UserError(
                f"{self.model.name} predicts numbers ({', '.join(self.targets)}), which have no "
                "probabilities: use predict"
            )
        return self._predictions(X).mean

    def deviation(self, X: Any) -> NDArray[np.float64] | None:
        """Return how far the seeds' models differ, their sample deviation (n, k); None of one.

        It is in the targets' units, or that of probabilities, and not how far they are from the
        truth.

        Raises:
            UserError: as ``predict``.
        """
        return self._predictions(X).deviation

    def predict_interval(self, X: Any, level: float = LEVEL) -> NDArray[np.float64]:
        """Return between which numbers the truth lies, in the targets' units.

        Args:
            X: rows.
            level: the share of rows, like those that the study held out, whose truth lies within.

        Returns:
            Lower and upper ends, float64 (n, 2), of several targets (n, k, 2); NaN of those
            of several targets that too few held-out rows have for this level.

        Raises:
            UserError: the model predicts no numbers, or the study held out too few rows for this
                level; or as ``predict``.
        """
        if self.task != "regression":
            raise UserError(f"{self.model.name} predicts no numbers: {_INSTEAD[self.task]}")
        found = self._predictions(X, checked_level(level))
        if not found.intervals:
            raise self._no_calibration("intervals", level)
        ends = np.full((*found.mean.shape, 2), np.nan)
        for k, name in enumerate(found.targets):
            if name in found.intervals:
                ends[:, k, 0], ends[:, k, 1] = found.intervals[name]
        return ends[:, 0] if len(found.targets) == 1 else ends

    def predict_set(self, X: Any, level: float = LEVEL) -> list[tuple[Any, ...]]:
        """Return for every row the classes among which the true one is.

        Args:
            X: rows.
            level: the share of rows, like those that the study held out, whose class is among them.

        Returns:
            Some of ``classes_``, a tuple a row, in their order.

        Raises:
            UserError: the model predicts no classes, or the study held out too few rows for this
                level; or as ``predict``.
        """
        if self.task != "classification":
            raise UserError(f"{self.model.name} predicts no classes: {_INSTEAD[self.task]}")
        found = self._predictions(X, checked_level(level))
        if not found.sets:
            raise self._no_calibration("sets", level)
        (inside,) = found.sets.values()
        return [tuple(self.classes_[row].tolist()) for row in inside]

    def unlike(self, X: Any) -> NDArray[np.bool_]:
        """Return which rows are unlike the training rows (n,): predictions of them are guesses.

        Raises:
            UserError: the model keeps no training rows' features; or as ``predict``.
        """
        found = self._predictions(X).unlike
        if found is None:
            raise UserError(f"{self.model.name} keeps no features of training rows to compare with")
        return found

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Return the features that the first seed's encoder makes of every row, float32 (n, d).

        Raises:
            UserError: as ``predict``.
        """
        return self.model.features(self._inputs(X), self.device)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[Any]:
        """Return names of the columns that ``transform`` gives (d,)."""
        fitted = self.model.members[0].fitted
        width = 0 if fitted.encoder is None else fitted.encoder.out_features
        return np.array([f"feature{number}" for number in range(width)], dtype=object)

    def onnx_inputs(self, X: Any) -> dict[str, NDArray[Any]]:
        """Return the tensors that ``model.onnx`` takes for these rows, by name.

        ``config.json`` of an export says the shape and meaning of each (docs/export.md).

        Raises:
            UserError: the model has no form in ONNX; or as ``predict``.
        """
        from nearfar.models.onnx.graph import Graph

        return Graph(self.model).feed(self._inputs(X))

    def save(self, folder: Path | str) -> None:
        """Write the model to a new folder, from which ``nearfar.load`` reads it.

        Args:
            folder: new, or empty.

        Raises:
            UserError: it holds something, nothing can be written there, or the model has a part
                that was made in this Python program.
        """
        self.model.save(path_of(folder, "save"))

    save_pretrained = save
    """``save`` by the name that the hub's users know.

    ``huggingface_hub.ModelHubMixin`` itself is no base of this class: it would be imported with it,
    its ``save_pretrained`` removes the config.json of a folder that is there before it writes, and
    its ``push_to_hub`` writes the model anew, under a card without the study's verdicts.
    """

    @classmethod
    def from_pretrained(cls, name: str | Path, *, revision: str | None = None) -> Estimator:
        """Read a model from a folder, or from the Hugging Face hub, where there is a network.

        Args:
            name: the folder, or ``owner/name`` on the hub.
            revision: of the repository: a branch, a tag or a commit.

        Raises:
            UserError: neither is there, or it is no model.
        """
        return load(pulled(name if isinstance(name, str) else path_of(name, "model"), revision))

    def push_to_hub(self, name: str, *, private: bool = True) -> str:
        """Upload the folder that it was loaded from to the Hugging Face hub; return the address.

        Args:
            name: ``owner/name`` on the hub; it is made if it is not there.
            private: whether a new one is seen by its owner alone.

        Raises:
            UserError: it comes from no folder, ``huggingface_hub`` is not installed, or the hub
                refuses.
        """
        if self.folder is None:
            raise UserError("this model comes from no folder: save it, and load it from there")
        return pushed(self.folder, name, private=private)

    def __repr__(self) -> str:
        count = len(self.model.members)
        made = f"{count} model{'s' if count > 1 else ''}"
        unit = f" in {self.unit}" if self.unit else ""
        what = ", ".join(self.targets)
        return f"<nearfar.Estimator: {self.model.name} of {self.model.study}, {what}{unit}, {made}>"

    def _no_calibration(self, what: str, level: float) -> UserError:
        calibration = self.model.calibration
        why = "the run has no predictions of held-out rows"
        if calibration is not None:
            why = f"{calibration.too_few(level, 0)}; a lower level needs fewer"
        return UserError(f"{self.model.name}: no {what} at level {level:g}: {why}")

    def _names(self) -> Sequence[str]:
        return self.model.targets if self.task == "multilabel" else self.model.classes

    def _predictions(self, X: Any, level: float = LEVEL) -> Predictions:
        if self.task == "reconstruction":
            raise UserError(f"{self.model.name} gives images back: use transform for its features")
        return self.model.predict(self._inputs(X, calls=4), self.device, level=level)

    def _inputs(self, X: Any, calls: int = 3) -> Inputs:
        """Return rows as the model takes them; what is to be told of them is a warning.

        Args:
            X: rows.
            calls: how many lie between the user's line and the warning.
        """
        rows = rows_of(self.model.schema, X)
        notes = reading_notes(rows, "X")
        for note in [*notes, *unknown_categories(self.model, rows.inputs)]:
            warnings.warn(note, UserWarning, stacklevel=calls)
        return rows.inputs


def load(folder: Path | str, *, device: str = "cpu", modules: bool = False) -> Estimator:
    """Return the model in a folder that ``nearfar export`` wrote, ready to predict.

    Nothing is pickled, and its files are compared with their checksums first.

    Args:
        folder: of the model.
        device: ``cpu``, ``cuda`` or ``auto``, where it is to compute.
        modules: whether modules of a user's own that it has parts of may be imported: code.

    Raises:
        UserError: there is no model, or it is damaged, changed, or of a later nearfar.
    """
    try:
        place = pick_device(device)
    except UserError as error:
        raise UserError(str(error).removeprefix("--")) from None
    folder = path_of(folder, "model")
    return Estimator(FinishedModel.load(folder, modules=modules), place, folder)
