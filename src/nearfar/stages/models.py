"""From a stage's specification to modules, and from its folder back to them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from nearfar.data.augment import MIXTURES, VIEWS, CMixup, build_views, view_of
from nearfar.data.inputs.joined import Joined, without_columns
from nearfar.encoders import ENCODERS, Encoder, FixedEncoder, build_encoder
from nearfar.encoders.joined import SideBySide, part_features
from nearfar.encoders.with_columns import joined_encoder
from nearfar.heads import NETWORKS, READOUTS, ExactHead, solved_head
from nearfar.losses import DISTRIBUTION_LOSSES, LOSSES, elementwise
from nearfar.objectives import Predictor, in_chunks
from nearfar.plan.specs import (
    EncodedSpec,
    FitSpec,
    Input,
    Named,
    PretrainSpec,
    ScoreSpec,
    SolveSpec,
    StageSpec,
    encoder_of,
    has_encoder,
    spec_of,
    start_of,
)
from nearfar.records.stages import StageStore

START_ROWS = 2048
"""Training rows that an encoder sees which starts from some."""


class Features(nn.Module):
    """Stands in for an encoder where its features are already computed."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out_features = width

    def forward(self, batch: Tensor) -> Tensor:
        """Return the features as they are."""
        return batch


class FeatureRows:
    """Features (n, d) of all rows in the place of inputs."""

    def __init__(self, values: Tensor) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def select(self, index: Tensor) -> Tensor:
        """Return the features of the rows ``index``."""
        return self.values.index_select(0, index)


class AugmentedRows:
    """Rows that are never shown as they are."""

    def __init__(self, inputs: Any, augment: Callable[[Any], Any]) -> None:
        self.inputs, self.augment = inputs, augment

    def select(self, index: Tensor) -> Any:
        """Return a view of the rows ``index``."""
        return view_of(self.augment, self.inputs.select(index), index)


def views_of(spec: PretrainSpec | FitSpec) -> Callable[[Any], Any] | None:
    """Return what makes a view of a batch, None where rows are shown as they are."""
    steps = [(step.name, dict(step.options)) for step in spec.augment if step.name in VIEWS]
    return build_views(steps) if steps else None


def mixing_of(spec: PretrainSpec | FitSpec) -> CMixup | None:
    """Return what mixes the rows of a batch with each other, None where nothing does."""
    for step in spec.augment:
        if step.name in MIXTURES:
            mixing: CMixup = MIXTURES[step.name](**step.options)
            return mixing
    return None


def mixes_features(mixing: CMixup | None, inputs: Any) -> bool:
    """Whether features are mixed in the place of inputs: graphs of molecules cannot be."""
    if mixing is None:
        return False
    return mixing.at == "features" or (mixing.at is None and inputs.kind == "molecule")


def fresh_encoder(named: Named, inputs: Any, seed: int) -> Encoder | FixedEncoder:
    """Make the encoder of a specification with the weights that ``seed`` gives.

    Of inputs with columns beside them it is the one of the molecules or images alone.
    """
    torch.manual_seed(seed)
    return build_encoder(named.name, named.options, without_columns(inputs))


