"""From a stage's specification to modules, and from its folder back to them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file as load_arrays
from safetensors.torch import load_file
from torch import Tensor, nn

from nearfar.data.augment import build_views
from nearfar.encoders import ENCODERS, Encoder, FixedEncoder, build_encoder
from nearfar.heads import EXACT, NETWORKS, READOUTS, ExactHead
from nearfar.losses import DISTRIBUTION_LOSSES, ELEMENTWISE_LOSSES, LOSSES
from nearfar.objectives import Predictor, in_chunks
from nearfar.plan.specs import Spec, chosen, encoder_block, has_encoder
from nearfar.records.stages import StageStore
from nearfar.stages.targets import kept_outputs


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
        return self.augment(self.inputs.select(index))


def views_of(spec: Spec) -> Callable[[Any], Any] | None:
    """Return what makes a view of a batch, None where rows are shown as they are."""
    steps = spec.get("augment")
    return build_views([chosen(step) for step in steps]) if steps else None


def features_are_cached(spec: Spec) -> bool:
    """Whether the head is trained on features that are computed before."""
    return bool(spec["train"] == "head" and spec.get("frozen_views") != "fresh")


def fresh_encoder(block: Mapping[str, Any], inputs: Any, seed: int) -> Encoder | FixedEncoder:
    """Make the encoder of a specification with the weights that ``seed`` gives."""
    torch.manual_seed(seed)
    return build_encoder(*chosen(block), inputs)


def wanted_beside(block: Mapping[str, Any], inputs: Any) -> str:
    """Name the fixed encoder whose features an encoder wants beside ``inputs``, or none."""
    name, options = chosen(block)
    kind = ENCODERS[name]
    return kind.wants(inputs, options) if issubclass(kind, Encoder) else ""


def prepared_inputs(
    spec: Spec,
    inputs: Any,
    store: StageStore,
    make: Callable[[str, FixedEncoder], NDArray[np.float32]] | None = None,
) -> Any:
    """Return ``inputs`` with the features of a fixed encoder beside them, if theirs wants them.

    ``make`` gives these features, of an encoder by its name; without it they are computed.
    """
    if not has_encoder(spec):
        return inputs
    wanted = wanted_beside(encoder_block(spec, store)[0], inputs)
    if not wanted:
        return inputs
    beside = build_encoder(wanted, {}, inputs)
    assert isinstance(beside, FixedEncoder)
    values = beside.features(inputs) if make is None else make(wanted, beside)
    return inputs.with_descriptors(torch.from_numpy(values))


def stage_encoder(spec: Spec, inputs: Any, store: StageStore) -> Encoder | FixedEncoder:
    """Return the encoder that a stage starts from: fresh, or as another stage left it."""
    if "input" not in spec:
        return fresh_encoder(spec["encoder"], inputs, spec["seed"])
    folder = store.folder(spec["input"]["stage"])
    block, seed = encoder_block(spec, store)
    encoder = fresh_encoder(block, inputs, seed)
    assert isinstance(encoder, Encoder)
    epoch = spec["input"]["epoch"]
    name = "model.safetensors" if epoch is None else f"epoch-{epoch}.safetensors"
    weights = load_file(folder / name)
    if store.read(spec["input"]["stage"])["spec"]["kind"] == "fit":
        weights = encoder_part(weights)
    encoder.load_state_dict(weights)
    return encoder


def encoder_part(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the encoder's weights among those of an objective or a predictor."""
    mine = "encoder."
    return {k.removeprefix(mine): v for k, v in weights.items() if k.startswith(mine)}


def build_predictor(
    spec: Spec, encoder: nn.Module, outputs: int | tuple[int, int, int]
) -> Predictor:
    """Make the predictor of a trained fit around ``encoder``."""
    torch.manual_seed(spec["seed"])
    name, options = chosen(spec.get("readout", {"z": {}}))
    readout = READOUTS[name](outputs, **options) if isinstance(outputs, int) else READOUTS[name]()
    wanted = readout.outputs if isinstance(outputs, int) else outputs
    name, options = chosen(spec["head"])
    head = NETWORKS[name](int(encoder.out_features), wanted, **options)  # type: ignore[arg-type]
    losses = {name: loss for found in LOSSES.values() for name, loss in found.items()}
    train = spec["train"]
    return Predictor(
        encoder,
        head,
        (DISTRIBUTION_LOSSES if readout.losses else losses)[spec["loss"]],
        trained=int(train.removeprefix("last:")) if train.startswith("last:") else train,
        batch_norm=spec["batch_norm"],
        encoder_lr=spec["encoder_lr"],
        classifies=spec["loss"] in LOSSES["classification"] and not readout.losses,
        elementwise=ELEMENTWISE_LOSSES.get(spec["loss"]),
        readout=readout,
    )


def exact_head(spec: Spec) -> ExactHead:
    """Make the solved head of a fit, not yet fitted."""
    name, options = chosen(spec["head"])
    head: ExactHead = EXACT[name](**options)
    return head


def features_of(encoder: Encoder | FixedEncoder, inputs: Any, device: torch.device) -> Tensor:
    """Return the features of all rows, float32 (n, d), with the encoder in evaluation mode."""
    if isinstance(encoder, FixedEncoder):
        return torch.from_numpy(encoder.features(inputs)).to(device)
    rows = torch.arange(len(inputs), device=device)
    return in_chunks(encoder.to(device), inputs, rows)


def restored(
    stage_hash: str, store: StageStore, inputs: Any, device: torch.device
) -> tuple[Callable[[Any], NDArray[np.float64]], Callable[[Any], NDArray[np.float32]]]:
    """Read a finished fit: inputs → scores as ``study/outputs.py`` has them, and → features."""
    stage, folder = store.read(stage_hash), store.folder(stage_hash)
    spec, outcome = stage["spec"], stage["outcome"]
    outputs, count = kept_outputs(outcome)
    inputs = prepared_inputs(spec, inputs, store)
    encoder = stage_encoder(spec, inputs, store) if has_encoder(spec) else None
    if "train" not in spec:
        head = type(exact_head(spec)).from_arrays(load_arrays(folder / "model.safetensors"))

        def exact_features(rows: Any) -> NDArray[np.float32]:
            if encoder is None:
                return np.zeros((len(rows), 0), np.float32)
            prepared = prepared_inputs(spec, rows, store)
            return features_of(encoder, prepared, device).cpu().numpy()

        return (
            lambda rows: outputs.solved_scores(head.predict(exact_features(rows)))
        ), exact_features
    assert encoder is not None
    cached = features_are_cached(spec)
    part: nn.Module = Features(encoder.out_features) if cached else encoder  # type: ignore[assignment]
    predictor = build_predictor(spec, part, count).to(device)
    predictor.load_state_dict(load_file(folder / "model.safetensors", device=str(device)))

    def features(rows: Any) -> NDArray[np.float32]:
        prepared = prepared_inputs(spec, rows, store)
        return features_of(encoder, prepared, device).cpu().numpy()

    def predict(rows: Any) -> NDArray[np.float64]:
        prepared = prepared_inputs(spec, rows, store)
        data = FeatureRows(features_of(encoder, prepared, device)) if cached else prepared
        index = torch.arange(len(rows), device=device)
        return outputs.scores(in_chunks(predictor, data, index))

    return predict, features


def mixed_units(spec: Spec, inputs: Any) -> bool:
    """Whether the features of a fit are columns in units of their own, which nothing trained."""
    if "encoder" not in spec:
        return False
    encoder = fresh_encoder(spec["encoder"], inputs, spec["seed"])
    return isinstance(encoder, FixedEncoder) and encoder.mixed_units
