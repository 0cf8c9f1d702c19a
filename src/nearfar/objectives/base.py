"""What every objective offers."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from nearfar.extensions import missing, signature_mistake
from nearfar.objectives.batches import Batch

TASKS = frozenset({"regression", "classification", "multilabel"})
"""What labels can mean."""


class Objective(Protocol):
    """A ``torch.nn.Module`` made of (encoder, *, options), trained by the gradient of its loss.

    One whose class has ``predicts = True`` is made of (encoder, outputs, *, options) and has a head
    with so many outputs. ``least_rows`` is how many rows a batch needs, ``views`` how many views of
    each row a batch holds, ``reads_labels`` whether labels are looked at, ``tasks`` what they may
    mean. Only the parameters of ``encoder`` outlive the stage. One whose class has
    ``blends_features = True`` passes features through ``batch.blended``. One whose class has
    ``sees_ranks = True`` sees to it that several processes can train it: see
    ``objectives/on_ranks.py``. ``chunked`` names the parts that a batch may go through in chunks,
    if not the ``encoder`` alone: see ``train/chunks.py``. Further methods, where present, are
    ``monitor()``, ``validation_loss(batch)`` and ``reconstruct(inputs)``, see docs/architecture.md.
    """

    least_rows: ClassVar[int]
    views: ClassVar[int]
    reads_labels: ClassVar[bool]
    tasks: ClassVar[frozenset[str]]
    encoder: nn.Module

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar; in evaluation mode it changes nothing."""
        ...


def objective_mistake(kind: Any) -> str:
    """Return what a class lacks to be an objective of a study file, empty if nothing."""
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        return "is not a subclass of torch.nn.Module"
    if lacking := missing(kind, ("least_rows", "views", "reads_labels", "tasks", "loss")):
        return lacking
    tasks = set(getattr(kind, "tasks", ()))
    if not tasks or not tasks <= TASKS:
        return f"has tasks {sorted(tasks)}; allowed: {', '.join(sorted(TASKS))}"
    predicts = getattr(kind, "predicts", False)
    return signature_mistake(kind, ("encoder", "outputs") if predicts else ("encoder",))
