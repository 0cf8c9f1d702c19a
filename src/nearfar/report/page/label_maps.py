"""The data set's own classes and the class maps of the study: what a point may be coloured by."""

from collections.abc import Sequence
from typing import Any

from nearfar.report.load import Run
from nearfar.report.page.rows import ArmPredictions


def label_maps(run: Run, predicted: Sequence[ArmPredictions]) -> list[dict[str, Any]]:
    """``{name, classes, of}`` for the own classes first, then for every other target of an arm.

    ``of[i]`` is the number that own class i has there, None where it is left out; it is read from
    the truths of an arm that predicts the target. Empty where numbers are predicted.
    """
    own = [str(name) for name in run.summary.get("classes") or []]
    if not own:
        return []
    names = [arm.target for arm in predicted if arm.classes == own]
    found = [{"name": (names or [""])[0], "classes": own, "of": list(range(len(own)))}]
    number = dict(zip(run.samples.ids, run.samples.classes, strict=False))
    for arm in predicted:
        if arm.classes in (own, []) or arm.target in [entry["name"] for entry in found]:
            continue
        of: list[int | None] = [None] * len(own)
        for read in arm.by_seed.values():
            for row, truth in read.truth.items():
                if row in number:
                    of[number[row]] = int(truth)
        found.append({"name": arm.target, "classes": arm.classes, "of": of})
    return found
