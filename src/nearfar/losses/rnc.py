"""Rank-N-Contrast (Zha et al. 2023, "Rank-N-Contrast", equations 1-3)."""

import torch
from torch import Tensor, nn


class RnCLoss(nn.Module):
    """Mean over i and j != i of -log(exp(s_ij/T) / sum of exp(s_ik/T) over k != i, d_ik >= d_ij)."""

    def __init__(
        self, temperature: float = 2, label_diff: str = "l1", feature_sim: str = "l2"
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.label_diff = label_diff
        self.feature_sim = feature_sim

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        if features.dim() == 2:
            features = features[:, None]
        views = features.shape[1]
        rows = features.transpose(0, 1).flatten(0, 1).float()
        n = rows.shape[0]
        y = labels.reshape(labels.shape[0], -1).double().repeat(views, 1)
        with torch.no_grad():
            diff = torch.cdist(y, y, p=1.0)
            diff.fill_diagonal_(-1.0)
            far, order = diff.sort(dim=1, descending=True)
            far, order = far[:, :-1].neg().contiguous(), order[:, :-1]
            tolerance = 8 * torch.finfo(torch.float32).eps * y.abs().max()
            last = torch.searchsorted(far, far + tolerance, right=True) - 1
        distance = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")
        logits = (-distance / self.temperature).gather(1, order)
        log_denominator = logits.logcumsumexp(dim=1).gather(1, last)
        return (log_denominator - logits).sum() / (n * (n - 1))
