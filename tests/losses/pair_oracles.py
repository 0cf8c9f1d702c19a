"""Losses over views, pairs, triplets and queues as their definitions say, in loops, in float64.

Losses over distances take a matrix (n, n); ``distance`` gives one entry of it.
"""

import torch
from torch import Tensor

ZERO = torch.zeros((), dtype=torch.float64)


def cosine(one: Tensor, other: Tensor) -> Tensor:
    return (one @ other) / (one.square().sum().sqrt() * other.square().sum().sqrt())


def log_sum_exp(values: list[Tensor]) -> Tensor:
    top = max(float(v.detach()) for v in values)
    total = ZERO
    for value in values:
        total = total + (value - top).exp()
    return top + total.log()


def mean(values: list[Tensor]) -> Tensor:
    return sum(values, start=ZERO) / len(values) if values else ZERO


def distance(one: Tensor, other: Tensor) -> Tensor:
    difference = one - other
    if bool((difference == 0).all()):
        return difference.sum() * 0
    largest = float(difference.detach().abs().max())
    return (difference / largest).square().sum().sqrt() * largest


def distances(rows: Tensor) -> Tensor:
    return torch.stack([torch.stack([distance(a, b) for b in rows]) for a in rows])


def nt_xent(one: Tensor, other: Tensor, temperature: float) -> Tensor:
    rows = [*one.double(), *other.double()]
    terms = []
    for i in range(len(rows)):
        partner = (i + len(one)) % len(rows)
        rest = [cosine(rows[i], rows[k]) / temperature for k in range(len(rows)) if k != i]
        terms.append(log_sum_exp(rest) - cosine(rows[i], rows[partner]) / temperature)
    return mean(terms)


def sup_con(features: Tensor, labels: Tensor, temperature: float) -> Tensor:
    if features.dim() == 2:
        features = features[:, None]
    rows, classes = [], []
    for sample, label in zip(features.double(), labels.tolist(), strict=True):
        for view in sample:
            rows.append(view)
            classes.append(label)
    terms = []
    for i in range(len(rows)):
        others = [k for k in range(len(rows)) if k != i]
        positives = [k for k in others if classes[k] == classes[i]]
        if positives:
            whole = log_sum_exp([cosine(rows[i], rows[k]) / temperature for k in others])
            terms.append(mean([whole - cosine(rows[i], rows[p]) / temperature for p in positives]))
    return mean(terms)


def info_nce(
    queries: Tensor, keys: Tensor, queue: Tensor, temperature: float
) -> tuple[Tensor, float]:
    terms, picked = [], 0
    for query, key in zip(queries.double(), keys.double(), strict=True):
        positive = query @ key / temperature
        negatives = [query @ row / temperature for row in queue.double()]
        terms.append(log_sum_exp([positive, *negatives]) - positive)
        picked += all(float(positive.detach()) > float(negative.detach()) for negative in negatives)
    return mean(terms), picked / len(queries)


def contrastive(d: Tensor, labels: Tensor, margin: float) -> Tensor:
    terms = []
    for i in range(len(labels)):
        for j in range(i + 1, len(labels)):
            if labels[i] == labels[j]:
                terms.append(d[i, j] * d[i, j] / 2)
            else:
                terms.append(torch.clamp(margin - d[i, j], min=0) ** 2 / 2)
    return mean(terms)


def triplet(d: Tensor, labels: Tensor, margin: float, mining: str) -> Tensor:
    count, terms, near = len(labels), [], d.detach()
    for a in range(count):
        positives = [p for p in range(count) if p != a and labels[p] == labels[a]]
        negatives = [n for n in range(count) if labels[n] != labels[a]]
        if mining == "batch_hard" and positives and negatives:
            p = max(positives, key=lambda k: float(near[a, k]))
            n = min(negatives, key=lambda k: float(near[a, k]))
            terms.append(torch.clamp(margin + d[a, p] - d[a, n], min=0))
        for p in positives:
            if mining == "all":
                losses = [margin + d[a, p] - d[a, n] for n in negatives]
                terms += [loss for loss in losses if loss.detach() > 0]
            farther = [n for n in negatives if near[a, n] > near[a, p]]
            if mining == "semi_hard" and farther:
                n = min(farther, key=lambda k: float(near[a, k]))
                loss = margin + d[a, p] - d[a, n]
                terms += [loss] if loss.detach() > 0 else []
    return mean(terms)


def log_of_one_and(exponents: list[Tensor]) -> Tensor:
    """log(1 + sum of exp), exact also where the sum is far below 1."""
    if not exponents:
        return ZERO
    if all(float(e.detach()) < 0 for e in exponents):
        return torch.log1p(sum((e.exp() for e in exponents), start=ZERO))
    return log_sum_exp([ZERO, *exponents])


def pair_likelihood(features: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """-log p = log(1 + rest/e_j) and -log(1 - p) = log(1 + e_j/rest), rest without i and j."""
    rows, terms = features.double(), []
    for i in range(len(rows)):
        others = [k for k in range(len(rows)) if k != i]
        logits = {k: rows[i] @ rows[k] / temperature for k in others}
        for j in others:
            left = [logits[k] for k in others if k != j]
            if labels[i] == labels[j]:
                terms.append(log_of_one_and([value - logits[j] for value in left]))
            elif len(others) > 1:
                terms.append(log_of_one_and([logits[j] - log_sum_exp(left)]))
    return mean(terms)
