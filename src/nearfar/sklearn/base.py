"""What all estimators share: checked parameters, saving, reading."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from nearfar.sklearn import saved
from nearfar.sklearn.saved import Arrays, Plain


class Transforms(ClassNamePrefixFeaturesOutMixin, TransformerMixin):  # type: ignore[misc]
    """What scikit-learn gives a transformer whose columns are named after it."""


_LEARNT = "learnt"
"""Key of what ``Saveable._kept`` returns, in the state that copies are made of."""


def _is_made(value: Any) -> bool:
    """Whether an attribute is a network, a head or an estimator that ``fit`` made."""
    return type(value).__module__.split(".")[0] in {"nearfar", "torch"}


class Saveable(BaseEstimator):  # type: ignore[misc]
    """An estimator that is kept as JSON and safetensors.

    A subclass says what it has learnt (``_kept``) and takes it back (``_restore``). Parameters that
    are estimators themselves are kept with their parameters.
    """

    @abstractmethod
    def _kept(self) -> tuple[Plain, Arrays]:
        """Return what was learnt: plain values, and arrays."""

    @abstractmethod
    def _restore(self, plain: Plain, arrays: Arrays) -> None:
        """Take what ``_kept`` returned."""

    def save(self, path: str | Path) -> None:
        """Write the fitted estimator to a folder: ``config.json``, ``model.safetensors``.

        The folder is written whole or not at all; one of the same class is replaced.

        Args:
            path: the folder.

        Raises:
            NotFittedError: ``fit`` was not called.
            FileExistsError: something else is at ``path``.
            TypeError: a parameter or a class is nothing that JSON has.
        """
        check_is_fitted(self)
        plain, arrays = self._kept()
        names = getattr(self, "feature_names_in_", None)
        config = {
            **described(self),
            "columns": int(self.n_features_in_),
            "column_names": None if names is None else [str(name) for name in names],
            "fitted": plain,
        }
        saved.write_folder(path, config, arrays)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the fitted estimator of this class that :meth:`save` wrote; nothing is unpickled.

        Args:
            path: the folder.

        Raises:
            FileNotFoundError: there is no such folder.
            ValueError: it is damaged, or holds an estimator of another class.
        """
        config, arrays = saved.read_folder(path)
        if config["estimator"] != cls.__name__:
            raise ValueError(
                f"{path} holds a {config['estimator']}, not a {cls.__name__};"
                " nearfar.sklearn.load reads any"
            )
        return cls._from_config(config, arrays, path)

    @classmethod
    def _from_config(cls, config: Plain, arrays: Arrays, path: str | Path) -> Self:
        try:
            found = cls(**cls._parameters(config["parameters"]))
            found.n_features_in_ = int(config["columns"])
            if config["column_names"] is not None:
                found.feature_names_in_ = np.array(config["column_names"], dtype=object)
            found._restore(config["fitted"], arrays)
        except (AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ValueError(f"{path} is damaged: {reason}") from None
        return found

    @classmethod
    def _parameters(cls, plain: Plain) -> Plain:
        """Return parameters as the constructor takes them."""
        return {name: tuple(v) if isinstance(v, list) else v for name, v in plain.items()}

    def __getstate__(self) -> Plain:
        """Return what copies are made of: in the place of networks and heads, their arrays.

        So skops, too, which knows builtin types and arrays alone, keeps a fitted estimator.
        """
        state = dict(super().__getstate__())
        parameters = self.get_params(deep=False)
        made = {k for k, value in state.items() if k not in parameters and _is_made(value)}
        if not made:
            return state
        try:
            plain, arrays = self._kept()
        except TypeError:  # of classes of a type that JSON lacks: pickle takes them
            return state
        rest = {name: value for name, value in state.items() if name not in made}
        return {**rest, _LEARNT: {"plain": plain, "arrays": arrays}}

    def __setstate__(self, state: Plain) -> None:
        """Take what ``__getstate__`` returned."""
        learnt = state.get(_LEARNT)
        super().__setstate__({name: value for name, value in state.items() if name != _LEARNT})
        if learnt is not None:
            self._restore(learnt["plain"], learnt["arrays"])

    def _seed(self) -> int:
        """Draw a seed for torch from ``random_state``."""
        drawn = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        return int(drawn)


def described(estimator: Any) -> Plain:
    """Return the class and the parameters of an estimator as JSON has them."""
    parameters: Plain = {}
    for name, value in estimator.get_params(deep=False).items():
        if isinstance(value, Saveable):
            parameters[name] = described(value)
        else:
            parameters[name] = saved.plain_value(value, f"the parameter {name}")
    return {"estimator": type(estimator).__name__, "parameters": parameters}


def options_from(estimator: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Return some parameters of an estimator."""
    return {name: getattr(estimator, name) for name in names}


def parameter_names(kind: type[Any]) -> tuple[str, ...]:
    """Return the fields of a class of options."""
    return tuple(inspect.signature(kind).parameters)


def prefixed(arrays: Arrays, prefix: str) -> Arrays:
    """Return arrays with a prefix before their names."""
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def under(arrays: Arrays, prefix: str) -> dict[str, NDArray[Any]]:
    """Return those of the arrays that ``prefixed`` gave this prefix, without it."""
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}
