"""Which device a run is computed on."""

import pytest
import torch

from nearfar.errors import UserError
from nearfar.train.device import MIXED, pick_device, precision_of


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    cuda, mps = request.param
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("there", "wanted", "device"),
    [
        ((False, False), "auto", "cpu"),
        ((True, False), "auto", "cuda"),
        ((False, True), "auto", "cpu"),
        ((True, False), "cuda", "cuda"),
        ((True, False), "cpu", "cpu"),
    ],
    indirect=["there"],
)
def test_device_is_the_one_wanted_or_the_best_there(there: None, wanted: str, device: str) -> None:
    assert pick_device(wanted) == device


@pytest.mark.parametrize(
    ("there", "wanted", "said"),
    [
        ((False, False), "cuda", "--device cuda: torch finds no such device here"),
        ((False, False), "mps", "--device mps: torch finds no such device here"),
        ((False, True), "mps", "--device mps: Apple's GPUs do not compute in float64"),
        ((False, False), "cudo", "--device: unknown value 'cudo'; did you mean 'cuda'"),
    ],
    indirect=["there"],
)
def test_device_that_cannot_be_is_refused(there: None, wanted: str, said: str) -> None:
    with pytest.raises(UserError) as refusal:
        pick_device(wanted)
    assert str(refusal.value).startswith(said)


@pytest.mark.parametrize("there", [(False, False)], indirect=True)
def test_what_is_trained_elsewhere_needs_no_device_here(there: None) -> None:
    assert pick_device("cuda", elsewhere=True) == "cuda"
    assert precision_of("cuda", "image") == MIXED
    with pytest.raises(UserError, match="unknown value"):
        pick_device("cudo", elsewhere=True)
