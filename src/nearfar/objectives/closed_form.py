"""The loss of a small classifier and its gradients, without autograd.

On a few features autograd's bookkeeping costs more than the arithmetic; written out, the loss and
its gradients take half the time.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from nearfar.heads.networks import MLP, Linear


def affine_maps(head: nn.Module) -> list[nn.Linear] | None:
    """Return the affine maps of a head that has nothing but ReLU between them, else None."""
    if isinstance(head, Linear):
        return [head.map]
    if not isinstance(head, MLP) or any(isinstance(part, nn.Dropout) for part in head.map):
        return None
    return [part for part in head.map if isinstance(part, nn.Linear)]


@torch.no_grad()
def cross_entropy_step(
    maps: Sequence[nn.Linear], features: Tensor, classes: Tensor
) -> tuple[Tensor, Tensor]:
    """Return logits (b, classes) and the mean cross-entropy; leave its gradients in ``maps``.

    Args:
        maps: affine maps, ReLU between them.
        features: float32 (b, d), what the first map takes.
        classes: the number of each row's class, int64 (b,).
    """
    activations, last = [features], len(maps) - 1
    for k, affine in enumerate(maps):
        activations.append(torch.addmm(affine.bias, activations[-1], affine.weight.t()))
        if k < last:
            activations[-1].relu_()
    logits = activations.pop()
    log_p = logits.log_softmax(1)
    loss = functional.nll_loss(log_p, classes)
    grad = log_p.exp_()
    grad.scatter_add_(1, classes[:, None], grad.new_full((1, 1), -1.0).expand(len(grad), 1))
    grad /= len(features)
    for affine, given in zip(reversed(maps), reversed(activations), strict=True):
        affine.weight.grad, affine.bias.grad = grad.t() @ given, grad.sum(0)
        if given is not features:
            grad = (grad @ affine.weight).mul_(given > 0)
    return logits, loss
