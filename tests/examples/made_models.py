"""Finished models made here: members with drawn weights, no training and no run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from small_study import DIGEST, HERE
from torch import nn

from nearfar.data import Conditions, SplitOptions
from nearfar.models import ColumnSchema, FinishedModel, InputSchema, Member
from nearfar.plan.specs import Data, FitSpec, Named, SolveSpec
from nearfar.stages.fitted import Fitted
from nearfar.train.recipe import Adam, Constant, Recipe

SMILES = ["CCO", "c1ccccc1O", "N", "CC(=O)[O-].[Na+]", "CCCCCCCCCCCCCCCC", "F/C=C/F", "C1CC1C#N"]

RECIPE = Recipe(
    epochs=1,
    batch=16,
    drop_last=False,
    optimizer=Adam(),
    schedule=Constant(),
    clip=None,
    select="last",
)


def table_schema(columns: int = 4) -> InputSchema:
    return InputSchema(
        "vector",
        {"source": "table", "target": "y"},
        tuple(ColumnSchema(f"x{k}") for k in range(columns)),
    )


def image_schema(shape: tuple[int, int, int] = (3, 16, 16)) -> InputSchema:
    return InputSchema("image", {"source": "images", "task": "classification"}, shape=shape)


def molecule_schema() -> InputSchema:
    return InputSchema("molecule", {"source": "molecules", "smiles": "smiles"})


def fit_spec(head: str = "linear", readout: str = "z", **options: Any) -> FitSpec:
    loss = {"bins": "cross_entropy", "ordinal": "binary_cross_entropy"}.get(readout, "l1")
    named = {"bins": {"count": 5}, "ordinal": {"count": 5}}.get(readout, {})
    return FitSpec(
        data=Data(DIGEST, SplitOptions(), 0, Conditions()),
        seed=0,
        environment=HERE,
        threads=1,
        head=Named(head, options),
        train="all",
        loss=loss,
        standardise=True,
        encoder_lr=1.0,
        batch_norm="train",
        recipe=RECIPE,
        metric="mae",
        readout=Named(readout, named),
    )


def solve_spec(head: str, **options: Any) -> SolveSpec:
    return SolveSpec(
        data=Data(DIGEST, SplitOptions(), 0, Conditions()),
        seed=0,
        environment=HERE,
        threads=1,
        head=Named(head, options),
    )


def outcome_of(task: str, outputs: int) -> dict[str, Any]:
    names = [f"k{k}" for k in range(outputs)]
    if task == "regression":
        return {"scaler": {"mean": [3.0] * outputs, "std": [2.0] * outputs}}
    return {"classes" if task == "classification" else "labels": names}


def drawn(module: nn.Module, seed: int) -> None:
    """Draw statistics of batch norm, so that nothing stands at its start."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.normal_(0, 0.1, generator=generator)
            part.running_var.uniform_(0.5, 2, generator=generator)


def made_model(
    schema: InputSchema,
    encoder: Mapping[str, Any],
    spec: FitSpec | SolveSpec,
    *,
    task: str = "regression",
    outputs: int = 1,
    seeds: Sequence[int] = (0, 1),
    heads: Sequence[Any] = (),
    preparations: Sequence[Any] = (),
) -> FinishedModel:
    """A model whose members have drawn weights, or these solved ``heads``."""
    ((name, options),) = encoder.items()
    members = []
    for number, seed in enumerate(seeds):
        preparation = preparations[number] if preparations else None
        torch.manual_seed(seed)
        parts = (spec, Named(name, full(name, options)), outcome_of(task, outputs), preparation)
        fitted = Fitted.fresh(*parts, schema.like(), seed)
        if heads:
            fitted.head = heads[number]
        for part in (fitted.encoder, fitted.predictor):
            if isinstance(part, nn.Module):
                drawn(part, seed)
        members.append(Member(seed, f"{seed:016d}", fitted))
    names = tuple(f"k{k}" for k in range(outputs))
    classes = names if task == "classification" else ()
    targets = ("y",) if classes else names
    return FinishedModel(
        schema,
        task,
        targets,
        "m",
        classes,
        members,
        study="small",
        arm=name,  # type: ignore[arg-type]
    )


def full(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """All options of an encoder, as a specification has them."""
    import inspect

    from nearfar.encoders import ENCODERS

    known = inspect.signature(ENCODERS[name].__init__).parameters.values()
    return {p.name: p.default for p in known if p.kind is p.KEYWORD_ONLY} | dict(options)


def rows(values: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(values, 4)).astype(np.float32)
