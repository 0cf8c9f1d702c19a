"""Public docstrings of the reference say what can be raised, and of which shape things are."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

import nearfar
from nearfar import losses
from nearfar import sklearn as estimators

SILENT = {"get_feature_names_out", "_repr_html_", "to_markdown", "to_latex"}
"""Methods that refuse nothing."""
METHODS = ("fit", "transform", "predict", "predict_proba", "predict_log_proba", "save")


def _methods(kind: type) -> Iterator[tuple[str, Any]]:
    for name, method in vars(kind).items():
        if isinstance(method, classmethod):
            method = method.__func__
        if inspect.isfunction(method) and not name.startswith("_") and name not in SILENT:
            yield f"{kind.__name__}.{name}", method


def _public() -> Iterator[tuple[str, Any]]:
    for name in nearfar.__all__:
        thing = getattr(nearfar, name)
        if inspect.isfunction(thing):
            yield name, thing
        elif inspect.isclass(thing) and thing is not nearfar.UserError:
            yield from _methods(thing)


@pytest.mark.parametrize(("name", "thing"), list(_public()))
def test_a_public_function_says_what_it_raises(name: str, thing: Any) -> None:
    assert "Raises:" in (inspect.getdoc(thing) or ""), name


@pytest.mark.parametrize("name", [n for n in estimators.__all__ if n != "load"])
def test_an_estimator_says_shapes_and_what_it_raises(name: str) -> None:
    for method in METHODS:
        text = inspect.getdoc(getattr(getattr(estimators, name), method, None)) or ""
        if hasattr(getattr(estimators, name), method):
            assert "Raises:" in text, method
            assert method == "save" or "(n" in text, method


@pytest.mark.parametrize("name", losses.__all__)
def test_a_loss_says_shapes(name: str) -> None:
    thing = getattr(losses, name)
    if callable(thing) and getattr(thing, "__module__", "").startswith("nearfar"):
        text = inspect.getdoc(thing) or ""
        text += inspect.getdoc(thing.forward) or "" if inspect.isclass(thing) else ""
        assert "(n" in text or "(..." in text, name
