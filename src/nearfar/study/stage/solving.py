"""A fit that is solved: an exact head on features that stay as they are."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save as arrays_to_bytes

from nearfar.encoders import Encoder, FixedEncoder
from nearfar.heads import ExactHead, WeightedHead
from nearfar.records.files import write_atomically
from nearfar.study import models
from nearfar.study.features import features_of_all
from nearfar.study.page_files import keep_features
from nearfar.study.stage.work import Work, ended


@dataclass
class Solving:
    """A fit that is ready to be solved; ``seconds`` are those spent so far.

    ``features`` are float32 (n, d) of all rows, without columns where the head asks for none;
    ``encoder`` is who made them, then None.
    """

    work: Work
    head: ExactHead
    encoder: Encoder | FixedEncoder | None
    features: NDArray[np.float32]
    seconds: float

    @classmethod
    def of(cls, work: Work) -> "Solving":
        """Make the head, and the features that it asks for."""
        spec, begin = work.spec, time.monotonic()
        head = models.exact_head(spec)
        if not head.uses_features:
            return cls(work, head, None, np.zeros((len(work.dataset), 0), np.float32), 0.0)
        encoder = models.stage_encoder(spec, work.rows.inputs, work.store)
        given = work.rows.inputs, work.store, work.device
        values, spared = features_of_all(spec, encoder, *given)
        features = values.cpu().numpy()
        return cls(work, head, encoder, features, time.monotonic() - begin + spared)

    def solve(self) -> float:
        """Fit the head to the training rows; return the seconds that it took."""
        begin, train, seed = time.monotonic(), self.work.split.train, self.work.spec["seed"]
        known = self.features[train], self.work.outputs.solved_targets[train], seed
        weights = self.work.row_weights()
        if weights is None:
            self.head.fit(*known)
        else:
            assert isinstance(self.head, WeightedHead)
            self.head.fit(*known, weights.cpu().numpy()[train])
        return time.monotonic() - begin

    def end(self, seconds: float) -> dict[str, Any]:
        """Keep the head and judge it; return the outcome of the stage."""
        work, begin = self.work, time.monotonic()
        if self.encoder is not None:
            keep_features(work.folder, self.features, work.shown)
        scores = work.outputs.solved_scores(self.head.predict(self.features))
        if not np.isfinite(scores).all():
            return ended("diverged", "its predictions are not finite")
        arrays = {name: np.ascontiguousarray(value) for name, value in self.head.arrays().items()}
        write_atomically(work.folder / "model.safetensors", arrays_to_bytes(arrays))
        result = ended("done", "")
        result["metrics"] = work.evaluate(scores)
        result["seconds"] = round(self.seconds + seconds + time.monotonic() - begin, 3)
        if self.encoder is not None:
            rows = models.FeatureRows(torch.from_numpy(self.features))
            result["metrics"] += work.measured(self.encoder, rows)
        return result
