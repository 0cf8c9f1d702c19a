"""From modules to ONNX, by torch's exporter."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from nearfar.errors import UserError, first_line
from nearfar.models.onnx.graph import Feed, Graph, GraphInput
from nearfar.models.onnx.library import with_estimators

_REMARKS = (
    "torch.onnx",
    "torch.onnx._internal.exporter._registration",
    "torch.export",
    "onnxscript",
    "onnx_ir",
)
"""Who remarks on what it exports."""


def require() -> None:
    """Refuse where a package of the extra is missing.

    Raises:
        UserError: names the extra.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        try:
            __import__(package)
        except ImportError:
            raise UserError(
                f"--to onnx needs the package {package}, which is not installed: "
                "pip install 'nearfar[onnx]'"
            ) from None


def convert(graph: Graph, example: Feed) -> bytes:
    """Return an ONNX file of a graph; ``example`` are tensors of at least two rows.

    Raises:
        UserError: torch cannot export the model; says which and why.
    """
    proto = _of_estimators(graph, example) if graph.estimators else _whole(graph, example)
    _tidy(proto, graph)
    for key, value in _metadata(graph).items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    data: bytes = proto.SerializeToString()
    return data


def _whole(graph: Graph, example: Feed, outputs: Sequence[str] | None = None) -> Any:
    tensors = [_tensor(one, example) for one in graph.inputs]
    dynamic = [_dynamic(one) for one in graph.inputs]
    names = list(outputs or graph.outputs)
    try:
        return exported(graph.module, tensors, graph.inputs, names, dynamic).model_proto
    except Exception as error:
        raise UserError(
            f"{graph.model.name} {graph.parts} does not export to ONNX: {_cause(error)}"
        ) from error


def _of_estimators(graph: Graph, example: Feed) -> Any:
    """Return encoders, estimators of a library, and what makes outputs of these, as one model."""
    heads = graph.estimators
    before = _whole(graph, example, [f"features{k}" for k in range(len(heads))])
    targets = len(graph.model.targets)
    widths = [len(head.present) if head.classes else targets for head in heads]
    said = [GraphInput(f"said{k}", "float32", ("batch", w), "") for k, w in enumerate(widths)]
    tensors = [torch.full((2, int(one.shape[1])), 0.5) for one in said]
    after = exported(graph.endings, tensors, said, graph.outputs, [_dynamic(one) for one in said])
    return with_estimators(before, heads, after.model_proto)


def exported(
    module: nn.Module,
    tensors: Sequence[Any],
    inputs: Sequence[GraphInput],
    outputs: Sequence[str],
    dynamic: Sequence[Any],
) -> Any:
    """Return torch's ONNX program of a module that takes ``tensors``."""
    with _quiet(), torch.no_grad():
        return torch.onnx.export(
            module,
            tuple(tensors),
            dynamo=True,
            input_names=[one.name for one in inputs],
            output_names=list(outputs),
            dynamic_shapes=(tuple(dynamic),),
            verbose=False,
        )


def _tensor(one: GraphInput, example: Feed) -> Any:
    value = example[one.name]
    return int(value) if one.shape == () else torch.from_numpy(value)


def _dynamic(one: GraphInput) -> Any:
    free = torch.export.Dim.DYNAMIC
    if one.shape == ():
        return free
    return {axis: free for axis, size in enumerate(one.shape) if isinstance(size, str)}


def _tidy(proto: Any, graph: Graph) -> None:
    """Name the free sizes as the inputs do, and leave out where the code that was traced lies."""
    names: dict[str, str] = {}
    for value in proto.graph.input:
        (one,) = [one for one in graph.inputs if one.name == value.name]
        dims = value.type.tensor_type.shape.dim
        for size, dim in zip(one.shape, dims, strict=True):
            if isinstance(size, str) and dim.dim_param:
                names.setdefault(dim.dim_param, size)
    for value in [*proto.graph.input, *proto.graph.output, *proto.graph.value_info]:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = names.get(dim.dim_param, dim.dim_param)
        del value.metadata_props[:]
    for output in proto.graph.output:
        output.type.tensor_type.shape.dim[0].dim_param = "batch"
    for node in [*proto.graph.node, *(n for f in proto.functions for n in f.node)]:
        del node.metadata_props[:]
        node.doc_string = ""
    del proto.metadata_props[:]
    del proto.graph.metadata_props[:]


def _metadata(graph: Graph) -> dict[str, str]:
    model = graph.model
    told = {
        "study": model.study,
        "arm": model.name,
        "targets": ", ".join(model.targets),
        "unit": model.unit,
        "classes": ", ".join(model.classes),
    }
    return {f"nearfar.{key}": value for key, value in told.items() if value}


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks from the terminal."""
    loggers = [logging.getLogger(name) for name in _REMARKS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
