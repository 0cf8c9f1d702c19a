"""More arms or seeds extend a run; a study that differs in what its numbers mean is another one."""

from typing import Any

from nearfar.errors import UserError, nearest, shown
from nearfar.records.conditions import pairs_of
from nearfar.study.axes import CONDITIONED, SCORED
from nearfar.study.placeholders import placeholders
from nearfar.study.resolved import arm_of
from nearfar.study.rounds import KEY, MOST, joined_rounds

Plain = dict[str, Any]

MAY_CHANGE = frozenset({"track", "title", "question", "minutes", KEY})
"""Keys of a study that change no number and no verdict of its run."""


class OtherStudyError(UserError):
    """A run was made with another study; says where the two differ."""


def prune(study: Plain, arms: list[str] | None) -> Plain:
    """Return the study with these arms and what they stand on: baselines, stages, axes.

    Published numbers and claims stay where all their arms and the axes of their conditions do.

    Raises:
        UserError: an arm is not in the study.
    """
    if arms is None:
        return study
    kept = set(arms)
    for arm in arms:
        if arm not in study["arms"]:
            raise UserError(f"no arm is called {shown(arm)}; {nearest(arm, study['arms'])}")
    kept.add(study["baseline"])
    while more := {study["arms"][arm].get("against") for arm in kept} - kept - {None}:
        kept |= more
    chosen = {name: arm for name, arm in study["arms"].items() if name in kept}
    starts = [_stages_of(arm.get("pretrain"), study["axes"]) for arm in chosen.values()]
    stages = {
        name: stage for name, stage in study["stages"].items() if name in set().union(*starts)
    }
    used = placeholders([chosen, stages, *(study.get(block) for block in (*CONDITIONED, SCORED))])
    axes = {
        name: axis
        for name, axis in study["axes"].items()
        if axis["role"] == "repeat" or name in used
    }
    targets = {arm["fit"].get("target") for arm in chosen.values()}

    def stays(named: str | None) -> bool:
        return named is None or arm_of(named, study["arms"]) in kept

    def placed(condition: str | None) -> bool:
        return set(pairs_of(condition or "")) <= set(axes)

    if not any(axis["role"] == "choose" for axis in axes.values()):
        study = {key: value for key, value in study.items() if key != "search"}
    return {
        **study,
        "arms": chosen,
        "stages": stages,
        "axes": axes,
        "targets": {name: block for name, block in study["targets"].items() if name in targets},
        "published": [
            entry
            for entry in study["published"]
            if stays(entry["arm"]) and placed(entry["condition"])
        ],
        "claims": [
            claim
            for claim in study["claims"]
            if all(map(stays, [*claim["arms"], claim.get("against")]))
            and placed(claim["condition"])
        ],
    }


def _stages_of(pretrain: Any, axes: Plain) -> set[str]:
    """Return the stages that an arm starts from at any value of the axes."""
    if isinstance(pretrain, dict):
        return _stages_of(pretrain.get("stage"), axes)
    names = placeholders(pretrain)
    if not names:
        return {pretrain} - {None}
    values = axes[names.pop()]["values"]
    listed = values.values() if isinstance(values, dict) else values
    return set().union(*(_stages_of(value, axes) for value in listed))


def seeds_of(study: Plain) -> list[int]:
    """Return the values of the repeat axis of a resolved study; one seed, 0, without one."""
    for axis in study["axes"].values():
        if axis["role"] == "repeat":
            values = axis["values"]
            if isinstance(values, int):
                return list(range(values))
            return list(values.values() if isinstance(values, dict) else values)
    return [0]


def with_seeds(study: Plain, seeds: list[int]) -> Plain:
    """Return the study with these values of its repeat axis."""
    plain = len(seeds) if seeds == list(range(len(seeds))) else seeds
    axes = {name: axis for name, axis in study["axes"].items() if axis["role"] != "repeat"}
    return {**study, "axes": {**axes, "seed": {"role": "repeat", "values": plain}}}


