"""An ONNX file compared with the model that it was made of, in onnxruntime, before it is kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from nearfar.data import Columns, Images, Molecules, Vectors
from nearfar.data.inputs.columns import NUMERIC, Column, texts
from nearfar.errors import UserError
from nearfar.models.onnx.graph import Feed, Graph
from nearfar.models.schema import InputSchema

LARGEST = 1e-5
"""Largest difference that is allowed, relative to the largest value of an output."""
BATCHES = (3, 8)

_SMILES = (
    *("CCO", "c1ccccc1O", "N", "CC(=O)[O-].[Na+]", "CCCCCCCCCCCCCCCC", "F/C=C/F", "C1CC1C#N"),
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
)
"""Molecules of 1 to 16 atoms: rings, charges, a salt, a double bond with a side."""


def checked(data: bytes, graph: Graph) -> dict[str, Any]:
    """Return how far an ONNX file is from its model, on rows made here, in two batch sizes.

    Raises:
        UserError: onnxruntime cannot run it, or it differs by more than ``LARGEST``.
    """
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(data, _silent(), providers=["CPUExecutionProvider"])
        found = [_difference(session, graph, made_rows(graph.model.schema, n)) for n in BATCHES]
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{graph.model.name} {graph.parts}: onnxruntime cannot run its ONNX file: "
            f"{str(error).strip().splitlines()[0]}; export without --to"
        ) from error
    worst = float(np.max(found))  # nan if one is
    if not worst <= LARGEST:
        raise UserError(
            f"{graph.model.name} {graph.parts}: its ONNX file differs from the model by "
            f"{worst:.2g} of the largest value, more than {LARGEST:g}: it is not exported; "
            "export without --to"
        )
    return {
        "batches": list(BATCHES),
        "largest_difference": worst,
        "onnxruntime": onnxruntime.__version__,
    }


def _silent() -> Any:
    """Return options by which what onnxruntime says of a file comes as an error alone."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return options


def _difference(session: Any, graph: Graph, inputs: Any) -> float:
    return difference(session.run(None, wanted(session, graph.feed(inputs))), graph, inputs)


def wanted(session: Any, feed: Feed) -> Feed:
    """Return the tensors that a session takes; a graph leaves out those that change nothing."""
    there = {one.name for one in session.get_inputs()}
    return {name: value for name, value in feed.items() if name in there}


def difference(found: list[Any], graph: Graph, inputs: Any) -> float:
    """Return the largest difference of outputs from the model's, relative to the largest value."""
    truth = graph.model.predict(inputs)
    scale = max(float(np.abs(truth.mean).max()), float(np.finfo(np.float32).tiny))
    expected = [truth.mean, truth.deviation]
    gaps = [
        float(np.abs(one - other).max()) / scale
        for one, other in zip(found, expected, strict=False)
        if other is not None
    ]
    return float(np.max(gaps))


def made_rows(schema: InputSchema, count: int) -> Any:
    """Return rows of the form that a model takes, made here."""
    draw = np.random.default_rng(count)
    if schema.kind == "molecule":
        return Molecules.from_smiles([_SMILES[k % len(_SMILES)] for k in range(count)])
    if schema.kind == "image":
        assert schema.shape is not None
        return Images(draw.integers(0, 256, (count, *schema.shape), dtype=np.uint8), schema.range)
    names = [column.name for column in schema.columns]
    if schema.complete:
        return Vectors(draw.normal(size=(count, len(names))), names)
    return Columns(
        [
            Column(
                column.name,
                column.kind,  # type: ignore[arg-type]
                draw.normal(size=count)
                if column.kind in NUMERIC
                else texts([f"{column.name} {k}" for k in range(count)]),
                column.layout,
            )
            for column in schema.columns
        ]
    )
