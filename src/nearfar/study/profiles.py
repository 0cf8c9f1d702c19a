"""What is laid over what before a study is checked: profile, defaults, the cap on epochs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nearfar.errors import UserError, nearest
from nearfar.heads import EXACT
from nearfar.study.overlay import merge

PROFILES = ("full", "quick", "smoke")
_CHANGED_BY_PROFILE = ("limit", "size")
_FIXED_BY_PROFILE = ("study", "metric", "baseline", "published", "claims", "profiles")


def with_profile(
    raw: dict[str, Any], profile: str | None, path: Path
) -> tuple[dict[str, Any], list[str]]:
    """Return the study with a profile laid over it, and the mistakes in its profiles.

    Raises:
        UserError: there is no such profile, or the file was resolved with another one.
    """
    profiles = raw.pop("profiles", None) or {}
    made_with = raw.get("profile")
    chosen = profile or made_with or "full"
    if chosen not in PROFILES:
        raise UserError(f"no profile is called {chosen!r}; {nearest(str(chosen), PROFILES)}")
    if made_with is not None and chosen != made_with:
        raise UserError(f"{path}: was resolved with profile {made_with!r}, asked for {chosen!r}")
    if not isinstance(profiles, dict):
        return {**raw, "profile": chosen}, [f"profiles: needs names and changes, not {profiles!r}"]
    mistakes = []
    for name, patch in profiles.items():
        mistakes += _patch_mistakes(name, patch, raw.get("arms"))
    patch = profiles.get(chosen) or {}
    merged: dict[str, Any] = raw if mistakes else merge(raw, patch)
    return {**merged, "profile": chosen}, mistakes


def _patch_mistakes(name: Any, patch: Any, arms: Any) -> list[str]:
    if name not in PROFILES:
        return [f"profiles: no profile is called {name!r}; {nearest(str(name), PROFILES)}"]
    if patch is None:
        return []
    if not isinstance(patch, dict):
        return [f"profiles.{name}: needs keys and values, not {patch!r}"]
    mistakes = [
        f"profiles.{name}: a profile may not change {key!r}"
        for key in _FIXED_BY_PROFILE
        if key in patch
    ]
    if isinstance(patch.get("data", {}), dict):
        mistakes += [
            f"profiles.{name}: a profile may not change 'data.{key}'"
            for key in patch.get("data", {})
            if key not in _CHANGED_BY_PROFILE
        ]
    else:
        mistakes.append(f"profiles.{name}: a profile may not change 'data'")
    known = {str(arm) for arm in arms} if isinstance(arms, dict) else set()
    if isinstance(patch.get("arms"), dict):
        mistakes += [
            f"profiles.{name}.arms: no arm is called {arm!r}; {nearest(str(arm), known)}"
            for arm in patch["arms"]
            if str(arm) not in known
        ]
    return mistakes


def with_defaults(raw: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the study with ``defaults`` laid under its stages and fits, and their mistakes."""
    defaults = raw.pop("defaults", None) or {}
    if not isinstance(defaults, dict):
        return raw, [f"defaults: takes the keys 'fit' and 'stage', not {defaults!r}"]
    mistakes = [
        f"defaults: unknown key {key!r}; {nearest(str(key), ['fit', 'stage'])}"
        for key in defaults
        if key not in {"fit", "stage"}
    ]
    given = {key: defaults.get(key) or {} for key in ("stage", "fit")}
    for key, base in given.items():
        if not isinstance(base, dict):
            mistakes.append(f"defaults.{key}: needs keys and values, not {base!r}")
    if mistakes:
        return raw, mistakes
    stages, arms = raw.get("stages") or {}, raw.get("arms") or {}
    if given["stage"] and not stages:
        mistakes.append("defaults.stage: there is no stage that it could apply to")
    if isinstance(stages, dict) and stages:
        raw["stages"] = {name: merge(given["stage"], stage) for name, stage in stages.items()}
    if isinstance(arms, dict) and arms:
        raw["arms"] = {name: _with_fit(arm, given["fit"]) for name, arm in arms.items()}
        if given["fit"] and not any(map(_is_trained, arms.values())):
            mistakes.append("defaults.fit: there is no trained fit that it could apply to")
    return raw, mistakes


def _is_trained(arm: Any) -> bool:
    fit = arm.get("fit") if isinstance(arm, dict) else None
    return isinstance(fit, dict) and _head_of(fit) not in EXACT


def _with_fit(arm: Any, base: dict[str, Any]) -> Any:
    return {**arm, "fit": merge(base, arm["fit"])} if _is_trained(arm) else arm


def _head_of(fit: Mapping[str, Any]) -> str:
    return _name_of(fit.get("head", "linear"))


def _name_of(choice: Any) -> str:
    """Return the name in a choice that is not checked yet."""
    return str(next(iter(choice), "")) if isinstance(choice, dict) else str(choice)
