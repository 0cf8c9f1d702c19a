"""Projections with batch norm, as the objectives without negatives have them."""

from itertools import pairwise

from torch import nn


def normed_projection(
    inputs: int, hidden: tuple[int, ...], out: int, *, normed_out: bool = False
) -> nn.Sequential:
    """Return an MLP whose hidden layers are affine map, batch norm, ReLU; the last is affine.

    Args:
        inputs: width of what it takes.
        hidden: widths of the hidden layers; none: one affine map.
        out: width of what it gives.
        normed_out: end in a batch norm without weights of its own.
    """
    widths = [inputs, *hidden]
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        # The batch norm takes the mean away, so a bias would do nothing.
        layers += [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU()]
    layers.append(nn.Linear(widths[-1], out, bias=not normed_out))
    if normed_out:
        layers.append(nn.BatchNorm1d(out, affine=False))
    return nn.Sequential(*layers)
