"""MoCo one step at a time, in plain tensors: a reference for ``MomentumContrast``.

The network is affine → batch norm → ReLU → affine → affine (the projection) → length 1. Batch norm
is written out, with groups of rows of their own statistics.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

EPS, BN_MOMENTUM = 1e-5, 0.1


@dataclass
class Network:
    """Weights, in the order of encoder and projection, and running statistics."""

    weights: list[Tensor]
    mean: Tensor
    variance: Tensor

    def __call__(self, rows: Tensor, groups: list[list[int]] | None) -> Tensor:
        w1, b1, scale, shift, w2, b2, w3, b3 = self.weights
        hidden = rows @ w1.T + b1
        if groups is None:
            hidden = (hidden - self.mean) / (self.variance + EPS).sqrt()
        else:
            hidden = self.normalised(hidden, groups)
        hidden = torch.clamp(hidden * scale + shift, min=0) @ w2.T + b2
        result = hidden @ w3.T + b3
        return result / result.square().sum(1, keepdim=True).sqrt()

    def normalised(self, hidden: Tensor, groups: list[list[int]]) -> Tensor:
        result: list[Tensor] = [hidden[0]] * len(hidden)
        means, variances = [], []
        for group in groups:
            mean = sum(hidden[i] for i in group) / len(group)
            square = sum((hidden[i] - mean) ** 2 for i in group)
            for i in group:
                result[i] = (hidden[i] - mean) / (square / len(group) + EPS).sqrt()
            means.append(mean.detach())
            variances.append((square / (len(group) - 1)).detach())
        for running, found in ((self.mean, means), (self.variance, variances)):
            running.mul_(1 - BN_MOMENTUM).add_(BN_MOMENTUM * sum(found) / len(found))
        return torch.stack(result)


def groups_of(rows: int, wanted: int) -> list[list[int]]:
    count = max(1, min(wanted, rows // 2))
    return [[i for i in range(rows) if i % count == g] for g in range(count)]


@dataclass
class Reference:
    """Query, key, and a queue as a list whose oldest key is at ``oldest``."""

    query: Network
    key: Network
    queue: list[Tensor]
    momentum: float
    temperature: float
    groups: int
    symmetric: bool
    oldest: int = 0
    picked: float = 0
    asked: int = 0

    def one_way(self, query_view: Tensor, key_view: Tensor) -> tuple[Tensor, list[Tensor]]:
        count = len(query_view)
        groups = groups_of(count, self.groups)
        queries = self.query(query_view, groups)
        order = list(range(count))
        if self.groups > 1:
            order = torch.randperm(count).tolist()
        with torch.no_grad():
            shuffled = self.key(torch.stack([key_view[i] for i in order]), groups)
        keys: list[Tensor] = [shuffled[0]] * count
        for place, row in enumerate(order):
            keys[row] = shuffled[place]
        losses = []
        for query, key in zip(queries, keys, strict=True):
            logits = torch.stack([query @ key, *(query @ old for old in self.queue)])
            losses.append((logits / self.temperature).logsumexp(0) - logits[0] / self.temperature)
            self.picked += float(logits.detach().argmax()) == 0
            self.asked += 1
        return torch.stack(losses).mean(), keys

    def loss(self, one: Tensor, other: Tensor) -> Tensor:
        with torch.no_grad():
            for mine, leading in zip(self.key.weights, self.query.weights, strict=True):
                mine.copy_(self.momentum * mine + (1 - self.momentum) * leading)
        loss, keys = self.one_way(one, other)
        if self.symmetric:
            second, more = self.one_way(other, one)
            loss, keys = (loss + second) / 2, keys + more
        for key in keys:
            self.queue[self.oldest] = key
            self.oldest = (self.oldest + 1) % len(self.queue)
        return loss
