"""From a file to a resolved study: read, overlay, defaults, trainings, axes, points, cross-check.

All mistakes are collected and reported together, each with what is allowed and the nearest name.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from nearfar.errors import UserError
from nearfar.extensions import use_modules
from nearfar.study.axes import Varied, with_axes
from nearfar.study.checks import differing_splits, parts_unread, unused
from nearfar.study.files import find_study, read_study
from nearfar.study.mistakes import Mistakes
from nearfar.study.points import Valid, points_of, validate
from nearfar.study.profiles import overlaid, with_defaults
from nearfar.study.published import claims_of_baselines, unknown_arms, unknown_axes
from nearfar.study.resolved import Point, Resolved, Scoring, names_of_two, resolved_text
from nearfar.study.rounds import rounds_mistakes, with_rounds
from nearfar.study.trainings import with_trainings

__all__ = ["Point", "Resolved", "Scoring", "load_study", "resolve"]


def load_study(
    name: str,
    profile: str | None = None,
    settings: tuple[str, ...] = (),
    *,
    no_modules: bool = False,
) -> Resolved:
    """Read, resolve and check a study.

    Args:
        name: a shipped study or the path of a study file.
        profile: full, efficient, quick or smoke; by default the one that a resolved file was made
            with, else full.
        settings: ``key=value`` assignments laid over the file.
        no_modules: refuse a study that names modules, which are code, and import none.

    Raises:
        UserError: all mistakes found, a line each.
    """
    path = find_study(name)
    modules = () if no_modules else None
    return resolve(read_study(path), path, profile, settings, modules=modules)


def resolve(
    raw: Mapping[str, Any],
    path: Path,
    profile: str | None = None,
    settings: tuple[str, ...] = (),
    *,
    modules: Collection[str] | None = None,
) -> Resolved:
    """Resolve and check the mapping that was read from a study file (see ``load_study``).

    ``modules`` are those that it may name, None for any. What a run folder holds was not
    necessarily written by who uses it, so its modules are imported only where they were asked for.
    """
    mistakes = Mistakes(path)
    text = overlaid(raw, profile, settings, mistakes)
    named = named_modules(text)
    if modules is not None and (stray := [name for name in named if name not in modules]):
        raise UserError(
            f"{path}: names modules, which are code ({', '.join(stray)}): run imports those"
            " of the study that it is given, without --no-modules, and predict those of a run, with"
            " --modules"
        )
    use_modules(named, path.parent)
    text = with_defaults(text, mistakes)
    mistakes.add(rounds_mistakes(text))
    text = with_trainings(with_rounds(text), mistakes)
    varied = with_axes(text, mistakes)
    grid = points_of(varied)
    valid = validate(grid, varied, mistakes)
    resolved = _whole(valid, varied, path)
    cross_check(valid, resolved, mistakes)
    mistakes.refuse()
    assert resolved is not None
    return resolved


def named_modules(text: Mapping[str, Any]) -> list[str]:
    """Return the modules that a study names, as far as they can be read before it is checked."""
    given = text.get("modules")
    return [name for name in given if isinstance(name, str)] if isinstance(given, list) else []


def _whole(valid: Valid, varied: Varied, path: Path) -> Resolved | None:
    """Return the points as one study; None where there is none that is sound."""
    points, scorings = valid.points, valid.scorings
    if not (points and scorings):
        return None
    text = resolved_text(points, scorings, varied)
    return Resolved(text, points, scorings, path.parent, varied)


def cross_check(valid: Valid, resolved: Resolved | None, mistakes: Mistakes) -> None:
    """Check what only all points together show: names that nothing uses or that are not there."""
    mistakes.add(unused(valid.studies))
    mistakes.add(differing_splits(valid.studies))
    mistakes.add(parts_unread(valid.studies))
    if resolved is None:
        return
    study = resolved.study
    names = {name for point in resolved.points for name in resolved.names(point).values()}
    roles = {name: axis.role for name, axis in study.axes.items()}
    mistakes.add(names_of_two(resolved.points, resolved.names))
    mistakes.add(unknown_arms(study.published, study.claims, names))
    alone = {
        resolved.names(point)[point.study.baseline]
        for point in resolved.points
        if (arm := point.study.arms.get(point.study.baseline)) and arm.against is None
    }
    mistakes.add(claims_of_baselines(study.claims, alone))
    mistakes.add(unknown_axes(study.published, study.claims, roles))
