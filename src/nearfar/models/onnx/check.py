"""An ONNX file compared with the model that it was made of, in onnxruntime, before it is kept."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfar.encoders import FixedEncoder
from nearfar.encoders.identity import Identity
from nearfar.errors import UserError
from nearfar.models.finished import Predictions
from nearfar.models.onnx.graph import Feed, Graph
from nearfar.models.onnx.rows import made_rows

LARGEST = 1e-5
"""Largest difference that is allowed, relative to the largest value of an output."""
BATCHES = (3, 8)
MOST = 64
"""Kept training rows that are compared."""


def checked(data: bytes, graph: Graph) -> dict[str, Any]:
    """Return how far an ONNX file is from its model, in batches of several sizes.

    They are of rows made here, and of training rows that the model has kept.

    Raises:
        UserError: onnxruntime cannot run it, or it differs by more than ``LARGEST``.
    """
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(data, _silent(), providers=["CPUExecutionProvider"])
        found = [_difference(session, graph, made_rows(graph.model, n)) for n in BATCHES]
        known = known_features(graph)
        if known is not None:
            found.append(_difference_of_known(session, graph, known))
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
        "batches": [*BATCHES, *([] if known is None else [len(known)])],
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
    return _apart(found, graph.model.predict(inputs))


def _apart(found: list[Any], truth: Predictions) -> float:
    scale = max(float(np.abs(truth.mean).max()), float(np.finfo(np.float32).tiny))
    expected = [truth.mean, truth.deviation]
    gaps = [
        float(np.abs(one - other).max()) / scale
        for one, other in zip(found, expected, strict=False)
        if other is not None
    ]
    return float(np.max(gaps))


def known_features(graph: Graph) -> NDArray[np.float32] | None:
    """Return features (n, d) of kept training rows, spread evenly; None where none can be fed.

    They can where what is kept is what the graph takes: no member's encoder has weights.
    """
    model = graph.model
    known = model.known
    if known is None:
        return None
    width = known.values.shape[1]
    for member, number in zip(model.members, graph.places, strict=True):
        encoder, one = member.fitted.encoder, graph.inputs[number]
        whole = isinstance(encoder, Identity) or (
            isinstance(encoder, FixedEncoder) and encoder.as_module() is None
        )
        if not whole or math.prod(map(int, one.shape[1:])) != width:
            return None
    places = np.linspace(0, len(known.values) - 1, MOST).round().astype(int)
    features: NDArray[np.float32] = known.values[np.unique(places)] * known.scale + known.centre
    return features


def _difference_of_known(session: Any, graph: Graph, features: NDArray[np.float32]) -> float:
    model = graph.model
    feed = {
        one.name: features.reshape(len(features), *map(int, one.shape[1:])) for one in graph.inputs
    }
    own = [member.fitted for member in model.members]
    values = np.stack([fitted.values(fitted.scores(features)) for fitted in own])
    return _apart(session.run(None, wanted(session, feed)), Predictions(values, model.targets))