def spread(rows: Tensor, most: int) -> Tensor:
    """Return ``most`` of the rows, evenly spread, or all if there are not so many."""
    if len(rows) <= most:
        return rows
    return rows[torch.arange(most, device=rows.device) * len(rows) // most]


def start(encoder: Encoder, inputs: Any, train: Tensor) -> None:
    """Show some of the rows ``train`` (n,) to an encoder that starts from them.

    Only who is about to train it does so: an untrained encoder has seen nothing.
    """
    start_from = getattr(encoder, "start_from", None)
    if start_from is not None:
        start_from(inputs.select(spread(train, START_ROWS)))


def companion_of(named: Named, inputs: Any) -> str:
    """Name the fixed encoder whose features an encoder wants beside ``inputs``, or none."""
    kind = ENCODERS[named.name]
    return kind.wants(inputs, named.options) if issubclass(kind, Encoder) else ""


def prepared_inputs(
    spec: EncodedSpec,
    inputs: Any,
    store: StageStore,
    make: Callable[[str, FixedEncoder], NDArray[np.float32]] | None = None,
) -> Any:
    """Return ``inputs`` with the features of a fixed encoder beside them, if theirs wants them.

    ``make`` gives these features, of an encoder by its name; without it they are computed.
    """
    if not has_encoder(spec):
        return inputs
    if isinstance(inputs, Joined):
        return inputs.having(prepared_inputs(spec, inputs.inputs, store, make))
    companion = companion_of(encoder_of(spec, store)[0], inputs)
    if not companion:
        return inputs
    beside = build_encoder(companion, {}, inputs)
    assert isinstance(beside, FixedEncoder)
    values = beside.features(inputs) if make is None else make(companion, beside)
    return inputs.with_descriptors(torch.from_numpy(values))


def stage_encoder(spec: EncodedSpec, inputs: Any, store: StageStore) -> Encoder | FixedEncoder:
    """Return the encoder that a stage starts from: fresh, or as another stage left it."""
    start, (named, seed) = start_of(spec), encoder_of(spec, store)
    encoder = fresh_encoder(named, inputs, seed)
    if start is not None:
        assert isinstance(encoder, Encoder)
        load_start(encoder, start, store)
    return joined_encoder(encoder, inputs)


def load_start(encoder: Encoder, start: Input, store: StageStore) -> None:
    """Give an encoder the weights that another stage left it."""
    epoch = start.epoch
    name = "model.safetensors" if epoch is None else f"epoch-{epoch}.safetensors"
    weights = load_file(store.verified(start.stage, name))
    if isinstance(spec_of(start.stage, store), FitSpec):
        weights = encoder_part(weights)
    encoder.load_state_dict(weights)


def encoder_part(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the encoder's weights among those of an objective or a predictor.

    Those of an encoder whose features have columns beside them lie one step deeper.
    """
    found = _below("encoder.", weights)
    joined = bool(found) and all(name.startswith("alone.") for name in found)
    return _below("alone.", found) if joined else found


def _below(mine: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(mine): v for k, v in weights.items() if k.startswith(mine)}


def build_predictor(
    spec: FitSpec, encoder: nn.Module, outputs: int | tuple[int, int, int]
) -> Predictor:
    """Make the predictor of a trained fit around ``encoder``."""
    torch.manual_seed(spec.seed)
    kind, options = READOUTS[spec.readout.name], spec.readout.options
    readout = kind(outputs, **options) if isinstance(outputs, int) else kind()
    companion = readout.outputs if isinstance(outputs, int) else outputs
    network: Any = NETWORKS[spec.head.name]
    head = network(int(encoder.out_features), companion, **spec.head.options)  # type: ignore[arg-type]
    losses: dict[str, Any] = {
        name: loss for found in LOSSES.values() for name, loss in found.items()
    }
    classifies = spec.loss in LOSSES["classification"] and not readout.losses
    loss: Any = (DISTRIBUTION_LOSSES if readout.losses else losses)[spec.loss]
    each: Any = elementwise(spec.loss, classes=classifies)
    if spec.label_smoothing is not None:
        loss = partial(loss, label_smoothing=spec.label_smoothing)
        each = partial(each, label_smoothing=spec.label_smoothing) if each else None
    predictor = Predictor(
        encoder,
        head,
        loss,
        trained=spec.trained,
        batch_norm=spec.batch_norm,
        encoder_lr=spec.encoder_lr,
        layer_decay=1.0 if spec.layer_decay is None else spec.layer_decay,
        classifies=classifies,
        elementwise=each,
        readout=readout,
    )
    predictor.weighted = spec.weights is not None
    return predictor


def exact_head(spec: SolveSpec) -> ExactHead:
    """Make the solved head of a fit, not yet fitted."""
    head: ExactHead = solved_head(spec.head.name, spec.head.options)
    return head


def features_of(encoder: Encoder | FixedEncoder, inputs: Any, device: torch.device) -> Tensor:
    """Return the features of all rows, float32 (n, d), with the encoder in evaluation mode."""
    if isinstance(encoder, SideBySide):
        parts = [part_features(part, inputs, device) for part in encoder.parts]
        return torch.from_numpy(np.concatenate(parts, axis=1)).to(device)
    if isinstance(encoder, FixedEncoder):
        return torch.from_numpy(encoder.features(inputs)).to(device)
    rows = torch.arange(len(inputs), device=device)
    return in_chunks(encoder.to(device), inputs, rows)


def mixed_units(spec: StageSpec, inputs: Any) -> bool:
    """Whether the features of a fit are columns in units of their own, which nothing trained."""
    if isinstance(spec, ScoreSpec) or spec.encoder is None:
        return False
    encoder = fresh_encoder(spec.encoder, inputs, spec.seed)
    mixed = isinstance(inputs, Joined)
    return isinstance(encoder, FixedEncoder) and (encoder.mixed_units or mixed)
