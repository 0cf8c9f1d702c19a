"""A finished model as one module: the tensors of a batch → predictions in the user's unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nearfar.data import MoleculeBatch
from nearfar.data.inputs.molecules import ATOM_FEATURES, BOND_FEATURES
from nearfar.encoders import Encoder, FixedEncoder
from nearfar.errors import UserError
from nearfar.heads import EachTarget
from nearfar.heads.estimators.head import Sklearn
from nearfar.metrics.classification import LEAST_PROBABILITY
from nearfar.models.finished import FinishedModel
from nearfar.models.onnx.buffers import keep
from nearfar.models.onnx.library import converts
from nearfar.models.onnx.solved import module_of
from nearfar.stages.fitted import Fitted, networks_of
from nearfar.stages.targets import LIMIT

Feed = dict[str, NDArray[Any]]
MOLECULES = ("atoms", "bonds", "bond_features", "molecule", "size")
"""Inputs of a graph for molecules: the fields of a batch, see ``nearfar.data.MoleculeBatch``."""


@dataclass(frozen=True)
class GraphInput:
    """A tensor that a graph takes; a text in ``shape`` stands for any number."""

    name: str
    dtype: str
    shape: tuple[str | int, ...]
    meaning: str
    names: tuple[str, ...] = ()
    """Of the columns, in their order."""

    def to_plain(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        plain = asdict(self) | {"shape": list(self.shape), "names": list(self.names)}
        return {key: value for key, value in plain.items() if key != "names" or value}


class Chain(nn.Module):
    """One member: a batch → (b, k) numbers in the targets' own units, or probabilities, float64."""

    mean: Tensor
    std: Tensor

    def __init__(self, fitted: Fitted, task: str, name: str) -> None:
        super().__init__()
        self.task, self.solved = task, fitted.predictor is None
        self.encoder = _encoder(fitted)
        self.head = fitted.predictor if fitted.predictor is not None else module_of(fitted.head)
        self.estimator = fitted.head if self.head is None else None
        if self.head is None and not converts(self.estimator):
            raise UserError(
                f"{name}: head {_named(fitted)} has no form in ONNX; export without --to"
            )
        if task == "regression":
            for key, values in fitted.outcome["scaler"].items():
                scaled = torch.tensor(values, dtype=torch.float64)
                plain = torch.full_like(scaled, float(key == "std"))
                self.register_buffer(key, plain if _in_own_units(fitted.head) else scaled)

    def forward(self, batch: Any) -> Tensor:
        """Return predictions (b, k), or probabilities (b, classes) or (b, labels)."""
        features = self.encoder(batch)
        assert self.head is not None
        raw = self.head(features) if self.solved else self.head.of_features(features)  # type: ignore[operator]
        return self.values(raw.double())

    def values(self, raw: Tensor) -> Tensor:
        """Return what the user reads of what the head puts out (b, k)."""
        if self.task == "regression":
            return raw * self.std + self.mean
        if self.task == "classification":
            return raw.clamp(min=LEAST_PROBABILITY) if self.solved else raw.softmax(1)
        if self.solved:
            ends = torch.tensor([-LIMIT, LIMIT], dtype=torch.float64).sigmoid().tolist()
            return raw.clamp(*ends)
        return raw.clamp(-LIMIT, LIMIT).sigmoid()


def _in_own_units(head: Any) -> bool:
    """Whether the module of a head puts out numbers in the targets' units, not in z units."""
    heads = head.heads if isinstance(head, EachTarget) else [head]
    return any(getattr(one, "own", None) is not None for one in heads)


def _named(fitted: Fitted) -> str:
    head = fitted.head
    if isinstance(head, Sklearn):
        return head.class_ or type(head.fitted).__name__
    return fitted.spec.head.name


def _encoder(fitted: Fitted) -> nn.Module:
    encoder = fitted.encoder
    if isinstance(encoder, Encoder):
        return encoder
    return (encoder.as_module() if encoder is not None else None) or nn.Identity()


