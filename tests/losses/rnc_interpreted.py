"""Run by test_rnc_triton.py with TRITON_INTERPRET=1: the kernel for GPUs, carried out by numpy."""

import torch
from rnc_batches import LABELS, assert_agree, features, loss_and_gradient

from nearfar.losses.rnc import kernel_triton, module


def check(n: int, views: int, name: str, dtype: torch.dtype, scale: float = 1.0) -> None:
    print(f"{n} samples, {views} views, labels {name}, {dtype}, times {scale:g}")
    batch, labels = features(n, views, dtype) * scale, LABELS[name](n)
    module.kernel_for = lambda *_: None
    wanted = loss_and_gradient(batch, labels)
    module.kernel_for = lambda *_: kernel_triton
    found = loss_and_gradient(batch, labels)
    assert_agree(found, wanted, 1e-11 * max(scale, 1) if dtype == torch.float64 else 1e-5)


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
