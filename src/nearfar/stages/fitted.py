"""A finished fit that can predict: its preparation, encoder and head, with their weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file as load_arrays
from safetensors.torch import load_file
from torch import Tensor, nn

from nearfar.data import Preparation, TargetScaler
from nearfar.data.inputs.embedded import embedded, parted
from nearfar.data.inputs.joined import Joined
from nearfar.encoders import ENCODERS, Encoder, FixedEncoder, build_encoder
from nearfar.encoders.joined import SideBySide, named_parts
from nearfar.encoders.with_columns import JoinedEncoder, JoinedFixed, joined_encoder
from nearfar.errors import UserError
from nearfar.heads import HEADS, restored_head
from nearfar.objectives import Predictor, in_chunks
from nearfar.plan.specs import (
    FitSpec,
    Named,
    SolveSpec,
    encoder_of,
    has_encoder,
    spec_of,
    start_of,
)
from nearfar.records.stages import StageStore
from nearfar.stages import models
from nearfar.stages.prepare import prepared_by, read_preparation
from nearfar.stages.targets import Classes, Labels, Outputs, kept_outputs, probabilities

Weights = dict[str, Tensor]
ROWS = 1024
"""Rows at a time, unless others are asked for."""

_ENCODER, _PREDICTOR, _SOLVED = "encoder.", "predictor.", "solved."


@dataclass
class Fitted:
    """A finished fit.

    ``named`` is its encoder as a study says it, None where it has none; ``outcome`` says what it
    puts out: ``classes`` or ``labels``, their names, or a ``scaler``. One of ``predictor``
    (trained by gradient) and ``head`` (solved) is there.
    """

    spec: FitSpec | SolveSpec
    named: Named | None
    outcome: Mapping[str, Any]
    preparation: Preparation | None
    encoder: Encoder | FixedEncoder | None
    predictor: Predictor | None = None
    head: Any = None

    @classmethod
    def fresh(
        cls,
        spec: FitSpec | SolveSpec,
        named: Named | None,
        outcome: Mapping[str, Any],
        preparation: Preparation | None,
        like: Any,
        seed: int,
    ) -> Self:
        """Make the parts of a fit without their weights; ``like`` are inputs to read sizes from.

        Raises:
            UserError: it has a part that is not known here.
        """
        _check_parts(spec, named)
        encoder: Encoder | FixedEncoder | None = None
        if named is not None:
            prepared = beside(named, prepared_by(preparation, like))
            encoder = joined_encoder(models.fresh_encoder(named, prepared, seed), prepared)
        found = cls(spec, named, outcome, preparation, encoder)
        if isinstance(spec, FitSpec):
            assert encoder is not None
            part: Any = encoder
            if spec.caches_features or isinstance(encoder, FixedEncoder):
                part = models.Features(encoder.out_features)
            found.predictor = models.build_predictor(spec, part, kept_outputs(outcome)[1])
        return found

    @classmethod
    def of_stage(cls, stage_hash: str, store: StageStore, like: Any) -> Self:
        """Read a finished fit of a run."""
        spec, folder = spec_of(stage_hash, store), store.folder(stage_hash)
        assert isinstance(spec, FitSpec | SolveSpec)
        named, seed = encoder_of(spec, store) if has_encoder(spec) else (None, spec.seed)
        outcome = store.read(stage_hash)["outcome"]
        found = cls.fresh(spec, named, outcome, read_preparation(folder), like, seed)
        start, encoder = start_of(spec), found.encoder
        if isinstance(encoder, Encoder) and start is not None:
            alone = encoder.alone if isinstance(encoder, JoinedEncoder) else encoder
            models.load_start(alone, start, store)
        weights = store.verified(stage_hash, "model.safetensors")
        if found.predictor is not None:
            found.predictor.load_state_dict(load_file(weights))
        else:
            found.solve_from(load_arrays(weights))
        return found

    def solve_from(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take the solved head that left these arrays."""
        assert isinstance(self.spec, SolveSpec)
        self.head = restored_head(type(models.exact_head(self.spec)), arrays)

    def weights(self) -> Weights:
        """Return all weights and arrays by name, the encoder's once."""
        found: Weights = {}
        for mark, module in networks_of(self.encoder).items():
            found |= {_ENCODER + mark + k: v for k, v in module.state_dict().items()}
        if self.predictor is not None:
            mine = self.predictor.state_dict().items()
            found |= {_PREDICTOR + k: v for k, v in mine if not k.startswith(_ENCODER)}
        else:
            arrays = self.head.arrays().items()
            found |= {_SOLVED + k: torch.from_numpy(np.array(v)) for k, v in arrays}
        return {name: value.detach().cpu().contiguous() for name, value in found.items()}

    def load_weights(self, weights: Weights) -> None:
        """Take what ``weights`` gave."""

        def part(mark: str) -> Weights:
            return {k.removeprefix(mark): v for k, v in weights.items() if k.startswith(mark)}

        for mark, module in networks_of(self.encoder).items():
            module.load_state_dict(part(_ENCODER + mark))
        if self.predictor is not None:
            own = self.predictor.encoder.state_dict().items()
            there = {_ENCODER + k: v for k, v in own}
            self.predictor.load_state_dict({**there, **part(_PREDICTOR)})
        else:
            self.solve_from({k: v.numpy() for k, v in part(_SOLVED).items()})

    def to(self, device: torch.device | str) -> Self:
        """Move what has weights to a device; return itself."""
        for module in (self.encoder, self.predictor):
            if isinstance(module, nn.Module):
                module.to(device)
        return self

    def prepared(self, inputs: Any) -> Any:
        """Return inputs as the encoder takes them: numbers, with descriptors where it wants them.

        Raises:
            UserError: a column is not there, or of another kind.
        """
        if self.named is None:
            return inputs
        inputs, embeddings = parted(inputs)
        return embedded(beside(self.named, prepared_by(self.preparation, inputs)), embeddings)

    def features(
        self, inputs: Any, device: torch.device | str = "cpu", batch: int = ROWS
    ) -> NDArray[np.float32]:
        """Return the features of inputs, float32 (n, d); without columns where it has no encoder.

        ``batch`` rows at a time, on ``device``.
        """
        if self.encoder is None:
            return np.zeros((len(inputs), 0), np.float32)
        prepared = self.prepared(inputs)
        if isinstance(self.encoder, FixedEncoder):
            return self.encoder.features(prepared)
        rows = torch.arange(len(prepared), device=device)
        found = in_chunks(self.encoder.to(device), prepared.to(device), rows, batch)
        return np.asarray(found.cpu().numpy())

    @property
    def features_key(self) -> tuple[str, str] | None:
        """What is equal for fits whose features are the same; None where weights make them."""
        if not isinstance(self.encoder, FixedEncoder) or self.named is None:
            return None
        if networks_of(self.encoder):
            return None
        prepared = "" if self.preparation is None else self.preparation.key
        return json.dumps(self.named.to_plain(), sort_keys=True), prepared

    @property
    def puts_out(self) -> type[Outputs]:
        """What its scores are."""
        return kept_outputs(self.outcome)[0]

    def scores(
        self,
        features: NDArray[np.float32],
        device: torch.device | str = "cpu",
        batch: int = ROWS,
    ) -> NDArray[np.float64]:
        """Return scores as ``stages/targets.py`` has them, of features (n, d)."""
        outputs = self.puts_out
        if self.predictor is None:
            return np.asarray(outputs.solved_scores(self.head.predict(features)))
        predictor = self.predictor.to(device)
        rows = models.FeatureRows(torch.from_numpy(features).to(device))
        index = torch.arange(len(features), device=device)
        return outputs.scores(in_chunks(predictor, rows, index, batch, predictor.of_features))

    def values(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return predictions (n, k) of scores: in the targets' own units, or probabilities."""
        if self.puts_out is Classes:
            return np.asarray(np.exp(scores))
        if self.puts_out is Labels:
            return probabilities(scores)
        return TargetScaler.from_plain(self.outcome["scaler"]).inverse(scores)


def beside(named: Named, inputs: Any) -> Any:
    """Return ``inputs`` with the features of a fixed encoder beside them, if ``named`` wants it."""
    if isinstance(inputs, Joined):
        return inputs.having(beside(named, inputs.inputs))
    companion = models.companion_of(named, inputs)
    if not companion:
        return inputs
    fixed = build_encoder(companion, {}, inputs)
    assert isinstance(fixed, FixedEncoder)
    return inputs.with_descriptors(torch.from_numpy(fixed.features(inputs)))


def networks_of(encoder: Encoder | FixedEncoder | None) -> dict[str, nn.Module]:
    """Return the modules with weights that an encoder is or has, by what their names begin with."""
    if isinstance(encoder, nn.Module):
        return {"": encoder}
    if isinstance(encoder, JoinedFixed):
        return networks_of(encoder.alone)
    if isinstance(encoder, SideBySide):
        parts = enumerate(encoder.parts)
        return {f"{number}.": part for number, part in parts if isinstance(part, nn.Module)}
    return {}


def _check_parts(spec: FitSpec | SolveSpec, named: Named | None) -> None:
    """Refuse parts that are not there: of a program in Python, or of what is not installed."""
    encoders = [] if named is None else [named.name]
    if named is not None and named.name == "joined":
        encoders += [name for name, _ in named_parts(named.options["parts"])]
    asked = [(ENCODERS, name) for name in encoders] + [(HEADS, spec.head.name)]
    for registry, name in asked:
        if name in registry:
            continue
        if name.startswith("python-"):
            raise UserError(
                f"{registry.noun} {name} was made in a Python program, which alone can load it: "
                "put it into a module that the study names (docs/extending.md)"
            )
        raise UserError(
            f"{registry.noun} {name!r} is not known here: the package or module that brings it is "
            "not installed"
        )
