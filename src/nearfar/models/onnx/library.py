"""Estimators of scikit-learn in ONNX, by skl2onnx, between what comes before and after them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from nearfar.errors import UserError, first_line
from nearfar.heads.estimators.head import Sklearn

ML_OPSET = 3
"""Of ai.onnx.ml, the newest that skl2onnx 1.20 writes trees in."""


def converts(head: Any) -> bool:
    """Whether a fitted head is an estimator to try: of classes one that gives probabilities."""
    if not isinstance(head, Sklearn) or head.fitted is None:
        return False
    return not head.classes or hasattr(head.fitted, "predict_proba")


def with_estimators(before: Any, heads: Sequence[Sklearn], after: Any) -> Any:
    """Return one ONNX model of three parts.

    Args:
        before: a model whose outputs are the features of each head, float32 (b, d).
        heads: fitted.
        after: a model whose inputs are what each says, float32 (b, k).

    Raises:
        UserError: skl2onnx is missing, or cannot convert the estimator; says which.
    """
    from onnx import compose

    (opset,) = [one.version for one in before.opset_import if one.domain in ("", "ai.onnx")]
    whole = compose.add_prefix(before, "encoder.", rename_inputs=False, rename_outputs=False)
    for number, head in enumerate(heads):
        width = before.graph.output[number].type.tensor_type.shape.dim[1].dim_value
        part = _converted(head, width, opset)
        part.ir_version = before.ir_version
        prefix = f"estimator{number}."
        part = compose.add_prefix(part, prefix)
        ways = [(before.graph.output[number].name, f"{prefix}features")]
        whole = compose.merge_models(whole, part, io_map=ways)
    after = compose.add_prefix(after, "outputs.", rename_outputs=False)
    ways = [
        (f"estimator{number}.{_output(head)}", after.graph.input[number].name)
        for number, head in enumerate(heads)
    ]
    names = [one.name for one in after.graph.output]
    whole = compose.merge_models(whole, after, io_map=ways, outputs=names)
    del whole.graph.value_info[:]  # shapes within, of which skl2onnx and onnxruntime differ
    return whole


def _output(head: Sklearn) -> str:
    return "probabilities" if head.classes else "numbers"


def _converted(head: Sklearn, width: int, opset: int) -> Any:
    """Return an estimator's ONNX model: ``features`` → ``numbers`` or ``probabilities``."""
    try:
        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import FloatTensorType
    except ImportError:
        raise UserError(
            "--to onnx needs the package skl2onnx for heads of scikit-learn, which is not "
            "installed: pip install 'nearfar[onnx]'"
        ) from None
    name = type(head.fitted).__name__
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = convert_sklearn(
                head.fitted,
                initial_types=[("features", FloatTensorType([None, width]))],
                final_types=None,
                options={id(head.fitted): {"zipmap": False}} if head.classes else None,
                target_opset={"": opset, "ai.onnx.ml": ML_OPSET},
            )
    except Exception as error:
        why = first_line(error).split(" and attributes=")[0]
        raise UserError(
            f"head {head.class_ or name} has no form in ONNX, by skl2onnx: {why}; "
            "export without --to"
        ) from error
    for one in model.opset_import:
        if not one.domain:
            one.version = opset  # parts of one model agree; the whole is compared afterwards
    _rename(model.graph, model.graph.output[-1].name, _output(head))
    return model


def _rename(graph: Any, name: str, new: str) -> None:
    """Give an output its name here, whatever the converter of its class calls it."""
    for node in graph.node:
        for names in (node.input, node.output):
            for place, one in enumerate(names):
                if one == name:
                    names[place] = new
    for one in graph.output:
        if one.name == name:
            one.name = new