class Ensemble(nn.Module):
    """All members on their inputs: the mean of what they say, and the sample deviation (n - 1).

    ``places`` say which of the tensors each member takes; None where they are those of a batch of
    molecules.
    """

    def __init__(self, chains: Sequence[nn.Module], places: Sequence[int] | None) -> None:
        super().__init__()
        self.chains, self.places = nn.ModuleList(chains), places

    def forward(self, *tensors: Any) -> tuple[Tensor, ...]:
        """Return float32 (b, k), twice where there are several members."""
        return together([chain(batch) for chain, batch in self._with_batches(tensors)])

    def _with_batches(self, tensors: Sequence[Any]) -> list[tuple[Any, Any]]:
        if self.places is None:
            batch: Any = MoleculeBatch(*tensors)
            return [(chain, batch) for chain in self.chains]
        return [
            (chain, tensors[place]) for chain, place in zip(self.chains, self.places, strict=True)
        ]


class Encoders(Ensemble):
    """What estimators of a library take: their members' features alone, float32 (b, d) each."""

    def forward(self, *tensors: Any) -> tuple[Tensor, ...]:
        """Return features, a tensor a member that has an estimator."""
        return tuple(
            chain.encoder(batch).float().clone()
            for chain, batch in self._with_batches(tensors)
            if chain.estimator is not None
        )


class Endings(nn.Module):
    """What estimators of a library say, float32 (b, k) each → the outputs of ``Ensemble``.

    A member that met one class alone has no estimator; of what others say it takes the number of
    rows.
    """

    def __init__(self, chains: Sequence[Chain]) -> None:
        super().__init__()
        self.chains = nn.ModuleList(chains)
        for number, chain in enumerate(chains):
            head = chain.estimator
            if head is not None and head.classes:
                keep(self, **{f"places{number}": np.eye(head.classes)[head.present]})

    def forward(self, *raw: Tensor) -> tuple[Tensor, ...]:
        """Return float32 (b, k), twice where there are several members."""
        found, said = [], iter(raw)
        for number, chain in enumerate(self.chains):
            assert isinstance(chain, Chain)
            if chain.head is not None:
                found.append(chain.values(chain.head(raw[0])))
                continue
            places, numbers = getattr(self, f"places{number}", None), next(said).double()
            found.append(chain.values(numbers if places is None else numbers @ places))
        return together(found)


