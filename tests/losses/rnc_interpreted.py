"""Run by test_rnc_triton.py with TRITON_INTERPRET=1: the kernel for GPUs, carried out by numpy."""

import torch
from torch import Tensor

from nearfar.losses.rnc import kernel_triton, module
from nearfar.losses.rnc.module import RnCLoss


def random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


LABELS = {
    "random": lambda n: torch.randn(n, generator=random(n)),
    "float64": lambda n: torch.randn(n, generator=random(n), dtype=torch.float64),
    "ages": lambda n: torch.randint(0, max(2, n // 6), (n,), generator=random(n)),
    "steps": lambda n: torch.arange(n).flip(0) * 0.1,
    "heavy tail": lambda n: torch.randn(n, generator=random(n)).mul(3).exp(),
    "outliers": lambda n: torch.arange(n).double() ** 9 - 1e9,
    "all equal": lambda n: torch.full((n,), -4.25),
}


def loss_and_gradient(features: Tensor, labels: Tensor, interpreted: bool) -> list[Tensor]:
    module.kernel_for = lambda *_: kernel_triton if interpreted else None
    features = features.clone().requires_grad_()
    loss = RnCLoss()(features, labels)
    return [loss.detach(), *torch.autograd.grad(loss, features)]


def check(n: int, views: int, name: str, dtype: torch.dtype, scale: float = 1.0) -> None:
    batch = torch.randn(n, views, 5, generator=random(n + views), dtype=dtype) * scale
    labels = LABELS[name](n)
    wanted = loss_and_gradient(batch, labels, interpreted=False)
    found = loss_and_gradient(batch, labels, interpreted=True)
    rtol = 1e-11 * max(scale, 1) if dtype == torch.float64 else 1e-5
    least = max(float(wanted[1].abs().max()), 1 / n)
    for one, other, size in zip(found, wanted, (1.0, least), strict=True):
        message = f"{n} samples, {views} views, labels {name}, {dtype}, times {scale:g}"
        torch.testing.assert_close(
            one, other, rtol=rtol, atol=rtol * size, msg=lambda said, m=message: f"{m}\n{said}"
        )


# A row takes some 20 ms.
assert kernel_triton.is_right(torch.device("cpu"))
for name in LABELS:
    for n, views in ((3, 1), (7, 2)):
        check(n, views, name, torch.float64)
check(1, 2, "random", torch.float64)
check(2, 3, "random", torch.float64)
check(33, 1, "ages", torch.float64)
for scale in (1.0, 100.0, 1e4):
    check(6, 2, "heavy tail", torch.float32, scale)

weight = torch.ones(4, 4).fill_diagonal_(0)
weight[2, 0] = 1e-20
lattice = torch.tensor([-9, 1, 2, 4]) << 40
logs = kernel_triton.log_sums(weight, lattice, torch.arange(4), tolerance=1e-12, smallest=1e-10)
assert logs.isneginf().tolist() == [False, False, True, False], "which rows are not done"
