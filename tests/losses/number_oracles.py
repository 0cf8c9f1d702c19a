"""Losses of features and numbers, and of several labels, by definition: loops in float64."""

import math
from collections.abc import Sequence

import torch
from pair_oracles import ZERO, cosine, distance, log_sum_exp, mean
from torch import Tensor


def label_distance(one: Tensor, other: Tensor) -> float:
    return float((one.double() - other.double()).abs().sum())


def first_of_each(labels: Tensor) -> list[int]:
    seen: list[list[float]] = []
    chosen = []
    for i, label in enumerate(labels.reshape(len(labels), -1).tolist()):
        if label not in seen:
            seen.append(label)
            chosen.append(i)
    return chosen


def ranks(values: Sequence[float]) -> list[float]:
    """The largest first, over their number; equal ones share the mean of their ranks."""
    found = []
    for value in values:
        greater = sum(other > value for other in values)
        equal = sum(other == value for other in values)
        found.append((greater + (equal + 1) / 2) / len(values))
    return found


def ranksim(features: Tensor, labels: Tensor, interpolation: float) -> tuple[float, Tensor]:
    """The value, and the gradient of the cosines that stands in the place of that of ranks."""
    rows = first_of_each(labels)
    total, slopes = 0.0, torch.zeros(len(features), len(features), dtype=torch.float64)
    for i in rows:
        near = [float(cosine(features[i], features[j])) for j in rows]
        wanted = ranks([-label_distance(labels[i], labels[j]) for j in rows])
        found = ranks(near)
        total += sum((a - b) ** 2 for a, b in zip(found, wanted, strict=True)) / len(rows)
        upstream = [2 * (a - b) / len(rows) for a, b in zip(found, wanted, strict=True)]
        moved = ranks([s + interpolation * g for s, g in zip(near, upstream, strict=True)])
        for j, before, after in zip(rows, found, moved, strict=True):
            slopes[i, j] = -(before - after) / interpolation
    return total, slopes


def ordinal_entropy(features: Tensor, labels: Tensor, diversity: float, tightness: float) -> Tensor:
    kept = first_of_each(labels)
    groups = [[k for k in range(len(labels)) if torch.equal(labels[k], labels[i])] for i in kept]
    lengths = [row / row.square().sum().sqrt() for row in features]
    centres = []
    for group in groups:
        centre = mean([features[k] for k in group])
        centres.append(centre / centre.square().sum().sqrt())
    gaps = [
        (lengths[k] - centre).square().sum()
        for group, centre in zip(groups, centres, strict=True)
        for k in group
        if len(group) > 1
    ]
    pairs = [(a, b) for a in range(len(kept)) for b in range(a + 1, len(kept))]
    spread = ZERO
    if pairs:
        apart = [label_distance(labels[kept[a]], labels[kept[b]]) for a, b in pairs]
        weights = [(w - min(apart)) / max(apart) for w in apart]
        spread = mean(
            [w * distance(centres[a], centres[b]) for w, (a, b) in zip(weights, pairs, strict=True)]
        )
    return tightness * mean(gaps) - diversity * spread


def supremix(
    features: Tensor, labels: Tensor, shares: Tensor, temperature: float, window: float
) -> Tensor:
    if features.dim() == 2:
        features = features[:, None]
    rows, y = [], []
    for sample, label in zip(features, labels.tolist(), strict=True):
        for view in sample:
            rows.append(view / view.square().sum().sqrt())
            y.append(label)
    n, terms = len(rows), []
    for i in range(n):
        positives, logs = [], []
        for k in range(n):
            if k != i:
                logit = rows[i] @ rows[k] / temperature
                logs.append(logit + math.log(1 + abs(y[i] - y[k])))
                positives += [logit] if y[k] == y[i] else []
            if y[k] != y[i]:
                share = float(shares[i, k])
                mixed = share * rows[i] + (1 - share) * rows[k]
                label = share * y[i] + (1 - share) * y[k]
                logs.append(rows[i] @ mixed / temperature + math.log(1 + abs(y[i] - label)))
        for j in range(n):
            for k in range(n):
                if y[i] - window < y[j] < y[i] < y[k] < y[i] + window:
                    share = (y[k] - y[i]) / (y[k] - y[j])
                    mixed = share * rows[j] + (1 - share) * rows[k]
                    positives.append(rows[i] @ mixed / temperature)
                    logs.append(rows[i] @ mixed / temperature)
        if positives:
            terms.append(log_sum_exp(logs) - mean(positives))
    return mean(terms)


def mul_sup_con(features: Tensor, labels: Tensor, temperature: float) -> Tensor:
    if features.dim() == 2:
        features = features[:, None]
    rows, has = [], []
    for sample, row in zip(features, labels.tolist(), strict=True):
        for view in sample:
            rows.append(view)
            has.append(row)
    terms = []
    for i in range(len(rows)):
        others = [k for k in range(len(rows)) if k != i]
        whole = log_sum_exp([cosine(rows[i], rows[k]) / temperature for k in others])
        for label in range(labels.shape[1]):
            positives = [k for k in others if has[i][label] == has[k][label] == 1]
            if positives:
                near = [whole - cosine(rows[i], rows[p]) / temperature for p in positives]
                terms.append(mean(near))
    return mean(terms)