def together(found: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the mean of what members say, and with several its sample deviation."""
    if len(found) == 1:
        return (found[0].float(),)
    each = torch.stack(list(found))
    mean = each.mean(dim=0)
    variance = (each - mean).square().sum(dim=0) / (len(found) - 1)
    return mean.float(), variance.sqrt().float()


class Graph:
    """What of a finished model becomes an ONNX file, and the tensors that it then takes.

    Raises:
        UserError: the arm has nothing to export, or a head without a form in ONNX.
    """

    def __init__(self, model: FinishedModel) -> None:
        self.model = model
        if model.task == "reconstruction":
            raise UserError(f"{model.name} gives images back, which no ONNX file is made of")
        if model.members[0].fitted.encoder is None:
            raise UserError(f"{model.name} looks at no inputs: there is nothing to export to ONNX")
        _refuse_joined(model)
        chains = [Chain(m.fitted, model.task, model.name) for m in model.members]
        keys = [_key(member.fitted) for member in model.members]
        self.places = list(map(list(dict.fromkeys(keys)).index, keys))
        self.of_molecules = _reads_molecules(model)
        places = None if self.of_molecules else self.places
        self.estimators = [chain.estimator for chain in chains if chain.estimator is not None]
        self.module = (Encoders if self.estimators else Ensemble)(chains, places).eval()
        self.endings = Endings(chains).eval()
        self.inputs = self._inputs()

    @property
    def parts(self) -> str:
        """Encoder and head by their names, for messages."""
        fitted = self.model.members[0].fitted
        assert fitted.named is not None
        return f"(encoder {fitted.named.name}, head {_named(fitted)})"

    @property
    def outputs(self) -> list[str]:
        """Names of what comes out."""
        first = "prediction" if self.model.task == "regression" else "probabilities"
        return [first] if len(self.model.members) == 1 else [first, "deviation"]

    def _first(self) -> list[int]:
        """Return the first member that takes each tensor."""
        return [self.places.index(place) for place in range(max(self.places) + 1)]

    def _inputs(self) -> list[GraphInput]:
        if self.of_molecules:
            return _molecule_inputs(self.model)
        first = self._first()
        found = []
        for member in (self.model.members[number] for number in first):
            one = _tensor_input(self.model, member.fitted)
            name = one.name if len(first) == 1 else f"{one.name}_seed{member.seed}"
            found.append(GraphInput(name, one.dtype, one.shape, one.meaning, one.names))
        return found

    def feed(self, inputs: Any) -> Feed:
        """Return the tensors of some rows by name.

        Args:
            inputs: ``nearfar.data.Inputs`` of the form that the model's schema describes.
        """
        if self.of_molecules:
            prepared = self.model.members[0].fitted.prepared(inputs)
            batch = prepared.select(torch.arange(len(prepared)))
            values: Mapping[str, Any] = {
                **{name: getattr(batch, name) for name in MOLECULES[:-1]},
                "size": torch.tensor(batch.size),
                "descriptors": batch.descriptors,
            }
            return {one.name: values[one.name].numpy() for one in self.inputs}
        found = {}
        for number, one in zip(self._first(), self.inputs, strict=True):
            fitted = self.model.members[number].fitted
            prepared = fitted.prepared(inputs)
            if isinstance(fitted.encoder, FixedEncoder) and fitted.encoder.as_module() is None:
                found[one.name] = np.asarray(fitted.encoder.features(prepared))
            else:
                found[one.name] = prepared.select(torch.arange(len(prepared))).numpy()
        return found


def _refuse_joined(model: FinishedModel) -> None:
    """Refuse what a graph cannot be made of: columns beside molecules or images, lists with nets.

    Raises:
        UserError: says which.
    """
    if model.schema.kind != "vector" and model.schema.columns:
        raise UserError(
            f"{model.name} reads columns beside its {model.schema.kind}s, which has no form in ONNX"
            " yet; export without --to"
        )
    encoder = model.members[0].fitted.encoder
    if isinstance(encoder, FixedEncoder) and networks_of(encoder):
        raise UserError(
            f"{model.name} joins encoders with weights, which has no form in ONNX yet; export "
            "without --to"
        )


def _reads_molecules(model: FinishedModel) -> bool:
    return model.schema.kind == "molecule" and isinstance(model.members[0].fitted.encoder, Encoder)


def _key(fitted: Fitted) -> Any:
    """Return what is equal for members that take the same tensors."""
    return "" if fitted.preparation is None else fitted.preparation.key


def _tensor_input(model: FinishedModel, fitted: Fitted) -> GraphInput:
    encoder = fitted.encoder
    if isinstance(encoder, FixedEncoder) and encoder.as_module() is None:
        assert fitted.named is not None
        names = tuple(encoder.feature_names())
        meaning = f"what encoder {fitted.named.name} makes of a row, not scaled"
        return GraphInput("features", "float32", ("batch", len(names)), meaning, names)
    if model.schema.kind == "image":
        assert model.schema.shape is not None
        shape = ("batch", *model.schema.shape)
        return GraphInput("images", "float32", shape, "pixels, 0 black and 1 white")
    if fitted.preparation is None:
        names = tuple(column.name for column in model.schema.columns)
        meaning = "columns of the table as they are"
    else:
        names = tuple(fitted.preparation.names)
        meaning = "columns made numbers and scaled, as 'onnx_inputs' of the loaded model gives them"
    return GraphInput("columns", "float32", ("batch", len(names)), meaning, names)


def _molecule_inputs(model: FinishedModel) -> list[GraphInput]:
    fitted = model.members[0].fitted
    atoms, bonds = len(ATOM_FEATURES), len(BOND_FEATURES)
    found = [
        GraphInput("atoms", "int64", ("atoms", atoms), "an atom a row", ATOM_FEATURES),
        GraphInput(
            "bonds", "int64", (2, "bonds"), "source and target atom, each bond in both directions"
        ),
        GraphInput("bond_features", "int64", ("bonds", bonds), "of each of these", BOND_FEATURES),
        GraphInput("molecule", "int64", ("atoms",), "number of an atom's molecule, ascending"),
        GraphInput("size", "int64", (), "number of molecules"),
    ]
    batch = fitted.prepared(model.schema.like()).select(torch.zeros(1, dtype=torch.int64))
    if batch.descriptors is not None:
        count = int(batch.descriptors.shape[1])
        names = _descriptor_names(count)
        meaning = "RDKit's descriptors of each molecule"
        found.append(GraphInput("descriptors", "float32", ("batch", count), meaning, names))
    return found


def _descriptor_names(count: int) -> tuple[str, ...]:
    from rdkit.Chem.Descriptors import descList

    return tuple(name for name, _ in descList) if len(descList) == count else ()
