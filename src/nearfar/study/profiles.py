"""What is laid over or under a study before it is checked: profile, settings, defaults."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from nearfar.errors import UserError, nearest, shown
from nearfar.study.left_out import without_left_out
from nearfar.study.mistakes import Mistakes
from nearfar.study.overlay import assignment, merge
from nearfar.study.profile_names import PROFILES
from nearfar.study.trainings import decided_above
from nearfar.study.unchecked import is_trained

_OR_NULL = ("axes", "defaults")
"""Blocks that may be null, which says the same as leaving them out."""
_CHANGED_BY_PROFILE = ("limit", "size")
_FIXED_BY_PROFILE = ("study", "metric", "baseline", "published", "claims", "profiles")


def overlaid(
    raw: Mapping[str, Any], profile: str | None, settings: Sequence[str], mistakes: Mistakes
) -> dict[str, Any]:
    """Return the study with a profile and then ``key=value`` settings laid over it.

    Raises:
        UserError: there is no such profile, the file was resolved with another one, or a setting
            cannot be read, or its key is set twice.
    """
    text = _with_profile(raw, profile, mistakes)
    for key, count in Counter(setting.partition("=")[0] for setting in settings).items():
        if count > 1:
            raise UserError(f"--set {key}: is given {count} times; give it once")
    for setting in settings:
        text = _laid_over(text, assignment(setting))
    return {key: block for key, block in text.items() if key not in _OR_NULL or block is not None}


def _with_profile(
    raw: Mapping[str, Any], profile: str | None, mistakes: Mistakes
) -> dict[str, Any]:
    profiles, made_with = raw.get("profiles"), raw.get("profile")
    profiles = {} if profiles is None else profiles
    chosen = profile or made_with or "full"
    if chosen not in PROFILES:
        raise UserError(f"no profile is called {shown(chosen)}; {nearest(str(chosen), PROFILES)}")
    if made_with is not None and chosen != made_with:
        path = mistakes.path
        raise UserError(
            f"{path}: was resolved with profile {shown(made_with)}, asked for {shown(chosen)}"
        )
    if chosen == "efficient" and made_with is None and chosen not in profiles:
        raise UserError(f"{mistakes.path}: has no profile 'efficient'; studies of images have one")
    text = {key: value for key, value in raw.items() if key != "profiles"}
    if not isinstance(profiles, dict):
        mistakes.add([f"profiles: needs names and changes, not {shown(profiles)}"])
        return {**text, "profile": chosen}
    wrong = [
        line
        for name, patch in profiles.items()
        for line in _patch_mistakes(name, patch, raw.get("arms"))
    ]
    mistakes.add(wrong)
    merged = text if wrong else _laid_over(text, profiles.get(chosen) or {})
    return {**merged, "profile": chosen}


def _laid_over(text: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    return without_left_out(merge(decided_above(text, patch), patch), patch)


def _patch_mistakes(name: Any, patch: Any, arms: Any) -> list[str]:
    if name not in PROFILES:
        return [f"profiles: no profile is called {shown(name)}; {nearest(str(name), PROFILES)}"]
    if patch is None:
        return []
    if not isinstance(patch, dict):
        return [f"profiles.{name}: needs keys and values, not {shown(patch)}"]
    mistakes = [
        f"profiles.{name}: a profile may not change {shown(key)}"
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
            f"profiles.{name}.arms: no arm is called {shown(arm)}; {nearest(str(arm), known)}"
            for arm in patch["arms"]
            if str(arm) not in known
        ]
    return mistakes


def with_defaults(text: Mapping[str, Any], mistakes: Mistakes) -> dict[str, Any]:
    """Return the study with ``defaults`` laid under its stages and fits."""
    defaults = text.get("defaults", {})
    text = {key: value for key, value in text.items() if key != "defaults"}
    wrong = _default_mistakes(defaults)
    mistakes.add(wrong)
    if wrong:
        return text
    stage, fit = (defaults.get(key) or {} for key in ("stage", "fit"))
    stages, arms = text.get("stages") or {}, text.get("arms") or {}
    if stage and not stages:
        mistakes.add(["defaults.stage: there is no stage that it could apply to"])
    if isinstance(stages, dict) and stages:
        text["stages"] = {name: merge(stage, block) for name, block in stages.items()}
    if isinstance(arms, dict) and arms:
        text["arms"] = {name: _with_fit(arm, fit) for name, arm in arms.items()}
        if fit and not any(map(is_trained, arms.values())):
            mistakes.add(["defaults.fit: there is no trained fit that it could apply to"])
    return text


def _default_mistakes(defaults: Any) -> list[str]:
    if not isinstance(defaults, dict):
        return [f"defaults: takes the keys 'fit' and 'stage', not {shown(defaults)}"]
    unknown = [
        f"defaults: unknown key {shown(key)}; {nearest(str(key), ['fit', 'stage'])}"
        for key in defaults
        if key not in {"fit", "stage"}
    ]
    return unknown + [
        f"defaults.{key}: needs keys and values, not {shown(defaults[key])}"
        for key in ("stage", "fit")
        if defaults.get(key) is not None and not isinstance(defaults[key], dict)
    ]


def _with_fit(arm: Any, base: dict[str, Any]) -> Any:
    return {**arm, "fit": merge(base, arm["fit"])} if is_trained(arm) else arm