def in_rounds(study: Plain) -> Plain:
    """Return a resolved study that begins with one round, whatever number of seeds it had."""
    return {**with_seeds(study, list(range(MOST))), KEY: 1}


def extend(before: Plain | None, asked: Plain, arms: list[str] | None) -> Plain:
    """Return the study of a run folder after a new request.

    Args:
        before: the resolved study that the folder holds, None if it is new.
        asked: the resolved study asked for, with all its arms and the seeds wanted.
        arms: the arms asked for, None for all.

    Raises:
        OtherStudyError: the two differ in more than arms and seeds; shows where.
    """
    if before is None:
        return with_seeds(prune(asked, arms), seeds_of(asked))
    rounds = joined_rounds(before, asked)
    asked = asked if rounds is None else {**asked, KEY: rounds}
    known = [arm for arm in before["arms"] if arm in asked["arms"]]
    kept_arms = None if arms is None else list(dict.fromkeys([*known, *arms]))
    seeds = sorted({*seeds_of(before), *seeds_of(asked)})
    same = with_seeds(prune(asked, known), seeds_of(before))
    differences = _differences(_decided(with_seeds(before, seeds_of(before))), _decided(same))
    if differences:
        shown = "; ".join(differences[:3]) + ("; …" if len(differences) > 3 else "")
        raise OtherStudyError(f"this run was made with another study ({shown})")
    return with_seeds(prune(asked, kept_arms), seeds)


def unite(ours: Plain, theirs: Plain) -> Plain:
    """Return the study with the arms and seeds of two run folders, those of ``ours`` first.

    Where data and modules lie may differ: that is another place on another machine.

    Raises:
        UserError: the two differ in more than arms and seeds; shows where.
    """
    both = [arm for arm in ours["arms"] if arm in theirs["arms"]]
    mine, others = (
        _decided(_placeless(with_seeds(prune(study, both), [0]))) for study in (ours, theirs)
    )
    differences = _differences(mine, others)
    if differences:
        shown = "; ".join(differences[:3]) + ("; …" if len(differences) > 3 else "")
        raise UserError(f"the two were made with different studies ({shown})")
    named = ("arms", "stages", "axes", "targets")
    united = {**theirs, **ours, **{key: {**theirs[key], **ours[key]} for key in named}}
    united["arms"] = {**ours["arms"], **{a: united["arms"][a] for a in theirs["arms"]}}
    for key in ("published", "claims"):
        united[key] = [*ours[key], *(entry for entry in theirs[key] if entry not in ours[key])]
    rounds = joined_rounds(ours, theirs)
    united = united if rounds is None else {**united, KEY: rounds}
    return with_seeds(united, sorted({*seeds_of(ours), *seeds_of(theirs)}))


def _placeless(study: Plain) -> Plain:
    """Return the study without where its data and modules lie."""
    data = {key: value for key, value in study["data"].items() if key not in {"path", "mapping"}}
    return {**{key: value for key, value in study.items() if key != "modules"}, "data": data}


def _decided(study: Plain) -> Plain:
    """Return the study without what may change: what it is called, who is told, how many rounds.

    The order of classes counts.
    """
    targets = {name: list(classes.items()) for name, classes in study["targets"].items()}
    kept = {key: value for key, value in study.items() if key not in MAY_CHANGE}
    return {**kept, "targets": targets}


def _differences(before: Any, now: Any, where: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        found = []
        for key in [*before, *(key for key in now if key not in before)]:
            place = f"{where}.{key}" if where else str(key)
            if key not in now:
                found.append(f"{place}: was {_short(before[key])}, now absent")
            elif key not in before:
                found.append(f"{place}: was absent, now {_short(now[key])}")
            else:
                found += _differences(before[key], now[key], place)
        return found
    if before == now:
        return []
    return [f"{where}: was {_short(before)}, now {_short(now)}"]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "…"
