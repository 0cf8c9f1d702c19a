"""Losses and gradients of several predictors at once are those that autograd finds for each."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nearfar.data import Images
from nearfar.encoders import ENCODERS, build_encoder
from nearfar.heads import MLP, Linear
from nearfar.heads.readouts import OwnUnits
from nearfar.losses import DISTRIBUTION_LOSSES, ELEMENTWISE_LOSSES, LOSSES
from nearfar.objectives import Batch, Predictor, Rows
from nearfar.stacking.predictors import Stack, stack_of
from nearfar.stages.models import FeatureRows, Features

ROWS, WIDTH, CLASSES = 60, 6, 5
NAMED = {name: loss for found in LOSSES.values() for name, loss in found.items()}


def images(zero: int = 0) -> Images:
    pixels = torch.randint(0, 256, (ROWS, 1, 28, 28), dtype=torch.uint8)
    pixels[:, :, :, :zero] = 0
    return Images(pixels)


def predictor(
    loss: str = "cross_entropy",
    *,
    mlp: bool = False,
    cnn: bool = False,
    deep: bool = False,
    **more: Any,
) -> Predictor:
    outputs = CLASSES if loss == "cross_entropy" else 2
    encoder: Any = build_encoder("emnist_cnn", {}, images()) if cnn else Features(WIDTH)
    if deep:
        shown = FeatureRows(torch.randn(3, WIDTH))
        encoder = ENCODERS["mlp"](shown, hidden=8, dropout=more.pop("dropout", 0.0))
        encoder.norm.running_mean.normal_()
    width = encoder.out_features
    made = MLP(width, outputs, hidden=(7, 4)) if mlp else Linear(width, outputs)
    if cnn:
        with torch.no_grad():
            for parameter in encoder.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
    more.setdefault("trained", "all" if cnn or deep else "head")
    told = {"classifies": loss == "cross_entropy", "elementwise": ELEMENTWISE_LOSSES[loss]}
    return Predictor(encoder, made, NAMED[loss], **told, **more).double()


def task(module: Predictor, data: Any = None) -> Any:
    return SimpleNamespace(module=module, data=data or Rows(None, None))


def batch(rows: int, loss: str, *, cnn: bool, weights: Tensor | None = None) -> Batch:
    if cnn:
        inputs = images(zero=12).select(torch.arange(rows)).double()
    else:
        inputs = torch.randn(rows, WIDTH).double()
    if loss == "cross_entropy":
        return Batch((inputs,), torch.randint(CLASSES, (rows, 1)).double())
    return Batch((inputs,), torch.randn(rows, 2).double(), weights)


def by_autograd(module: Predictor, given: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    loss = module.train().loss(given)
    loss.backward()
    named = {n: p for n, p in module.named_parameters() if p.requires_grad}
    found = {name: p.grad for name, p in named.items() if p.grad is not None}
    assert found.keys() == named.keys()
    return loss.detach(), found


def gradients(stack: Stack, k: int) -> dict[str, Tensor]:
    """What the stack says of module k, in the places of its parameters."""
    offset = stack.gradients.storage_offset()
    return {
        name: stack.gradients.as_strided(p.shape, p.stride(), offset + p.storage_offset())
        for name, p in stack.modules[k].named_parameters()
        if p.requires_grad
    }


KINDS: dict[str, dict[str, Any]] = {
    "linear": {},
    "mlp": {"mlp": True},
    "l1": {"loss": "l1"},
    "mse": {"loss": "mse", "mlp": True},
    "huber": {"loss": "huber"},
    "deep": {"deep": True, "mlp": True},
    "deep, mse": {"deep": True, "loss": "mse"},
    "deep, statistics held": {"deep": True, "batch_norm": "eval"},
    "deep, one layer": {"deep": True, "trained": 1},
    "cnn": {"cnn": True},
    "cnn, mlp": {"cnn": True, "mlp": True},
    "cnn, mse": {"cnn": True, "loss": "mse"},
    "cnn, two layers": {"cnn": True, "trained": 2},
    "cnn, one layer": {"cnn": True, "trained": 1},
    "cnn, no layer": {"cnn": True, "trained": "head"},
}
SIZES = {"equal": [9, 9, 9], "one smaller": [9, 4, 9], "all different": [2, 9, 5]}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=list(SIZES))
@pytest.mark.parametrize("options", KINDS.values(), ids=list(KINDS))
def test_each_gets_the_gradients_that_are_its_own(
    options: dict[str, Any], sizes: list[int]
) -> None:
    torch.manual_seed(1)
    modules = [predictor(**options) for _ in sizes]
    for module in modules:
        module.standardise.mean.normal_()
        module.standardise.scale.uniform_(0.5, 2)
    loss, cnn = options.get("loss", "cross_entropy"), options.get("cnn", False)
    batches = [batch(rows, loss, cnn=cnn) for rows in sizes]
    expected = [by_autograd(*pair) for pair in zip(modules, batches, strict=True)]
    right = [module.monitor() for module in modules]
    stack = stack_of([task(module) for module in modules])
    assert stack is not None
    for _ in range(2):
        losses, told = stack.step(batches)
    for k, (value, found) in enumerate(expected):
        torch.testing.assert_close(losses[k], value, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(gradients(stack, k), found, rtol=1e-9, atol=1e-12)
        assert (told is None) == (loss != "cross_entropy")
        if told is not None:
            modules[k].note(told[k])
            assert modules[k].monitor() == right[k]


@pytest.mark.parametrize("options", [KINDS[name] for name in ("mlp", "cnn", "l1", "deep")])
def test_a_batch_may_be_shared(options: dict[str, Any]) -> None:
    torch.manual_seed(1)
    modules = [predictor(**options) for _ in range(3)]
    given = batch(9, options.get("loss", "cross_entropy"), cnn=options.get("cnn", False))
    expected = [by_autograd(module, given) for module in modules]
    stack = stack_of([task(module) for module in modules])
    assert stack is not None
    losses, _ = stack.step([given] * 3)
    for k, (value, found) in enumerate(expected):
        torch.testing.assert_close(losses[k], value, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(gradients(stack, k), found, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", ["l1", "mse", "huber"])
def test_rows_count_by_their_weights_and_targets_in_their_units(loss: str) -> None:
    torch.manual_seed(1)
    modules = []
    for _ in range(3):
        readout = OwnUnits(2).double()
        readout.fit(torch.zeros(1, 2), torch.rand(2) + 1)
        modules.append(predictor(loss, readout=readout))
    weights = [torch.rand(9).double(), None, torch.rand(4).double()]
    batches = [
        batch(9 if each is None else len(each), loss, cnn=False, weights=each) for each in weights
    ]
    expected = [by_autograd(*pair) for pair in zip(modules, batches, strict=True)]
    stack = stack_of([task(module) for module in modules])
    assert stack is not None
    losses, _ = stack.step(batches)
    for k, (value, found) in enumerate(expected):
        torch.testing.assert_close(losses[k], value, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(gradients(stack, k), found, rtol=1e-9, atol=1e-12)


def test_running_statistics_are_those_of_batch_norm() -> None:
    torch.manual_seed(1)
    modules = [predictor(deep=True) for _ in range(3)]
    norms = [nn.BatchNorm1d(WIDTH, affine=False).double() for _ in modules]
    for module, norm in zip(modules, norms, strict=True):
        norm.load_state_dict(module.encoder.norm.state_dict())  # type: ignore[union-attr,operator]
    stack = stack_of([task(module) for module in modules])
    assert stack is not None
    shared = batch(6, "cross_entropy", cnn=False)
    for sizes in ([9, 9, 9], [9, 2, 5]):
        batches = [batch(rows, "cross_entropy", cnn=False) for rows in sizes]
        for given in (batches, [shared] * 3):
            stack.step(given)
            for norm, one in zip(norms, given, strict=True):
                norm(one.inputs)
    for module, norm in zip(modules, norms, strict=True):
        kept = module.encoder.norm.state_dict()  # type: ignore[union-attr,operator]
        torch.testing.assert_close(dict(kept), dict(norm.state_dict()), rtol=1e-12, atol=1e-12)
        assert kept["num_batches_tracked"] == 4


def test_modules_see_what_happens_to_the_stack_until_they_are_released() -> None:
    modules = [predictor(cnn=True, trained=1) for _ in range(2)]
    before = {name: value.clone() for name, value in modules[1].state_dict().items()}
    inputs = batch(4, "cross_entropy", cnn=True).inputs
    outputs = modules[1].eval()(inputs)
    stack = stack_of([task(module) for module in modules])
    assert stack is not None
    torch.testing.assert_close(modules[1](inputs), outputs)  # memory aligned otherwise
    stack.values[1] += 1
    trained = {name for name, p in modules[1].named_parameters() if p.requires_grad}
    for name, value in modules[1].state_dict().items():
        assert torch.equal(value, before[name] + (name in trained)), name
    modules[1].load_state_dict(before)
    again = stack_of([task(module) for module in modules])
    assert again is not None
    assert torch.equal(stack.values, again.values)
    again.release()
    again.values[:] = 0
    for name, value in modules[1].state_dict().items():
        assert torch.equal(value, before[name]), name


class Scaled(nn.Module):
    out_features = WIDTH

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(WIDTH).double())

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * self.factor


def dropped() -> Predictor:
    made = predictor()
    made.head = MLP(WIDTH, CLASSES, dropout=0.5).double()
    return made


REFUSED: dict[str, list[Predictor]] = {
    "none": [],
    "other heads": [predictor(), predictor(mlp=True)],
    "other losses": [predictor("l1"), predictor("mse")],
    "other layers trained": [predictor(cnn=True, trained=k) for k in (1, 2)],
    "other learning rates": [predictor(cnn=True, encoder_lr=lr) for lr in (1.0, 0.5)],
    "another encoder": [Predictor(Scaled(), Linear(WIDTH, 2), NAMED["l1"]).double()] * 2,
    "dropout": [dropped()] * 2,
    "dropout in the encoder": [predictor(deep=True, dropout=0.5)] * 2,
    "batch norm otherwise": [predictor(deep=True, batch_norm=b) for b in ("train", "eval")],
    "another loss": [
        Predictor(Features(WIDTH), Linear(WIDTH, 2), DISTRIBUTION_LOSSES["cross_entropy"])
    ],
}


@pytest.mark.parametrize("modules", REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_stacked_is_left_alone(modules: list[Predictor]) -> None:
    assert stack_of([task(module) for module in modules]) is None


def test_rows_that_give_the_same_are_known() -> None:
    values, targets = torch.randn(5, 2), torch.randn(5, 1)
    shown = FeatureRows(values)
    rows = Rows(shown, targets)
    weights = torch.ones(5)

    def shaken(inputs: Tensor) -> Tensor:
        return inputs + torch.randn_like(inputs)

    assert rows.gives_what(Rows(FeatureRows(values.clone()), targets.clone()))
    assert Rows(shown, targets, weights=weights).gives_what(Rows(shown, targets, weights=weights))
    for other in (
        Rows(FeatureRows(values + 1), targets),
        Rows(Images(torch.zeros(5, 1, 2, 2, dtype=torch.uint8)), targets),
        Rows(shown, targets + 1),
        Rows(shown, targets, weights=weights),
        Rows(shown, targets, augment=shaken),
    ):
        assert not rows.gives_what(other)
    drawn = Rows(shown, targets, augment=shaken)
    assert drawn.draws
    assert not drawn.gives_what(drawn)
