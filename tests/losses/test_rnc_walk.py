"""The compiled walk along sorted labels gives what stored orders give, however it is started."""

import subprocess
import sys
from functools import partial

import pytest
import torch
from rnc_batches import LABELS, assert_agree, features, loss_and_gradient
from torch import Tensor

import nearfar.losses.rnc.module as module
import nearfar.losses.rnc.walk as walk

needs_numba = pytest.mark.skipif(
    walk.kernel_for(torch.device("cpu"), 2) is None, reason="numba is not installed"
)


def assert_both_ways_agree(
    batch: Tensor, labels: Tensor, rtol: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked = loss_and_gradient(batch, labels)
    with monkeypatch.context() as patch:
        patch.setattr(module, "kernel_for", lambda *_: None)
        stored = loss_and_gradient(batch, labels)
    assert_agree(walked, stored, rtol)


@needs_numba
@pytest.mark.parametrize("views", [1, 2, 3])
@pytest.mark.parametrize("n", [2, 3, 4, 5, 8, 17, 64, 65, 66, 70])
@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_walked_and_stored_orders_agree(
    labels: partial[Tensor], n: int, views: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for dtype, rtol in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        assert_both_ways_agree(features(n, views, dtype), labels(n), rtol, monkeypatch)


@needs_numba
@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("backwards", [False, True])
def test_equal_features_agree_in_either_direction(
    labels: partial[Tensor], backwards: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = features(20, 2, torch.float64)
    batch = torch.cat([half, half.flip(1) if backwards else half])
    for order in (batch, batch.flip(0)):
        assert_both_ways_agree(order, labels(40), 1e-12, monkeypatch)


@needs_numba
@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("scale", [100.0, 1e4])
def test_rows_beyond_the_precision_agree(
    labels: partial[Tensor], scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_both_ways_agree(features(30, 2, torch.float64) * scale, labels(30), 1e-9, monkeypatch)


@needs_numba
def test_logarithms_of_long_products_stay_in_range(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = features(400, 1, torch.float64)
    for scale in (1e-3, 1.0, 30.0, 150.0):
        labels = LABELS["float64"](400)
        assert_both_ways_agree(batch * scale, labels, 1e-11 * max(scale, 1), monkeypatch)


def run_apart(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


BATCH = """
import sys
import torch
from nearfar.losses import RnCLoss
from nearfar.losses.rnc import walk
assert "numba" not in sys.modules or sys.modules["numba"] is None
features = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
loss = RnCLoss()(features, torch.arange(40) % 13)
loss.backward()
print(walk.kernel_for(torch.device("cpu"), 2) is None, loss.item(), features.grad.norm().item())
"""


@needs_numba
def test_numba_is_loaded_late_and_may_be_missing() -> None:
    without = run_apart("import sys\nsys.modules['numba'] = None\n" + BATCH)
    usual = run_apart(BATCH)
    assert (without[0], usual[0]) == ("True", "False")
    for mine, wanted in zip(usual[1:], without[1:], strict=True):
        assert float(mine) == pytest.approx(float(wanted), rel=1e-5)
