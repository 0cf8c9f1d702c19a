"""Rank-N-Contrast as a module: checks, the choice of path, and the loop over blocks of rows."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn

from nearfar.losses.directions import unit
from nearfar.losses.parts import WHOLE
from nearfar.losses.rnc.order import ComparedLabels
from nearfar.losses.rnc.scratch import Rows, Scratch
from nearfar.losses.rnc.similarity import ENERGIES
from nearfar.losses.rnc.sums import row_terms
from nearfar.losses.rnc.walk import WalkedLabels, kernel_for

PairFunction = Callable[[Tensor, Tensor], Tensor]
FarnessOrder = ComparedLabels | WalkedLabels
LABEL_DIFFERENCES = {"l1": 1.0, "l2": 2.0}
FEATURE_SIMILARITIES = ("l2", "l1", "cosine", "dot")
EXACT_TOLERANCE, FLOAT32_TOLERANCE = 1e-12, 1e-6
BLOCK_PAIRS = {"cpu": 1 << 20, "cuda": 1 << 24}
"""Pairs of rows in work at once: on a CPU what its cache holds, on a GPU what keeps it busy."""
LEAST_ROWS = 32


class RnCLoss(nn.Module):
    """Rank-N-Contrast loss (Zha et al. 2023, "Rank-N-Contrast", equations 1-3).

    The mean over all rows i and j != i of

        -log( exp(s_ij / T) / sum over k != i with d_ik >= d_ij of exp(s_ik / T) )

    where a row is one view of a sample, s a similarity of features and d a difference of labels
    (zero between views of a sample). Time is O(n² (d + log n)), memory O(n) times a block of rows
    (a feature similarity other than "l2", "dot" and "cosine" also holds matrices of n × n).

    Label differences are taken in float64. Two differences d_ij and d_ik count as equal within the
    reach of rounding: d_ij plus the size of label i (for a callable: d_ij), times 1e-6 for float32
    and shorter labels, times 1e-12 for float64 and integers, and at least a step of 1e-13 of the
    largest label. So multiplying all labels by a constant changes nothing.

    Computed in float32 (float64 for float64 features), also under autocast. Rows whose similarities
    span more than the precision can hold are done in float64 or in logarithms. Two rows with equal
    features have the zero subgradient of their distance. There is no second derivative.

    Args:
        temperature: T, positive.
        label_diff: "l1", "l2", or a function of float64 labels (r, k) and (n, k) that returns the
            (r, n) differences, none negative; a sample with itself counts as zero.
        feature_sim: "l2" or "l1" (minus that distance), "cosine", "dot", or a function of features
            (n, d) and (n, d) that returns (n, n) similarities.

    Raises:
        ValueError: an unknown name, a temperature that is not positive and finite.
    """

    def __init__(
        self,
        temperature: float = 2,
        label_diff: str | PairFunction = "l1",
        feature_sim: str | PairFunction = "l2",
    ) -> None:
        super().__init__()
        if not 0 < temperature < float("inf"):
            raise ValueError(f"temperature must be positive and finite, not {temperature}")
        _check_name("label_diff", label_diff, LABEL_DIFFERENCES)
        _check_name("feature_sim", feature_sim, FEATURE_SIMILARITIES)
        self.temperature = float(temperature)
        self.label_diff = label_diff
        self.feature_sim = feature_sim

    def forward(self, features: Tensor, labels: Tensor, part: tuple[int, int] = WHOLE) -> Tensor:
        """The loss of a batch, a scalar in float32 (float64 for float64 features).

        Args:
            features: (n, views, d), or (n, d) for one view; n · views must be at least 2.
            labels: (n,) or (n, k), floating or integer, finite.
            part: (k, m): only the terms of the k-th of m runs of rows i, about equally many, in
                the order of their labels or of the batch; the sum over all k below m is the loss.

        Raises:
            ValueError: shapes that do not fit, fewer than two rows, labels that are not finite.
        """
        stacked = features.unsqueeze(1) if features.dim() == 2 else features
        _check_batch(stacked, features, labels)
        order = self._order(labels.detach().to(features.device), stacked.shape[1])
        with torch.autocast(features.device.type, enabled=False):
            exact = stacked if stacked.dtype == torch.float64 else stacked.float()
            rows = exact.index_select(0, order.permutation).transpose(0, 1).flatten(0, 1)
            kind, tensor = self._energies_input(rows)
            loss: Tensor = _RankNContrast.apply(  # type: ignore[no-untyped-call]
                tensor, order, kind, part
            )
        return loss

    def extra_repr(self) -> str:
        return (
            f"temperature={self.temperature:g}, label_diff={self.label_diff!r}, "
            f"feature_sim={self.feature_sim!r}"
        )

    def _order(self, labels: Tensor, views: int) -> FarnessOrder:
        rough = labels.is_floating_point() and labels.dtype != torch.float64
        tolerance = FLOAT32_TOLERANCE if rough else EXACT_TOLERANCE
        values = labels.double().reshape(len(labels), -1)
        if callable(self.label_diff):
            function, none = _checked(self.label_diff, "label_diff"), values.new_zeros(len(values))
            return ComparedLabels(values, function, none, views, tolerance)
        kernel = kernel_for(values.device, len(values)) if values.shape[1] == 1 else None
        if kernel is not None:
            return WalkedLabels(values[:, 0], views, tolerance, kernel)
        power = LABEL_DIFFERENCES[self.label_diff]
        sizes = torch.linalg.vector_norm(values, power, dim=1)

        def compare(some: Tensor, all_labels: Tensor) -> Tensor:
            return torch.cdist(
                some, all_labels, p=power, compute_mode="donot_use_mm_for_euclid_dist"
            )

        return ComparedLabels(values, compare, sizes, views, tolerance)

    def _energies_input(self, rows: Tensor) -> tuple[str, Tensor]:
        if self.feature_sim == "l2":
            return "distances", rows / self.temperature
        if self.feature_sim == "dot":
            return "products", rows / self.temperature**0.5
        if self.feature_sim == "cosine":
            return "products", unit(rows) / self.temperature**0.5
        if self.feature_sim == "l1":
            return "given", torch.cdist(rows, rows, p=1.0) / -self.temperature
        assert callable(self.feature_sim)
        similarity = _checked(self.feature_sim, "feature_sim")(rows, rows)
        return "given", similarity.to(rows.dtype) / self.temperature


class _RankNContrast(torch.autograd.Function):
    """Loss and gradient in one pass over blocks of rows; the backward pass only scales it."""

    @staticmethod
    def forward(
        ctx: Any, tensor: Tensor, order: FarnessOrder, kind: str, part: tuple[int, int]
    ) -> Tensor:
        scratch = Scratch.of(tensor.device)
        source = ENERGIES[kind](tensor, scratch)
        count, wanted = tensor.shape[0], ctx.needs_input_grad[0]
        views = count // order.samples
        block = _samples_at_once(tensor.device, count, views)
        total = torch.zeros((), dtype=torch.float64, device=tensor.device)
        first, last = (order.samples * (part[0] + end) // part[1] for end in (0, 1))
        for start in range(first, last, block):
            stop = min(start + block, last)
            rows = Rows(start, stop, order.samples, views)
            energy, least = source.energies(rows)
            terms = row_terms(energy, least, order.block(start, stop, scratch), scratch, wanted)
            total += terms.log_denominators
            if terms.slope is not None:
                source.pull(rows, terms.slope)
        pairs = count * (count - 1)
        if wanted:
            ctx.save_for_backward(source.finish().div_(pairs))
        return ((total + source.total) / pairs).to(tensor.dtype)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, None]:
        if torch.is_grad_enabled():
            raise RuntimeError("RnCLoss has no second derivative: create_graph must be False")
        (gradient,) = ctx.saved_tensors
        return gradient * upstream, None, None, None


def _samples_at_once(device: torch.device, count: int, views: int) -> int:
    rows = BLOCK_PAIRS.get(device.type, BLOCK_PAIRS["cpu"]) // count
    return max(rows, LEAST_ROWS) // views or 1


def _check_name(argument: str, given: object, allowed: Any) -> None:
    if callable(given) or given in allowed:
        return
    close = get_close_matches(str(given), allowed, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise ValueError(
        f"{argument}={given!r} is not known: {hint}allowed: {', '.join(allowed)}, or a function"
    )


def _check_batch(stacked: Tensor, features: Tensor, labels: Tensor) -> None:
    shape = tuple(features.shape)
    if stacked.dim() != 3 or 0 in shape[1:]:
        raise ValueError(f"features must be (n, views, d) or (n, d), not {shape}")
    if not features.is_floating_point():
        raise ValueError(f"features must be floating point, not {features.dtype}")
    if labels.dim() not in (1, 2) or 0 in labels.shape[1:]:
        raise ValueError(f"labels must be (n,) or (n, k), not {tuple(labels.shape)}")
    if len(labels) != len(features):
        raise ValueError(f"{len(features)} samples in features {shape}, but {len(labels)} labels")
    if labels.dtype == torch.bool or labels.is_complex():
        raise ValueError(f"labels must be real numbers, not {labels.dtype}")
    if stacked.shape[0] * stacked.shape[1] < 2:
        raise ValueError(f"at least two rows (samples times views) are needed, got {shape}")
    if not labels.isfinite().all():
        bad = (~labels.isfinite()).reshape(len(labels), -1).any(1).nonzero().flatten()
        raise ValueError(
            f"labels must be finite; {len(bad)} are not, the first in row {int(bad[0])}"
        )


def _checked(function: PairFunction, argument: str) -> PairFunction:
    def call(some: Tensor, others: Tensor) -> Tensor:
        pairs = function(some, others)
        wanted = (len(some), len(others))
        if tuple(pairs.shape) != wanted:
            raise ValueError(f"{argument} returned {tuple(pairs.shape)} instead of {wanted}")
        if argument == "label_diff" and not bool((pairs >= 0).logical_and(pairs.isfinite()).all()):
            raise ValueError("label_diff returned a negative, infinite or NaN difference")
        return pairs

    return call
