"""A finished fit judged otherwise: on other test rows, or on corrupted ones."""

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nearfar.data.corruptions import corrupt
from nearfar.records.stages import write_rows
from nearfar.stages import models
from nearfar.stages.context import Work, ended
from nearfar.stages.representation import measures


def judge(work: Work) -> dict[str, Any]:
    """Judge a finished fit on the test rows as the stage's block ``test`` says."""
    spec, begin = work.spec, time.monotonic()
    address, test = spec["input"]["stage"], spec["test"]
    before = work.store.read(address)["outcome"]
    if before["status"] != "done":
        return ended("diverged", f"its fit diverged: {before['reason']}")
    tested = work.split.test
    inputs = work.dataset.inputs.take(torch.from_numpy(tested))
    if "corruption" in test:
        inputs = corrupt(inputs, test["corruption"], test["severity"], spec["seed"])
    predict, features = models.restored(address, work.store, inputs, work.device)
    found = predict(inputs.to(work.device))
    if not np.isfinite(found).all():
        return ended("diverged", "its predictions are not finite")
    scores = np.zeros((len(work.dataset), found.shape[1]))
    scores[tested] = found
    lines = work.outputs.lines(scores, ["test"])
    write_rows(work.folder / "predictions.csv", work.outputs.header, lines)
    result = ended("done", "")
    result["metrics"] = work.outputs.metrics(scores, ["test"])
    result["seconds"] = round(time.monotonic() - begin, 3)

    def features_of(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        places = torch.from_numpy(np.searchsorted(tested, rows))
        return features(inputs.take(places).to(work.device))

    standardise = models.mixed_units(work.store.read(address)["spec"], inputs)
    result["metrics"] += measures(work.outputs, tested, features_of, standardise=standardise)
    return result
