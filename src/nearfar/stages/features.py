"""Features of all rows, by an encoder that no longer changes: made once, kept for all that ask."""

import functools
from collections.abc import Callable, Mapping
from importlib import metadata
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearfar.data import Columns, Dataset
from nearfar.data.inputs.embedded import embedded
from nearfar.data.inputs.joined import Joined, without_columns
from nearfar.encoders import ENCODERS, Encoder, FixedEncoder
from nearfar.encoders.joined import SideBySide, named_parts, part_features
from nearfar.encoders.with_columns import JoinedEncoder, JoinedFixed, beside
from nearfar.plan.specs import (
    EncodedSpec,
    Named,
    ScoreSpec,
    StageSpec,
    file_digests,
    start_of,
)
from nearfar.records.stages import StageStore
from nearfar.stages import models

Array = NDArray[np.float32]


def features_of_all(
    spec: EncodedSpec,
    encoder: Encoder | FixedEncoder,
    inputs: Any,
    store: StageStore,
    device: torch.device,
    preparation: str = "",
) -> tuple[Tensor, float]:
    """Return the features of every row, float32 (n, d), and the seconds that were spared.

    ``encoder`` is the one that the stage ``spec`` starts from, ``inputs`` all rows of its data set
    as they are, or as the ``preparation`` with this key made them. Where features were there
    already, making them had taken so many seconds.
    """
    if isinstance(inputs, Joined):
        assert isinstance(encoder, JoinedEncoder | JoinedFixed)
        alone, spared = features_of_all(spec, encoder.alone, inputs.inputs, store, device)
        return torch.from_numpy(beside(alone.cpu().numpy(), inputs)).to(device), spared
    own = {"preparation": preparation} if preparation else {}

    def make() -> Array:
        return models.features_of(encoder, inputs, device).cpu().numpy()

    if isinstance(encoder, SideBySide):
        values, spared = _joined(spec, encoder, inputs, store, device, own)
    elif isinstance(encoder, FixedEncoder):
        assert spec.encoder is not None
        values, spared = _fixed(spec, encoder, spec.encoder, store, make, own)
    else:
        values, spared = store.features.get({**_common(spec), **own, **_start(spec)}, make)
    return torch.from_numpy(values).to(device), spared


def inputs_with_descriptors(spec: EncodedSpec, inputs: Any, store: StageStore) -> Any:
    """Return all rows of the data set with what the stage's encoder wants to find beside them."""

    alone = without_columns(inputs)

    def make(name: str, beside: FixedEncoder) -> Array:
        return _fixed(spec, beside, Named(name, {}), store, lambda: beside.features(alone))[0]

    return models.prepared_inputs(spec, inputs, store, make)


def with_embeddings_of(
    named: Named | None, inputs: Any, dataset: Dataset, rows: NDArray[np.int64] | None = None
) -> Any:
    """Return ``inputs`` with the embeddings beside them that the encoder ``named`` reads of files.

    ``rows`` says which of the data set's they are, None for all.
    """
    asked = [] if named is None else file_digests(named)
    there = {found.digest: found.values for found in dataset.embeddings.values()}
    found = {digest: there[digest] for digest in asked if digest in there}
    return embedded(inputs, {k: v if rows is None else v[rows] for k, v in found.items()})


def expensive_features(spec: StageSpec, inputs: Any, store: StageStore) -> str:
    """Name the features by a fixed encoder that the stage needs of all rows, or none.

    As the store of features has them: they are made once, by the first stage that asks.
    """
    if isinstance(spec, ScoreSpec) or spec.encoder is None or isinstance(inputs, Columns):
        return ""
    companion = models.companion_of(spec.encoder, without_columns(inputs))
    named = Named(companion, {}) if companion else spec.encoder
    joined = named_parts(named.options["parts"]) if named.name == "joined" else []
    for name, options in joined or [(named.name, dict(named.options))]:
        kind = ENCODERS[name]
        if issubclass(kind, FixedEncoder) and kind.expensive:
            return store.features.name(_key(spec, Named(name, options)))
    return ""


def _joined(
    spec: EncodedSpec,
    encoder: SideBySide,
    inputs: Any,
    store: StageStore,
    device: torch.device,
    own: Mapping[str, str],
) -> tuple[Array, float]:
    """Return the features of encoders side by side, each kept as if it were alone."""
    found, spared = [], 0.0
    for (name, options), part in zip(encoder.named, encoder.parts, strict=True):
        named, make = Named(name, options), functools.partial(part_features, part, inputs, device)
        if isinstance(part, FixedEncoder):
            values, seconds = _fixed(spec, part, named, store, make, own)
        else:
            key = {**_key(spec, named), **own, **_seed(spec, named)}
            values, seconds = store.features.get(key, make)
        found.append(values)
        spared += seconds
    return np.concatenate(found, axis=1), spared


def _fixed(
    spec: EncodedSpec,
    encoder: FixedEncoder,
    named: Named,
    store: StageStore,
    make: Callable[[], Array],
    own: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Array, float]:
    if not encoder.expensive:
        return make(), 0.0
    return store.features.get({**_key(spec, named), **own}, make)


def _key(spec: EncodedSpec, named: Named) -> dict[str, Any]:
    packages = _versions(getattr(ENCODERS[named.name], "packages", ()))
    return {**_common(spec), "encoder": named.to_plain(), **packages}


@functools.cache
def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of the packages that make features, as far as they are installed."""
    return {name: one.version for name in packages for one in metadata.distributions(name=name)}


def _common(spec: EncodedSpec) -> dict[str, Any]:
    own = {"modules": dict(spec.modules)} if spec.modules else {}
    environment = spec.plain_environment()
    environment.pop("packages", None)  # those of the head; an encoder's own stand beside its name
    return {"data": spec.data.digest, "environment": environment, **own, **_rdkit()}


@functools.cache
def _rdkit() -> dict[str, str]:
    return {p.metadata["Name"]: p.version for p in metadata.distributions(name="rdkit")}


def _start(spec: EncodedSpec) -> dict[str, Any]:
    """Return what determines the weights of the encoder that a stage starts from."""
    start = start_of(spec)
    if start is not None:
        return {"input": start.to_plain()}
    assert spec.encoder is not None
    return {"encoder": spec.encoder.to_plain(), **_seed(spec, spec.encoder)}


def _seed(spec: EncodedSpec, named: Named) -> dict[str, int]:
    """Return the seed where an encoder's weights depend on it: those of a file serve all seeds."""
    kind = ENCODERS[named.name]
    drawn = not issubclass(kind, Encoder) or kind.draws(named.options)
    return {"seed": spec.seed} if drawn else {}
