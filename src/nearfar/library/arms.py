"""The arms of a comparison as a study says them: presets, mappings, objects of a program."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nearfar.errors import UserError, nearest
from nearfar.extensions.registry import Origin, PlugIn, add_process_part
from nearfar.study.given_names import given_name

Plain = dict[str, Any]
Shape = Callable[[], tuple[int, ...] | None]
FIXED = {"molecule": "morgan", "vector": "identity", "image": "identity"}
"""Kind of input → the encoder on whose features estimators are fitted."""


@dataclass
class Chosen:
    """Arms of a study, and which of them are objects of this process alone, by name."""

    arms: Plain = field(default_factory=dict)
    presets: dict[str, str] = field(default_factory=dict)
    own: list[str] = field(default_factory=list)


def chosen_arms(given: Any, base: Plain, kind: str, shape: Shape) -> Chosen:
    """Return the arms that a caller names.

    Args:
        given: name → preset (an arm of ``base``, by name), arm of a study file, scikit-learn
            estimator, or function that makes a ``torch.nn.Module``; or a list of presets.
        base: the study that ``nearfar init`` writes.
        kind: of the inputs: molecule, vector or image.
        shape: returns that of one row, for functions that ask for it; None for molecules.

    Raises:
        UserError: an arm is none of these; says which.
    """
    if isinstance(given, str):
        given = [given]
    if isinstance(given, list | tuple) and all(isinstance(name, str) for name in given):
        given = {name: name for name in given}
    if not isinstance(given, Mapping) or not given:
        raise UserError(
            "arms: needs name → preset, arm of a study, estimator or function, or a list of "
            f"presets, not {given!r}; presets: {', '.join(base['arms'])}"
        )
    chosen = Chosen()
    for name, value in given.items():
        if not isinstance(name, str):
            raise UserError(f"arms: {name!r}: a name is a text")
        try:
            given_name(name)
        except ValueError as error:
            raise UserError(f"arms: {error}") from None
        chosen.arms[name] = _arm(name, value, base, kind, shape, chosen)
    return chosen


def all_classify(given: Any) -> bool:
    """Tell whether all arms that a caller names are classifiers of scikit-learn."""
    from sklearn.base import is_classifier

    arms = [*given.values()] if isinstance(given, Mapping) else []
    return bool(arms) and all(_is_estimator(arm) and is_classifier(arm) for arm in arms)


def _arm(name: str, value: Any, base: Plain, kind: str, shape: Shape, chosen: Chosen) -> Plain:
    if isinstance(value, str):
        if value not in base["arms"]:
            raise UserError(
                f"arms: {name}: no preset is called {value!r}; {nearest(value, base['arms'])}"
            )
        chosen.presets[name] = value
        return {k: v for k, v in copy.deepcopy(base["arms"][value]).items() if k != "against"}
    if isinstance(value, Mapping):
        return dict(copy.deepcopy(dict(value)))
    if _is_estimator(value):
        return _of_estimator(name, value, kind, chosen)
    if _is_module(value):
        raise UserError(
            f"arms: {name}: is one module, which all seeds would go on training: give a function "
            "that makes it anew, lambda: MyModule()"
        )
    if callable(value):
        return _of_function(name, value, base, shape, chosen)
    raise UserError(
        f"arms: {name}: {type(value).__name__} is no arm; allowed: a preset "
        f"({', '.join(base['arms'])}), an arm as in a study file, a scikit-learn estimator, a "
        "function that makes a torch.nn.Module"
    )


def _is_estimator(value: Any) -> bool:
    if isinstance(value, type):
        if hasattr(value, "get_params") and hasattr(value, "predict"):
            raise UserError(f"arms: {value.__name__} is a class: give {value.__name__}()")
        return False
    return all(hasattr(value, name) for name in ("get_params", "fit"))


def _is_module(value: Any) -> bool:
    from torch import nn

    return isinstance(value, nn.Module)


def _of_estimator(name: str, estimator: Any, kind: str, chosen: Chosen) -> Plain:
    """Return the arm of an estimator on features that nothing trains."""
    from nearfar.heads.estimators.stored import check_storable
    from nearfar.library.by_name import check_no_names
    from nearfar.library.described import described
    from nearfar.library.estimators import head_of
    from nearfar.library.fingerprint import fingerprint

    try:
        head, digest = head_of(estimator), fingerprint(estimator)
        check_no_names(estimator)
        if (plain := described(estimator, digest)) is not None:
            return {"fit": {"encoder": FIXED[kind], "head": {"sklearn": plain}}}
        check_storable(estimator)
    except UserError as error:
        raise UserError(f"arms: {name}: {error}") from None
    known = _register("heads", type(estimator), digest, head)
    chosen.own.append(name)
    return {"fit": {"encoder": FIXED[kind], "head": known}}


def _of_function(name: str, make: Any, base: Plain, shape: Shape, chosen: Chosen) -> Plain:
    """Return the arm of a module, trained as the network of ``base`` that is trained end to end."""
    from nearfar.library.modules import encoder_of, fingerprint_of

    try:
        digest = fingerprint_of(make, shape())
    except UserError as error:
        raise UserError(f"arms: {name}: {error}") from None
    except Exception as error:
        first = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"arms: {name}: the function raised {first}") from error
    known = _register("encoders", make, digest, encoder_of(make))
    chosen.own.append(name)
    like = next(
        name
        for name, arm in base["arms"].items()
        if arm["fit"].get("train") == "all" and "pretrain" not in arm
    )
    chosen.presets[name] = like
    return {"fit": {**copy.deepcopy(base["arms"][like]["fit"]), "encoder": known}}


def _register(group: str, thing: Any, digest: str, part: Any) -> str:
    """Make a part known to studies of this process; return the name that it has there."""
    own = str(getattr(thing, "__name__", type(thing).__name__))
    word = "function" if own == "<lambda>" else own
    known = f"python-{word}-{digest}"
    add_process_part(group, known, PlugIn(part, Origin(f"python:{word}", digest)))
    return known


def study_with(base: Plain, chosen: Chosen, baseline: str | None) -> Plain:
    """Return the study ``base`` with other arms, the stages that these need, and a control.

    Raises:
        UserError: no arm is called like the baseline.
    """
    arms = dict(chosen.arms)
    first = next(iter(arms)) if baseline is None else baseline
    if first not in arms:
        raise UserError(f"baseline: no arm is called {first!r}; {nearest(first, arms)}")
    if not any(_head(arm) == "mean" for arm in arms.values()):
        floor = next((name for name, arm in base["arms"].items() if _head(arm) == "mean"), None)
        if floor is not None and floor not in arms:
            arms[floor] = copy.deepcopy(base["arms"][floor])
            chosen.presets[floor] = floor
    used = {arm.get("pretrain") for arm in arms.values() if isinstance(arm.get("pretrain"), str)}
    stages = {name: stage for name, stage in base.get("stages", {}).items() if name in used}
    study = {**base, "arms": arms, "stages": stages, "baseline": first}
    study["profiles"] = {
        name: _patched(patch, chosen, set(stages)) for name, patch in base["profiles"].items()
    }
    return {key: value for key, value in study.items() if stages or key != "stages"}


def _head(arm: Any) -> Any:
    fit = arm.get("fit") if isinstance(arm, Mapping) else None
    return fit.get("head") if isinstance(fit, Mapping) else None


def _patched(patch: Plain, chosen: Chosen, stages: set[str]) -> Plain:
    """Return what a profile changes of the arms that are there."""
    arms = patch.get("arms") or {}
    mine = {
        name: copy.deepcopy(arms[like]) for name, like in chosen.presets.items() if like in arms
    }
    others = {name: stage for name, stage in (patch.get("stages") or {}).items() if name in stages}
    kept = {key: value for key, value in patch.items() if key not in {"arms", "stages"}}
    return {**kept, **({"arms": mine} if mine else {}), **({"stages": others} if others else {})}
